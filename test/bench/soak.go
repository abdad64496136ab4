// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
)

// soak is several ways into the store at once, at a rate that is given, for long.
type soak struct {
	collector *collector
	limit     uint64 // memory_limit in bytes
	ways      []variant
	loads     []*load       // of each way
	asked     *atomic.Int64 // records that were sent, acknowledged or not
}

// signalWays are OTLP for each of SIGNALS.
func signalWays(set settings) ([]variant, error) {
	var ways []variant
	for _, signal := range set.Signals {
		if err := checkSignal(signal); err != nil {
			return nil, err
		}
		ways = append(ways, variant{
			name: signal, signal: signal,
			batches: func() ([]*batch, error) { return otlpBatches(signal) }, connect: otlpLink(signal),
		})
	}
	return ways, nil
}

// measureSoak sends RATE records a second, over all ways in equal parts, for
// WARMUP and DURATION, and reports what became of them, and how the collector's
// memory fared.
func measureSoak(ctx context.Context, set settings, ways []variant, out io.Writer) error {
	if set.MemoryLimit == "" {
		set.MemoryLimit = "512MiB"
	}
	limit, err := humanize.ParseBytes(set.MemoryLimit)
	if err != nil {
		return fmt.Errorf("MEMORY_LIMIT must be a size, as 512MiB, is %q: %w", set.MemoryLimit, err)
	}
	with, err := withStore(set)
	if err != nil {
		return err
	}
	c, err := start(ctx, set.Binary, with)
	if err != nil {
		return err
	}
	defer c.stop()
	s := &soak{collector: c, limit: limit, ways: ways, asked: new(atomic.Int64)}
	defer s.close()
	if err := s.connect(ctx, set); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d records a second over %v for %v after %v, %d senders each, memory_limit %s, load average before: %s\n\n",
		set.Rate, names(ways), set.Duration, set.Warmup, set.Senders, set.MemoryLimit, loadAverage())
	return s.measure(ctx, set, out)
}

func names(ways []variant) []string {
	list := make([]string, len(ways))
	for i, way := range ways {
		list[i] = way.name
	}
	return list
}

func (s *soak) connect(ctx context.Context, set settings) error {
	for _, way := range s.ways {
		batches, err := way.batches()
		if err != nil {
			return err
		}
		l, err := newLoad(ctx, s.collector, set.Senders, batches, way.connect)
		if err != nil {
			return err
		}
		// All send under one name, so no two may count their batches alike: the
		// server would take one's for the other's, sent again.
		l.serial.Store(uint64(len(s.loads)) << 32)
		s.loads = append(s.loads, l)
	}
	return nil
}

func (s *soak) close() {
	for _, l := range s.loads {
		l.close()
	}
}

func (s *soak) measure(ctx context.Context, set settings, out io.Writer) error {
	begin := time.Now()
	var sending sync.WaitGroup
	for _, l := range s.loads {
		p := &pacer{begin: begin, end: begin.Add(set.Warmup + set.Duration), every: batchEvery(set.Rate, len(s.loads))}
		sending.Go(func() {
			l.run(ctx, func() bool {
				if !p.next(ctx) {
					return false
				}
				s.asked.Add(recordsPerBatch)
				return true
			})
		})
	}
	wait(ctx, set.Warmup)
	from, err := s.look(ctx)
	sending.Wait()
	took := time.Since(begin)
	to, err2 := s.look(ctx)
	for _, failed := range []error{ctx.Err(), err, err2} {
		if failed != nil {
			return failed
		}
	}
	return s.print(ctx, out, took, from, to)
}

// batchEvery is the time between two batches of one signal.
func batchEvery(rate, signals int) time.Duration {
	return time.Duration(float64(time.Second) * recordsPerBatch * float64(signals) / float64(rate))
}

// pacer spreads batches evenly over the time. A sender that is late sends at
// once, until the rate is reached again.
type pacer struct {
	begin, end time.Time
	every      time.Duration
	given      atomic.Int64
}

// next waits until the next batch is due; false: it is not any more.
func (p *pacer) next(ctx context.Context) bool {
	due := p.begin.Add(time.Duration(p.given.Add(1)-1) * p.every)
	if !due.Before(p.end) {
		return false
	}
	if ahead := time.Until(due); ahead > 0 {
		wait(ctx, ahead)
	}
	return ctx.Err() == nil && time.Now().Before(p.end)
}

// health is how the collector was at one moment.
type health struct {
	garbage garbage
	cpu     float64
	peak    uint64
}

func (s *soak) look(ctx context.Context) (h health, err error) {
	if h.garbage, err = garbageOf(ctx, s.collector); err != nil {
		return h, err
	}
	if h.cpu, err = cpuSeconds(s.collector.process.PID()); err != nil {
		return h, err
	}
	h.peak, err = peakMemory(s.collector.process.PID())
	return h, err
}

// print fails where a record was acknowledged and not stored.
func (s *soak) print(ctx context.Context, out io.Writer, took time.Duration, from, to health) error {
	stats, err := storeStats(ctx, s.collector)
	if err != nil {
		return err
	}
	var acknowledged, rejected, failed int64
	var stored, evicted, held, bytes, capacity uint64
	for _, l := range s.loads {
		acknowledged, rejected, failed = acknowledged+l.acknowledged.Load(), rejected+l.rejected.Load(), failed+l.failed.Load()
	}
	for _, of := range stats {
		stored, held = stored+of.GetAppendedCount(), held+of.GetRecordCount()
		for _, n := range of.GetEvictedCounts() {
			evicted += n
		}
		bytes, capacity = bytes+of.GetSizeBytes(), capacity+of.GetCapacityBytes()
	}
	fmt.Fprintf(out, "Sent %d records in %v, %.0f a second; acknowledged %d, rejected %d; requests failed: %d\n",
		s.asked.Load(), took.Round(time.Millisecond), float64(s.asked.Load())/took.Seconds(), acknowledged, rejected, failed)
	fmt.Fprintf(out, "Stored %d, lost %d; evicted %d, held %d in %d of %d MiB\n",
		stored, acknowledged-int64(stored), evicted, held, bytes>>20, capacity>>20)
	fmt.Fprintf(out, "Peak RSS %d MiB, %.0f %% of memory_limit; CPU %.1f s, %.2f s per million records\n",
		to.peak>>20, float64(to.peak)/float64(s.limit)*100, to.cpu, to.cpu/float64(max(acknowledged, 1))*1e6)
	fmt.Fprintf(out, "After the warm-up: %s\nAt the end: %s\nload average after: %s\n", &from.garbage, &to.garbage, loadAverage())
	for i, l := range s.loads {
		fmt.Fprintf(out, "%s: acknowledged after %.1f ms (median), %.1f ms (p99), %.1f ms (longest)\n", s.ways[i].name,
			milliseconds(quantile(l.times, .5)), milliseconds(quantile(l.times, .99)), milliseconds(quantile(l.times, 1)))
		if trouble := l.trouble(); trouble != "" {
			fmt.Fprintf(out, "%s: %s\n", s.ways[i].name, trouble)
		}
	}
	if stored < uint64(acknowledged) {
		return fmt.Errorf("%d records were acknowledged and not stored", uint64(acknowledged)-stored)
	}
	return nil
}
