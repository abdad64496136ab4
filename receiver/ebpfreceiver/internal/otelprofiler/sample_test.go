//go:build linux && (amd64 || arm64)

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/ebpf-profiler/libpf"
	"go.opentelemetry.io/ebpf-profiler/reporter/samples"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

// piped is both ends: what was sent can be received.
type piped struct {
	pipe bytes.Buffer
	to   *sender
	from *Profiler
	logs *observer.ObservedLogs
	why  string
}

func newPiped() *piped {
	p := &piped{from: &Profiler{ended: make(chan struct{})}}
	p.to = newSender(&p.pipe)
	return p
}

// receive takes in what was sent, once: a pipe that ends is that of a process that ended.
func (p *piped) receive(t *testing.T) {
	t.Helper()
	require.NoError(t, p.to.flush())
	core, logs := observer.New(zap.InfoLevel)
	p.logs = logs
	p.from.read(&p.pipe, zap.New(core), &p.why)
}

// Samples that find no place are counted. What was taken makes room.
func TestSamplesAreBoundedAndCounted(t *testing.T) {
	p := &Profiler{}
	for range maxSamples + 7 {
		p.add(&message{Sample: &Sample{Thread: 1}})
	}
	assert.EqualValues(t, 7, p.Lost())
	assert.Len(t, p.Take(), maxSamples)
	p.add(&message{Sample: &Sample{Thread: 1}})
	assert.Len(t, p.Take(), 1)
	assert.EqualValues(t, 7, p.Lost())
}

// A sample arrives as it was sent, with its process; frames by number are the same ones
// before and after both ends forget them.
func TestSamplesArriveAsTheyWere(t *testing.T) {
	p := newPiped()
	var sent [][]model.Frame
	for i := range 3 * maxKnownFrames / 4 {
		frames := []model.Frame{
			{Function: "leaf", File: "a.c", Mapping: "a", BuildID: "b", Kind: "native", Line: 7},
			{Address: uint64(i), Kind: "native"},
			{Function: fmt.Sprint("root ", i/2)},
		}
		sent = append(sent, frames)
		require.NoError(t, p.to.sample(uint32(os.Getpid()), &Sample{Thread: uint32(i), Name: "worker", At: 5}, false, frames))
	}
	p.receive(t)
	taken := p.from.Take()
	require.Len(t, taken, len(sent))
	for i := range taken {
		want := Sample{Process: symbols.Running("/proc", uint32(os.Getpid())), Thread: uint32(i), Name: "worker", At: 5, Frames: sent[i]}
		require.Equal(t, want, taken[i])
	}
	assert.LessOrEqual(t, len(p.from.frames.list), maxKnownFrames)
}

// A number that no frame was sent for is a stack that is not known.
func TestAnUnknownFrameIsTruncated(t *testing.T) {
	assert.Equal(t, []model.Frame{{Kind: model.FrameTruncated}}, (&knownFrames{}).take(&message{Numbers: []uint32{1 << 30}}))
}

// Warnings of the profiler are those of the receiver, and so is why it ends; what is no
// warning stays where it is.
func TestWarningsAndTheReasonOfTheEndArrive(t *testing.T) {
	p := newPiped()
	log := newLogger(p.to)
	log.Info("not worth a line")
	log.Warn("hidden", zap.String("file", "/lib/x.so"))
	log.Error("broken")
	require.NoError(t, p.to.fail(errStopped))
	p.receive(t)
	all := p.logs.All()
	require.Len(t, all, 2)
	assert.Equal(t, `hidden {"file": "/lib/x.so"}`, all[0].Message)
	assert.Equal(t, zap.WarnLevel, all[0].Level)
	assert.Equal(t, "broken", all[1].Message)
	assert.Equal(t, zap.ErrorLevel, all[1].Level)
	assert.Equal(t, errStopped.Error(), p.why)
}

// The time of the first sample, and of one beside a change of the clock, is not certain.
func TestTimesAreThoseOfTheKernelsClock(t *testing.T) {
	p := newPiped()
	take := &taker{to: p.to, offset: 1}
	for range 2 {
		meta := &samples.TraceEventMeta{PID: 1, TID: 1, Timestamp: 1234}
		require.NoError(t, take.ReportTraceEvent(&libpf.Trace{}, meta))
	}
	p.receive(t)
	taken := p.from.Take()
	require.Len(t, taken, 2)
	assert.Zero(t, taken[0].At)
	assert.EqualValues(t, 1234, taken[1].At, "the offset is 0 where the profiler does not run")
}

// The profiler runs once it has sampled a program: the kernel's own threads do not show
// that, nor does a stack that could not be unwound.
func TestItRunsOnceAProgramWasSampled(t *testing.T) {
	runs := func(kinds ...libpf.FrameType) bool {
		p := newPiped()
		trace := &libpf.Trace{}
		for _, kind := range kinds {
			trace.Frames.Append(&libpf.Frame{Type: kind})
		}
		require.NoError(t, (&taker{to: p.to}).ReportTraceEvent(trace, &samples.TraceEventMeta{PID: 1, TID: 1}))
		p.receive(t)
		running, err := p.from.Running()
		require.NoError(t, err)
		return running
	}
	assert.False(t, runs(libpf.KernelFrame))
	assert.False(t, runs(libpf.KernelFrame, libpf.KernelFrame))
	assert.False(t, runs(libpf.KernelFrame, libpf.NativeFrame.Error()))
	assert.False(t, runs())
	assert.True(t, runs(libpf.KernelFrame, libpf.NativeFrame))
}

// Of what a process writes when it crashes, the line that says why is kept.
func TestTheReasonOfACrashIsFound(t *testing.T) {
	var words lastWords
	require.NoError(t, words.crash())
	fmt.Fprint(&words, "starting\npanic: index out of range\n\ngoroutine 7 [running]:\n")
	require.EqualError(t, words.crash(), "panic: index out of range")
	for range maxLastWords {
		fmt.Fprint(&words, "more")
	}
	assert.LessOrEqual(t, words.text.Len(), maxLastWords)
}
