// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/correlate"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/processor/semanticcorrelationprocessor/internal/metadata"
)

// factory holds the engines that run.
type factory struct {
	mu      sync.Mutex
	engines map[component.ID]*engine
	salt    string // of the ids of what the engines find
}

// join returns the engine of the id, for one pipeline more.
func (f *factory) join(set processor.Settings, config *Config) (*engine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if running, found := f.engines[set.ID]; found {
		return running, nil
	}
	thinking, err := config.engine(f.salt)
	if err != nil {
		return nil, fmt.Errorf("processors::%s: %w", set.ID, err)
	}
	fresh := &engine{
		id:       set.ID,
		config:   config.settings(),
		rebuild:  func() (thinker, error) { return config.engine(f.salt) },
		health:   health{logger: set.Logger},
		thinking: thinking,
		clock:    clock{least: model.Nanos(config.Lateness), lateness: model.Nanos(config.Lateness)},
		ended:    make(chan struct{}),
	}
	fresh.outbox = newOutbox(set.Logger, fresh.health.panicked)
	fresh.forget = sync.OnceFunc(func() { f.drop(set.ID, fresh) })
	fresh.interest.Store(new(correlate.Interest))
	if err := fresh.publish(set.TelemetrySettings); err != nil {
		return nil, err
	}
	f.engines[set.ID] = fresh
	return fresh, nil
}

// drop makes the next pipeline of the id begin with a fresh engine, as after a
// reload of the configuration.
func (f *factory) drop(id component.ID, ended *engine) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.engines[id] == ended {
		delete(f.engines, id)
	}
}

// engine is the correlation engine that the pipelines of one component id share.
type engine struct {
	id        component.ID
	config    correlate.Config
	keeper    engineKeeper            // nil without one
	adopted   bool                    // the state is that of the configuration before
	rebuild   func() (thinker, error) // a fresh engine, after a panic of the old one
	health    health
	outbox    *outbox
	telemetry *metadata.TelemetryBuilder
	forget    func()

	observed [signals]atomic.Uint64
	ordinary [signals]atomic.Uint64 // of these, not worth reading in full
	ahead    atomic.Uint64          // of these, from further ahead than maxSkew
	// interest is what the engine looks at. Batches are read by it outside of mu.
	interest atomic.Pointer[correlate.Interest]
	findings atomic.Uint64 // records of findings, which are not observed

	running sync.WaitGroup
	begin   sync.Once
	end     sync.Once
	ended   chan struct{}

	mu       sync.Mutex // guards what follows
	thinking thinker
	clock    clock
}

// thinker is what the shell needs of a correlate.Engine.
type thinker interface {
	ObserveEvents(events []model.Event) []correlate.Mark
	ObserveSpans(spans []model.Span) []correlate.Mark
	ObservePointBatch(batch *model.PointBatch)
	ObserveProfiles(profiles []model.Profile)
	ObserveGroup(g *model.SemanticGroup, node, record string)
	MergedInto(id string) string
	Saw(oldest, newest model.Nanos)
	Interest() correlate.Interest
	Flush(now model.Nanos) []model.Finding
	Open() []string
	Close() []model.Finding
	Stats() correlate.Stats
}

// signal numbers the signals for counting.
type signal int

const (
	logs signal = iota
	traces
	metrics
	profiles
	signals
)

// flushEvery is how often conclusions are drawn: in event time while records
// come, by the wall clock while none do.
const flushEvery = time.Second

// start begins to draw conclusions. It fails where none could leave.
func (e *engine) start(host component.Host) error {
	if e.outbox.outlet() == nil {
		return fmt.Errorf("processors::%[1]s: it reports findings as log records, but is in no logs pipeline: "+
			"add %[1]q to service::pipelines::logs::processors", e.id)
	}
	e.health.add(host)
	e.begin.Do(func() {
		e.adopt(host)
		e.health.logger.Info("correlation engine started", zap.Int("memory_limit", e.config.MemoryLimit), zap.Duration("window", e.config.Window),
			zap.Duration("close_after", e.config.CloseAfter), zap.Duration("lateness", time.Duration(e.clock.least)), zap.Bool("continues_earlier_engine", e.adopted))
		e.running.Go(e.run)
	})
	return nil
}

