//go:build linux && (amd64 || arm64)

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/ebpf-profiler/libpf"
	"go.opentelemetry.io/ebpf-profiler/reporter/samples"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

// Samples that find no place are counted, and no frames are made of them. What was taken
// makes room.
func TestSamplesAreBoundedAndCounted(t *testing.T) {
	p := &Profiler{seen: map[uint32]symbols.Process{}}
	made := 0
	frames := func() []model.Frame {
		made++
		return nil
	}
	for range maxSamples + 7 {
		p.add(uint32(os.Getpid()), 1, "worker", 5, frames)
	}
	assert.EqualValues(t, 7, p.Lost())
	assert.Equal(t, maxSamples, made)
	taken := p.Take()
	require.Len(t, taken, maxSamples)
	assert.Equal(t, symbols.Running("/proc", uint32(os.Getpid())), taken[0].Process)
	p.add(uint32(os.Getpid()), 1, "worker", 5, frames)
	assert.Len(t, p.Take(), 1)
	assert.EqualValues(t, 7, p.Lost())
}

// The time of the first sample, and of one beside a change of the clock, is not certain.
func TestTimesAreThoseOfTheKernelsClock(t *testing.T) {
	p := &Profiler{seen: map[uint32]symbols.Process{}}
	take := &taker{of: p, offset: 1}
	for range 2 {
		meta := &samples.TraceEventMeta{PID: 1, TID: 1, Timestamp: 1234}
		require.NoError(t, take.ReportTraceEvent(&libpf.Trace{}, meta))
	}
	taken := p.Take()
	require.Len(t, taken, 2)
	assert.Zero(t, taken[0].At)
	assert.EqualValues(t, 1234, taken[1].At, "the offset is 0 where the profiler does not run")
}

// The profiler runs once it has started and sampled a program: the kernel's own threads do
// not show that, nor does a stack that could not be unwound.
func TestItRunsOnceAProgramWasSampled(t *testing.T) {
	p := &Profiler{seen: map[uint32]symbols.Process{}, decided: make(chan struct{}), ended: make(chan struct{})}
	take := &taker{of: p}
	runs := func(kinds ...libpf.FrameType) bool {
		trace := &libpf.Trace{}
		for _, kind := range kinds {
			trace.Frames.Append(&libpf.Frame{Type: kind})
		}
		require.NoError(t, take.ReportTraceEvent(trace, &samples.TraceEventMeta{PID: 1, TID: 1}))
		running, err := p.Running()
		require.NoError(t, err)
		return running
	}
	assert.False(t, runs(libpf.KernelFrame))
	close(p.decided)
	assert.False(t, runs(libpf.KernelFrame, libpf.KernelFrame))
	assert.False(t, runs(libpf.KernelFrame, libpf.NativeFrame.Error()))
	assert.False(t, runs())
	assert.True(t, runs(libpf.KernelFrame, libpf.NativeFrame))
	assert.True(t, runs(libpf.KernelFrame), "it has not ended")
}
