// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package semconv names every attribute, metric and event that Tapio reads or
// writes. The constants are generated from registry/, in which the names of
// Tapio's own are described; docs/reference/semantic-conventions.md is too.
package semconv

// SourceEBPF is the value of Source for what the eBPF receiver observed.
const SourceEBPF = "ebpf"

// The values of NetworkIODirection and ConnectionRole.
const (
	Transmit = "transmit"
	Receive  = "receive"
	Client   = "client"
	Server   = "server"
)