// run concludes until the engine ends, whatever panics meanwhile.
func (e *engine) run() {
	panics.Restart(e.ended, e.conclude, e.health.panicked)
}

// conclude draws conclusions when no record comes that would bring it about, and
// sends all that were drawn.
func (e *engine) conclude() {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-e.ended:
			return
		case <-e.outbox.filled:
		case <-ticker.C:
			e.tick()
			e.health.report(time.Now())
		}
		e.outbox.send(context.Background())
	}
}

func (e *engine) tick() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.think(func() { e.flush(e.clock.watermark(time.Now())) })
}

// leave ends the engine when the pipeline that findings leave through ends, for
// what stands behind it ends next. Over a reload the engine is kept; else what was
// observed until then is judged, and what is open is closed.
func (e *engine) leave(ctx context.Context, next consumer.Logs) {
	if next != e.outbox.outlet() {
		return
	}
	e.end.Do(func() {
		close(e.ended)
		e.running.Wait()
		if !e.handOver() {
			e.close() //nolint:contextcheck // it counts even when the time for the shutdown is over
		}
		e.outbox.send(ctx)
		e.forget()
		e.telemetry.Shutdown()
	})
}

// flush draws the conclusions that are due at a time. The caller holds mu.
func (e *engine) flush(now model.Nanos) {
	if now <= e.clock.flushed {
		return
	}
	began := time.Now()
	e.clock.flushed = now
	e.outbox.add(e.thinking.Flush(now))
	e.telemetry.TapioCorrelationFlushDuration.Record(context.Background(), time.Since(began).Seconds())
}

// advance takes note of the oldest and the newest record of a batch, and flushes if it
// is time.
// The caller holds mu.
func (e *engine) advance(source string, oldest, newest model.Nanos) {
	e.clock.see(source, oldest, newest, time.Now())
	if due := e.clock.settled(); due >= e.clock.flushed+model.Nanos(flushEvery) {
		e.flush(due)
	}
	if now := e.thinking.Interest(); now != *e.interest.Load() {
		e.interest.Store(&now)
	}
}

// clock returns how far event time has come.
type clock struct {
	least    model.Nanos // that is waited for what is late
	lateness model.Nanos // that is waited: least, or what was measured
	lags     lags
	measured time.Time
	newest   model.Nanos // time of the newest record
	seen     time.Time   // when it was seen
	flushed  model.Nanos // the watermark of the last flush
}

// maxSkew is how far ahead of this host's clock another one may be. A record
// from further ahead is not shown to the engine, or all others would be late.
const maxSkew = time.Minute

func (c *clock) see(source string, oldest, newest model.Nanos, now time.Time) {
	c.lags.see(source, oldest, max(c.newest, newest), now)
	if now.Sub(c.measured) >= flushEvery {
		c.measured, c.lateness = now, c.lags.longest(c.least, now)
	}
	if newest > c.newest && newest <= model.Nanos(now.Add(maxSkew).UnixNano()) {
		c.newest, c.seen = newest, now
	}
}

// settled is the time before which records are held to be complete.
func (c *clock) settled() model.Nanos { return c.newest - min(c.lateness, c.newest) }

// watermark is settled or later: when no record has come for longer than
// lateness, time goes on by the wall clock, so that findings do not wait for
// traffic that has ceased.
func (c *clock) watermark(now time.Time) model.Nanos {
	if c.newest == 0 {
		return 0
	}
	idle := model.Nanos(max(0, now.Sub(c.seen)))
	return c.settled() + idle - min(c.lateness, idle)
}
