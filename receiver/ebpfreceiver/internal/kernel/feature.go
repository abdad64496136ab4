//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

// SinceSockLength is the version of Linux whose sockets have tracepoints for what is
// sent and received.
const SinceSockLength = "6.3"

// Feature is a part of a probe that works or does not.
type Feature struct {
	Name string
	// Ways are tried in turn; of a way all programs must attach.
	Ways [][]string
	// Over is the map that the feature's program walks, if it is an iterator.
	Over string
	// Since is the version of Linux that has what the feature needs, where that is later
	// than what all of them need.
	Since string
}
