// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/otelcol"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tapio/tapio/internal/panics"
)

// The configuration that ran before is started again at once, and every retryEvery
// for at most retryFor where that fails too: what a component keeps in memory over a
// reload waits no longer than a minute.
const (
	retryEvery = time.Second
	retryFor   = 30 * time.Second
)

// supervisor runs one collector after the other in this process.
type supervisor struct {
	set        otelcol.CollectorSettings
	retrievals *retrievals
	hangups    chan os.Signal
	ends       chan os.Signal // SIGTERM and SIGINT, which upstream handles once it runs
	grace      time.Duration  // startGrace
	exit       func(os.Signal)
}

func newSupervisor(set otelcol.CollectorSettings) *supervisor {
	return &supervisor{
		set: set, retrievals: &retrievals{},
		hangups: make(chan os.Signal, 1), ends: make(chan os.Signal, 1),
		grace: startGrace, exit: exit,
	}
}

// run returns when the process is to end.
func (s *supervisor) run(ctx context.Context) error {
	signal.Notify(s.hangups, syscall.SIGHUP)
	defer signal.Stop(s.hangups)
	signal.Notify(s.ends, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(s.ends)
	var failed error // the latest reload, since then
	var since time.Time
	for replay := false; ; {
		how, err := s.runOnce(ctx, replay, failed)
		switch {
		case how == ended || len(s.ends) > 0:
			return err
		case how == notReloaded || how == notRetired:
			// What failed to stop has stopped all the same: the next configuration can start.
			failed, since, replay = err, time.Now(), how == notReloaded
		case failed == nil || replay && time.Since(since) > retryFor:
			return err
		case replay && !s.wait(ctx):
			return err
		default:
			failed, replay = err, true
		}
	}
}

// wait is the time between two tries, false where the process is to end.
func (s *supervisor) wait(ctx context.Context) bool {
	timer := time.NewTimer(retryEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ends:
		return false
	case <-ctx.Done():
		return false
	}
}

// outcome is how a collector came to its end.
type outcome int

const (
	ended       outcome = iota // for good, in order or not
	notStarted                 // its first configuration did not start
	notReloaded                // the next configuration did not start
	notRetired                 // the configuration that ran failed to stop for a reload
)

// runOnce runs a collector to its end, with the configuration that started last or
// the one that its sources have now. It logs that the reload before has failed.
func (s *supervisor) runOnce(ctx context.Context, replay bool, failed error) (outcome, error) {
	s.retrievals.begin(replay)
	var core zapcore.Core // the first is that of otelcol, which follows the service's
	set := s.set
	set.LoggingOptions = append(slices.Clip(set.LoggingOptions), zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		if core == nil {
			core = c
		}
		return c
	}))
	resolver := &set.ConfigProviderSettings.ResolverSettings
	resolver.ProviderFactories = s.retrievals.remembering(resolver.ProviderFactories)
	collector, err := otelcol.NewCollector(set)
	if err != nil {
		return notStarted, err
	}
	logger := zap.New(core)
	if failed != nil && replay {
		logger.Error("failed to reload the configuration, starting the previous one again", zap.Error(failed))
	}
	run := &running{
		supervisor: s, collector: collector, logger: logger, up: make(chan struct{}), idle: make(chan struct{}, 1),
	}
	if run.signals = signalsOf(collector); run.signals == nil {
		logger.Warn("reloads are not checked first: otelcol keeps its signals elsewhere")
	}
	done := make(chan struct{})
	starting := make(chan os.Signal, 2)
	signal.Notify(starting, os.Interrupt, syscall.SIGTERM)
	var work sync.WaitGroup
	work.Go(func() { run.endStart(starting, done) })
	work.Go(func() { panics.Restart(done, func() { run.reload(ctx, done) }, run.panicked) })
	err = collector.Run(loopContext{Context: ctx, enter: run.enter}) //nolint:contextcheck // loopContext wraps the inherited one
	close(done)
	work.Wait()
	return run.outcome(), err
}

