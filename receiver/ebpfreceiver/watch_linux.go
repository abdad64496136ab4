// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/losslog"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

const (
	// The reader looks as often as it takes to find the ring buffer filled to one part
	// in fill. Less often it would run out of room when the load rises; more often, each
	// look finds little while the caches and the scheduler have to begin again for it.
	// At maxPause an idle host costs next to nothing.
	minPause = time.Millisecond
	maxPause = 20 * time.Millisecond
	fill     = 16
	// A batch goes on when it is full or this old.
	maxRecords = 2000
	// A span is ten times what another record is; fewer at once leave the collector
	// of garbage less to walk over.
	maxSpans = 250
	maxAge   = 200 * time.Millisecond
)

// watch is the receiver at work: one goroutine reads, decodes, collects and
// hands on. While a pipeline blocks it the ring buffer fills, and then overflows
// countedly.
type watch struct {
	config *Config
	logger *zap.Logger
	sink   *sink
	kernel *kernel.Kernel
	reader kernel.Reader
	probes []probe.Probe
	byKind [kernel.Numbers]probe.Probe
	batch  *emit.Batch
	began  time.Time
	last   time.Time // of collecting
	// received and undecoded count records by probe.
	received  [kernel.Numbers]atomic.Uint64
	undecoded [kernel.Numbers]atomic.Uint64

	// onLoss is called after each collection with what was lost since the one before.
	onLoss func(loss)
	lost   loss
	// refused are batches that a pipeline did not take.
	refused *losslog.Log
	// onPanic receives panics that were recovered.
	onPanic func(err error)
	panics  panics.Count

	records    int
	senders    *senderSearch
	quit, done chan struct{}
}

// newWatch attaches all probes. Without a kernel that lets it make a map there
// is no watch, but a gap for every probe.
func newWatch(config *Config, probes []probe.Probe, set receiver.Settings, to *sink) (*watch, []kernel.Gap, error) {
	loaded, err := kernel.Open(uint32(config.RingBufferSize))
	if err != nil {
		return nil, probe.AllMissing(probes, err), nil
	}
	w := &watch{
		config: config, logger: set.Logger, sink: to, kernel: loaded, probes: probes, began: time.Now(), last: time.Now(),
		refused: losslog.New(set.Logger, "a pipeline refused batches", "batches", time.Now),
		quit:    make(chan struct{}), done: make(chan struct{}),
	}
	table := identity.NewTable("/proc")
	w.batch = emit.NewBatch(origin(set), table)
	if w.reader, err = kernel.NewReader(loaded.Ring()); err != nil {
		return nil, nil, errors.Join(err, w.close())
	}
	var gaps []kernel.Gap
	if config.ProgramStats {
		if err := loaded.Measure(); err != nil {
			gaps = append(gaps, kernel.Missing("receiver", "program_stats", err))
		}
	}
	// Before the first event, for it asks who its process is.
	if err := table.Scan(); err != nil {
		return nil, nil, errors.Join(err, w.close())
	}
	gaps = append(gaps, kernel.Environments(table.Denied())...)
	gaps = append(gaps, w.attachAll()...)
	loaded.ForgetTypes()
	// Who began another program between the first look and the attaching is not what it was.
	if err := table.Scan(); err != nil {
		return nil, nil, errors.Join(err, w.close())
	}
	w.drain()
	return w, gaps, nil
}

// start reads in a goroutine that goes on whatever panics in it.
func (w *watch) start() {
	go func() {
		defer close(w.done)
		panics.Restart(w.quit, w.loop, w.restart)
	}()
}

// shutdown detaches, reads what is left and hands it on.
func (w *watch) shutdown(ctx context.Context) error {
	close(w.quit)
	select {
	case <-w.done:
		return w.close()
	case <-ctx.Done():
		return fmt.Errorf("a pipeline did not take the last records in time: %w", ctx.Err())
	}
}

