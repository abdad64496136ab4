//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/otelprofiler"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

func noLink(*protocol.Inbound) spanLink { return spanLink{} }

// Samples of threads that serve nothing, or without a certain time, go on at once.
func TestSamplesOfThreadsThatServeNothingDoNotWait(t *testing.T) {
	for _, u := range []unwoundSamples{{}, {timeline: protocol.NewTimeline()}} {
		settled := u.settle([]otelprofiler.Sample{{Thread: 7, At: 100}, {Thread: 7}}, false, noLink)
		assert.Len(t, settled, 2)
		assert.Empty(t, u.waiting)
	}
}

// Ten thousand threads, more than an interval holds of stacks and samples, are bounded: what
// finds no place is counted.
func TestTenThousandThreadsAreBounded(t *testing.T) {
	s := newSymbolizer(&Config{}, &kernel.Losses{})
	const threads, rounds = 10_000, 8
	for round := range uint64(rounds) {
		batch := make([]unwoundSample, threads)
		for i := range batch {
			batch[i].Process, batch[i].Thread = symbols.Process{PID: 1 << 30, Start: 1, Image: 1}, uint32(i)
			batch[i].Frames = []model.Frame{{Function: "work", Line: int64(round)}, {Function: "main", Line: int64(i % 4)}}
		}
		for i := range batch {
			s.unwound(&batch[i])
		}
	}
	require.Equal(t, uint64(threads*rounds-maxIntervalSamples), s.losses.Lost()["interval_full"])
	assert.Len(t, s.current.samples, maxIntervalSamples)
	assert.Len(t, s.current.known, 4*rounds, "threads share their stacks")
}
