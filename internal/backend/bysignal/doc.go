// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package bysignal puts two backends together of which one has the log records and events,
// and the other one the remaining signals.
package bysignal
