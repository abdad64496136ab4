//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package probe watches the kernel: each file with a probe's name loads that
// probe's programs, reads what they send or count, and makes log records, spans
// and metric points of it.
package probe

import (
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// Probe is one thing to watch. All methods are called from one goroutine.
type Probe interface {
	// Name is its key in the configuration, its name in logs and metrics.
	Name() string
	Number() kernel.Number
	// Attach loads the programs and attaches them. What the kernel does not let
	// it do it leaves off and returns; the rest must work without.
	Attach(k *kernel.Kernel) []kernel.Gap
	// Decode makes of a record of the ring buffer what the pipelines take. The
	// record is valid until Decode returns. An error is counted as a loss.
	Decode(kind uint32, record []byte, out *emit.Batch) error
	// Collect adds what the kernel has counted, every collection interval.
	Collect(out *emit.Batch) error
}

// Settler is a probe that holds back what later records may complete.
type Settler interface {
	// Settle adds what has waited long enough, or with last all of it. It is
	// called before a batch goes on.
	Settle(out *emit.Batch, last bool)
}

// Runner is a probe that runs a process.
type Runner interface {
	// Exits counts its unexpected exits. It is called from any goroutine.
	Exits() uint64
}

// Loser is a probe with losses that the account of the ring buffer does not contain.
type Loser interface {
	// Lost counts by stage. It is called from any goroutine.
	Lost() map[string]uint64
}
