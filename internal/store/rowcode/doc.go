// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package rowcode encodes rows for the write-ahead log: what a row shares with those before it
// is written once.
package rowcode
