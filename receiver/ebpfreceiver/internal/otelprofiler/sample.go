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

// Profiler starts in the background, as its programs take the kernel seconds to verify.
type Profiler struct {
	stop context.CancelFunc
	// decided is closed when the profiler runs, or err is why it does not.
	decided chan struct{}
	// ended is closed when a profiler that ran has stopped by itself.
	ended  chan struct{}
	endOne sync.Once
	// over is closed when nothing of the profiler runs any more.
	over chan struct{}
	err  error
	// unwinds reports that a program was sampled. In the first seconds the profiler knows of
	// none, and of a program that it does not know it samples nothing.
	unwinds atomic.Bool

	lost atomic.Uint64
	mu   sync.Mutex
	// samples are those that were not taken yet, and seen the processes that they are of.
	samples []Sample
	seen    map[uint32]symbols.Process
}

// Running reports whether the profiler samples programs, and once it is known that it does
// not, why.
func (p *Profiler) Running() (running bool, err error) {
	select {
	case <-p.ended:
		return false, errStopped
	default:
	}
	select {
	case <-p.decided:
		return p.err == nil && p.unwinds.Load(), p.err
	default:
		return false, nil
	}
}

// Take returns the samples since it was called last.
func (p *Profiler) Take() []Sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.samples
	p.samples = nil
	clear(p.seen)
	return taken
}

// Lost counts the samples that found no place.
func (p *Profiler) Lost() uint64 { return p.lost.Load() }

// Shutdown ends the profiler. It waits until that is done, or until ctx is.
func (p *Profiler) Shutdown(ctx context.Context) error {
	p.stop()
	select {
	case <-p.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add keeps a sample; frames are only made of those that find a place.
func (p *Profiler) add(pid, thread uint32, name string, at uint64, frames func() []model.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.samples) >= maxSamples {
		p.lost.Add(1)
		return
	}
	of, known := p.seen[pid]
	if !known {
		of = symbols.Running("/proc", pid)
		p.seen[pid] = of
	}
	p.samples = append(p.samples, Sample{Process: of, Thread: thread, Name: name, At: at, Frames: frames()})
}