// signalsOf returns the channel on which the collector receives signals, nil if there
// is none. Nothing public leaves SIGHUP to others: otelcol always subscribes to it.
func signalsOf(c *otelcol.Collector) chan os.Signal {
	field := reflect.ValueOf(c).Elem().FieldByName("signalsChannel")
	if !field.IsValid() || field.Type() != reflect.TypeFor[chan os.Signal]() {
		return nil
	}
	return *(*chan os.Signal)(field.Addr().UnsafePointer())
}

// running is one collector while it runs.
type running struct {
	*supervisor
	collector *otelcol.Collector
	logger    *zap.Logger
	signals   chan os.Signal // of the collector
	started   atomic.Bool
	up        chan struct{} // closed when the collector has started
	idle      chan struct{} // holds one while the collector waits for events
}

func (r *running) panicked(err error) { r.logger.Error("recovered a panic", zap.Error(err)) }

// outcome reads how the collector ended from the state that it was left in: a reload
// that fails leaves it in the state of its step, every other end closes it.
func (r *running) outcome() outcome {
	switch state := r.collector.GetState(); {
	case !r.started.Load():
		return notStarted
	case state == otelcol.StateStarting:
		return notReloaded
	case state == otelcol.StateClosing:
		return notRetired
	default:
		return ended
	}
}

// enter is called each time that the collector begins to wait for events. What it
// runs has started.
func (r *running) enter() (end bool) {
	if r.collector.GetState() != otelcol.StateRunning {
		return false
	}
	if r.started.CompareAndSwap(false, true) {
		close(r.up)
		r.takeHangups()
	}
	r.retrievals.keep()
	select {
	case r.idle <- struct{}{}:
	default:
	}
	return len(r.ends) > 0
}

// takeHangups ends the collector's subscription to SIGHUP, which it would answer by
// shutting the service down before it reads the next configuration. The other
// signals stay. None is lost: the supervisor is subscribed all the while.
func (r *running) takeHangups() {
	if r.signals == nil {
		return
	}
	signal.Stop(r.signals)
	for range len(r.signals) {
		if s := <-r.signals; s != syscall.SIGHUP {
			r.signals <- s
		}
	}
	signal.Notify(r.signals, os.Interrupt, syscall.SIGTERM)
}

// reload checks the configuration on each SIGHUP, and hands one that is valid to
// the collector.
func (r *running) reload(ctx context.Context, done <-chan struct{}) {
	for r.signals != nil {
		select {
		case <-r.idle:
		case <-done:
			return
		}
		for valid := false; !valid; {
			select {
			case <-r.hangups:
				valid = r.check(ctx)
			case <-done:
				return
			}
		}
		r.signals <- syscall.SIGHUP // it waits, and the channel has space
	}
}

func (r *running) check(ctx context.Context) bool {
	if err := r.validate(ctx); err != nil {
		r.logger.Error("failed to reload the configuration, the previous one keeps running", zap.Error(err))
		return false
	}
	return true
}

// validate reads the configuration as a reload does, without any effect.
func (r *running) validate(ctx context.Context) (err error) {
	factories, err := r.set.Factories()
	if err != nil {
		return fmt.Errorf("failed to initialize factories: %w", err)
	}
	provider, err := otelcol.NewConfigProvider(r.set.ConfigProviderSettings)
	if err != nil {
		return err
	}
	cfg, err := provider.Get(ctx, factories)
	if err == nil {
		err = confmap.Validate(cfg)
	}
	if closed := provider.Shutdown(ctx); err == nil {
		err = closed
	}
	return err
}

// loopContext calls enter when the collector asks whether it is to end, which it
// does each time that it begins to wait. It is how upstream shows that a
// configuration has started.
type loopContext struct {
	context.Context
	enter func() (end bool)
}

// Done implements context.Context.
func (c loopContext) Done() <-chan struct{} {
	if c.enter() {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return c.Context.Done()
}
