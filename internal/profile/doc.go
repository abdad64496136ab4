// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package profile analyzes call trees: which functions cost most, what a flame graph
// shows of them, and how two of them differ.
package profile