func (w *watch) close() error {
	if w == nil {
		return nil
	}
	var errs []error
	for _, p := range w.probes {
		if closer, ok := p.(io.Closer); ok {
			errs = append(errs, closer.Close())
		}
	}
	err := errors.Join(append(errs, w.kernel.Close())...)
	if w.reader != nil {
		err = errors.Join(w.reader.Close(), err)
	}
	return err
}

func (w *watch) loop() {
	pause := time.NewTimer(0)
	defer pause.Stop()
	next := minPause
	collect, flush := w.last, w.last
	for {
		select {
		case <-w.quit:
			w.drain()
			w.batch.Final = true
			w.collect()
			w.drain() // what collecting made the programs send
			w.settle(true)
			w.flush()
			return
		case now := <-pause.C:
			read := w.drain()
			if now.Sub(collect) >= w.config.CollectionInterval {
				w.collect()
				collect = now
			}
			if now.Sub(flush) >= maxAge {
				w.flush()
				flush = now
			}
			next = w.pauseAfter(read, next)
			pause.Reset(next)
		}
	}
}

// pauseAfter expects records to come on as they came in the last pause.
func (w *watch) pauseAfter(read int, last time.Duration) time.Duration {
	wanted := float64(w.config.RingBufferSize) / fill
	pause := wanted / max(float64(read), 1) * float64(last)
	return time.Duration(min(max(pause, float64(minPause)), float64(maxPause)))
}

// drain decodes what there is, and returns its bytes.
func (w *watch) drain() (read int) {
	w.batch.Now, w.batch.Clock = time.Now(), w.kernel.Clock()
	w.senders.report(w.batch.Table)
	w.batch.Table.Settle(w.batch.Now)
	for {
		w.reader.Drain(func(record []byte) bool {
			read += len(record)
			w.decode(record)
			w.records++
			return !w.full()
		})
		if w.full() {
			w.flush()
			continue
		}
		return read
	}
}

func (w *watch) full() bool { return w.records >= maxRecords || w.batch.Spans >= maxSpans }

func (w *watch) decode(record []byte) {
	kind, number, err := kernel.KindOf(record)
	if err == nil && w.byKind[number] != nil {
		err = w.contained(w.byKind[number], func(p probe.Probe) error { return p.Decode(kind, record, w.batch) })
	}
	w.received[number].Add(1)
	if err != nil {
		w.undecoded[number].Add(1)
		w.logger.Debug("a record of the kernel could not be decoded", zap.Uint32("kind", kind), zap.Error(err))
	}
}

func (w *watch) collect() {
	if err := w.kernel.SetClock(); err != nil {
		w.logger.Warn("the clocks cannot be read", zap.Error(err))
	}
	w.batch.Last, w.last = w.last, time.Now()
	w.batch.Now, w.batch.Clock = w.last, w.kernel.Clock()
	for _, p := range w.probes {
		w.batch.Since = w.began
		if err := w.contained(p, func(p probe.Probe) error { return p.Collect(w.batch) }); err != nil {
			w.logger.Warn("a probe could not be collected", zap.String("probe", p.Name()), zap.Error(err))
		}
	}
	w.flush()
	w.reportLoss()
}

// flush hands the batch on. The pipelines may keep it, so a new one begins.
func (w *watch) flush() {
	w.settle(false)
	batch := *w.batch
	w.batch.Reset()
	w.records = 0
	ctx := context.Background()
	errs := []error{w.sink.consumeLogs(ctx, batch.Logs), w.sink.consumeMetrics(ctx, batch.Metrics), w.sink.consumeTraces(ctx, batch.Traces)}
	for _, profiles := range batch.Profiles {
		errs = append(errs, w.sink.consumeProfiles(ctx, profiles))
	}
	if err := errors.Join(errs...); err != nil {
		w.refused.Add("pipeline_refused", 1, err)
	}
}

// settle lets the probes add what they held back for records that might come.
func (w *watch) settle(last bool) {
	for _, p := range w.probes {
		if s, ok := p.(probe.Settler); ok {
			_ = w.contained(p, func(probe.Probe) error { s.Settle(w.batch, last); return nil })
		}
	}
}
