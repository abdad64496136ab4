//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

// maxSamples bounds the samples between two calls of Take: a second of 256 CPUs, 97 times
// a second.
const maxSamples = 24_832

// errStopped is why samples end that the profiler itself has ended.
var errStopped = errors.New("OpenTelemetry's eBPF profiler stopped by itself")

// Sample is what a thread executed when the clock of its CPU interrupted it.
type Sample struct {
	Process symbols.Process
	Thread  uint32
	Name    string // of the thread
	// At is when, by the kernel's monotonic clock; 0 if that is not certain.
	At uint64
	// Frames are the innermost first. A frame without a function has the address that the
	// file itself gives its code.
	Frames []model.Frame
}

// Profiler is the receiver's end: it starts in the background, as the profiler's programs
// take the kernel seconds to verify.
type Profiler struct {
	stop context.CancelFunc
	// ended is closed when nothing of the profiler runs any more, or it never ran; err is
	// then why.
	ended chan struct{}
	err   error
	// unwinds reports that a program was sampled. In the first seconds the profiler knows of
	// none, and of a program that it does not know it samples nothing.
	unwinds atomic.Bool

	frames knownFrames
	lost   atomic.Uint64
	mu     sync.Mutex
	// samples are those that were not taken yet.
	samples []Sample
}

// Running reports whether the profiler samples programs, and once it is known that it does
// not, why.
func (p *Profiler) Running() (running bool, err error) {
	select {
	case <-p.ended:
		return false, p.err
	default:
		return p.unwinds.Load(), nil
	}
}

// Take returns the samples since it was called last.
func (p *Profiler) Take() []Sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.samples
	p.samples = nil
	return taken
}

// Lost counts the samples that found no place.
func (p *Profiler) Lost() uint64 { return p.lost.Load() }

// Shutdown ends the profiler. It waits until that is done, or until ctx is.
func (p *Profiler) Shutdown(ctx context.Context) error {
	p.stop()
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add keeps the sample of a message if it finds a place.
func (p *Profiler) add(m *message) {
	frames := p.frames.take(m)
	if m.Program {
		p.unwinds.Store(true)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.samples) >= maxSamples {
		p.lost.Add(1)
		return
	}
	m.Sample.Frames = frames
	p.samples = append(p.samples, *m.Sample)
}
