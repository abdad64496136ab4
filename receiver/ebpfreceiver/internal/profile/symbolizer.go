//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

const (
	// maxQueued bounds the batches that wait for symbols.
	maxQueued = 16
	// maxFinished bounds the intervals that wait for the pipeline.
	maxFinished = 4
	// maxRawStacks bounds the stacks that are remembered for threads that are blocked
	// still, to some 16 MB.
	maxRawStacks = 16384
	// maxSymbolBytes bounds the symbols of all programs.
	maxSymbolBytes = 24 << 20
	// lastSymbols is how long the end of the receiver waits for symbols.
	lastSymbols = 3 * time.Second
	// startTick is the unit of the start of a symbols.Process, in nanoseconds.
	startTick = 10_000_000
)

// drainedSamples is what was read of the kernel at once; with an end it ends an interval.
type drainedSamples struct {
	samples      []drainedSample
	unwound      []unwoundSample
	stacks       map[uint64][]uint64
	began, ended time.Time
}

type drainedSample struct {
	key  sampleKey
	sum  sampleSum
	link spanLink // of the request that the thread served
}

// count is how many samples the kernel added up.
func (d *drainedSamples) count() (n uint64) {
	for i := range d.samples {
		n += d.samples[i].sum.Count
	}
	return n + uint64(len(d.unwound))
}

// symbolizer makes of samples and addresses what people can read.
type symbolizer struct {
	config   *Config
	resolver *symbols.Resolver
	losses   *kernel.Losses
	depth    int // frames that the kernel unwinds
	queue    chan drainedSamples
	done     chan struct{}
	closing  sync.Once

	// Of its goroutine.
	raw     *simplelru.LRU[uint64, []uint64]
	current *profileInterval

	mu    sync.Mutex
	ready []*profileInterval
}

func newSymbolizer(c *Config, counted *kernel.Losses) *symbolizer {
	return &symbolizer{
		config: c, resolver: symbols.NewResolver("/proc", maxSymbolBytes), losses: counted, depth: unwound(), queue: make(chan drainedSamples, maxQueued),
		done: make(chan struct{}), raw: emit.NewRecent[uint64, []uint64](maxRawStacks), current: newProfileInterval(),
	}
}

// unwound is how many frames the kernel unwinds.
func unwound() int {
	text, err := os.ReadFile("/proc/sys/kernel/perf_event_max_stack")
	if err != nil {
		return maxStack
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 1 {
		return maxStack
	}
	return min(n, maxStack)
}

func (s *symbolizer) start() {
	go func() {
		defer close(s.done)
		for batch := range s.queue {
			if err := panics.Catch(func() { s.take(batch) }); err != nil {
				s.losses.Add("symbolizer_panic", batch.count()+s.current.count())
				s.current = newProfileInterval()
			}
		}
	}()
}

// send never waits: what the symbolizer is too slow for is lost and counted.
func (s *symbolizer) send(batch drainedSamples) (sent bool) {
	select {
	case s.queue <- batch:
		return true
	default:
		s.losses.Add(lostQueue, batch.count())
		return false
	}
}

// finish waits until all that was sent is symbolized, but not for long.
func (s *symbolizer) finish() {
	s.closing.Do(func() { close(s.queue) })
	select {
	case <-s.done:
	case <-time.After(lastSymbols):
		for batch := range s.queue { // closed
			s.losses.Add(lostQueue, batch.count())
		}
	}
}

// finished returns the intervals that are complete.
func (s *symbolizer) finished() []*profileInterval {
	s.mu.Lock()
	defer s.mu.Unlock()
	ready := s.ready
	s.ready = nil
	return ready
}

func (s *symbolizer) take(batch drainedSamples) {
	for hash, stack := range batch.stacks {
		s.raw.Add(hash, stack)
	}
	s.resolver.Begin(time.Now())
	for i := range batch.samples {
		s.sample(&batch.samples[i])
	}
	for i := range batch.unwound {
		s.unwound(&batch.unwound[i])
	}
	s.resolver.End()
	tooLarge, gone, _ := s.resolver.Counts()
	s.losses.Set("symbols_too_large", tooLarge)
	s.losses.Set("process_gone", gone)
	if batch.ended.IsZero() {
		return
	}
	s.current.began, s.current.ended = batch.began, batch.ended
	s.current.period = time.Second / time.Duration(max(1, s.config.Frequency))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) >= maxFinished {
		s.losses.Add("interval_queue_full", s.ready[0].count())
		s.ready = s.ready[1:]
	}
	s.ready = append(s.ready, s.current)
	s.current = newProfileInterval()
}

func (s *symbolizer) sample(of *drainedSample) {
	key := rawStack{of.key.process(), of.key.User, of.key.Kernel, of.key.Kind}
	stack, ok := s.current.stacks[key]
	if !ok {
		if len(s.current.stacks) >= maxIntervalStacks || s.current.bytes >= maxIntervalBytes {
			s.losses.Add("interval_full", of.sum.Count)
			return
		}
		stack = s.resolve(&key)
		s.current.stacks[key] = stack
	}
	if !s.current.add(of, stack) {
		s.losses.Add("interval_full", of.sum.Count)
	}
}

// unwound adds a sample of OpenTelemetry's profiler, which names no functions of C.
func (s *symbolizer) unwound(of *unwoundSample) {
	one := drainedSample{link: of.link, sum: sampleSum{Count: 1}, key: sampleKey{
		PID: of.Process.PID, Start: of.Process.Start * startTick, Image: of.Process.Image, Thread: of.Thread, Kind: kindOnCPU,
	}}
	copy(one.key.Comm[:], of.Name)
	if len(s.current.known) >= maxIntervalStacks || s.current.bytes >= maxIntervalBytes {
		s.losses.Add("interval_full", 1)
		return
	}
	for i := range of.Frames {
		if f := &of.Frames[i]; f.Function == "" && f.Mapping != "" && f.Kind == symbols.KindNative {
			*f = s.resolver.Unwound(of.Process, *f)
		}
	}
	if !s.current.add(&one, resolvedStack{stack: s.current.stack(of.Frames)}) {
		s.losses.Add("interval_full", 1)
	}
}

// resolve finds the functions of a stack, the innermost first.
func (s *symbolizer) resolve(key *rawStack) resolvedStack {
	b := stackBuilder{limit: s.depth}
	if key.kernel != 0 {
		addresses, known := s.raw.Get(key.kernel)
		b.kernel(addresses, s.resolver, key.kind == kindOffCPU)
		b.missing = b.missing || !known
	}
	if key.user != 0 {
		addresses, known := s.raw.Get(key.user)
		b.user(addresses, s.resolver, key.process)
		b.missing = b.missing || !known
	} else if key.process.Image != 0 {
		b.missing = true
	}
	resolved := resolvedStack{stack: s.current.stack(b.finish())}
	if key.kind == kindOffCPU {
		resolved.reason = b.reason()
	}
	return resolved
}
