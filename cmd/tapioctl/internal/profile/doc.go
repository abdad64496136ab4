// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package profile holds the commands for profiles.
package profile
