// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/tapio/tapio/extension/tapioextension/internal/api"
	"github.com/tapio/tapio/extension/tapioextension/internal/archiving"
	"github.com/tapio/tapio/extension/tapioextension/internal/dedup"
	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/extension/tapioextension/internal/intake"
	"github.com/tapio/tapio/extension/tapioextension/internal/metadata"
	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
	"github.com/tapio/tapio/extension/tapioextension/internal/prometheus"
	"github.com/tapio/tapio/extension/tapioextension/internal/redisstate"
	"github.com/tapio/tapio/extension/tapioextension/internal/rules"
	"github.com/tapio/tapio/extension/tapioextension/internal/slo"
	"github.com/tapio/tapio/extension/tapioextension/internal/trial"
	"github.com/tapio/tapio/extension/tapioextension/internal/trouble"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/programpages"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/recordmetrics"
	"github.com/tapio/tapio/internal/senders"
	"github.com/tapio/tapio/internal/store"
)

// Records over the age limit are looked for each 64th part of it, but not more often
// than retireSoonest nor more seldom than retireLatest. With the time that a chunk of
// records spans, a record may outlive max_age by twice as much.
const (
	retireParts   = 64
	retireSoonest = 100 * time.Millisecond
	retireLatest  = 5 * time.Second
	// aimEvery is how often the target size of the heap is computed.
	aimEvery = 5 * time.Second
	// markEvery is how often is noted how far the store has come, which is how the lag of
	// readers is known.
	markEvery = time.Second
)

func retireEvery(maxAge time.Duration) time.Duration {
	if maxAge == 0 {
		return retireLatest
	}
	return min(max(maxAge/retireParts, retireSoonest), retireLatest)
}

var (
	_ extension.Extension                   = (*tapioExtension)(nil)
	_ extensioncapabilities.PipelineWatcher = (*tapioExtension)(nil)
	_ extensioncapabilities.Dependent       = (*tapioExtension)(nil)
)

// tapioExtension owns the store while it runs. The fields below `host` are set
// by Start.
type tapioExtension struct {
	cfg    *Config
	set    extension.Settings
	stores *storeKeeper
	intake *intake.Admission
	// senders are the services that export to this collector.
	senders *senders.Registry

	writer struct {
		sync.Mutex
		id component.ID // of the exporter that fills the store
		n  int          // its instances: one a signal
	}

	httpConnections atomic.Int64

	health componentHealth
	panics panicLog

	host       component.Host
	store      *store.Store
	trial      *trial.Trial // nil unless the configuration brings another store
	reader     query.Reader // what answers come from: the store, or it and the members
	members    *membership  // nil without members
	backends   []io.Closer  // the older tiers
	troubles   *trouble.Board
	archive    *archiving.Archive // nil without one
	shared     *redisstate.State  // nil without Redis
	fleet      *fleet.Registry
	seen       *dedup.Window
	api        *api.Server
	prometheus *prometheus.API
	turns      queryTurns
	notifier   *notify.Manager
	slos       *slo.Tracker
	rules      *rules.Evaluator
	counters   *recordmetrics.Counters
	incidents  incidentWatch
	points     pointPath
	servers    []server
	telemetry  *metadata.TelemetryBuilder
	threads    func() // undoes spareThreads
	ends       processEnd
	stop       context.CancelFunc
	work       sync.WaitGroup
}

// server is something that listens before it serves, and stops in two steps.
type server interface {
	// serve blocks until the server is stopped.
	serve() error
	// stop waits for calls under way until ctx ends, then cuts them.
	stop(ctx context.Context)
}

func newExtension(set extension.Settings, cfg *Config, stores *storeKeeper) *tapioExtension {
	e := &tapioExtension{cfg: cfg, set: set, stores: stores, senders: senders.New(), panics: panicLog{logger: set.Logger}}
	e.intake = intake.NewAdmission(intake.NewRoom(int(cfg.Limits.RequestMemory)), e.observeRequest)
	return e
}

// Start listens first, so that a taken port fails the start, then serves.
func (e *tapioExtension) Start(ctx context.Context, host component.Host) error { //nolint:contextcheck // what runs in the background outlives the context of the start
	kept, err := e.stores.claim(e.set.ID, e.cfg, e.set.Logger)
	if err != nil {
		return err
	}
	if e.stores.hasOther(e.set.ID, e.cfg.Store.Directory) {
		e.trial = trial.New()
	}
	warnOfSmall(e.set.Logger, e.cfg.Store.MemoryLimit)
	e.host, e.store, e.fleet, e.seen, e.counters = host, kept.store, kept.fleet, kept.seen, kept.counters
	e.incidents.Watch = kept.incidents
	e.store.OnPanic(e.panics.add)
	e.slos = kept.objectives(e.cfg.Store.Directory, e.sloOptions())
	e.troubles = newTroubles(host)
	if err := openShared(ctx, e); err != nil {
		return errors.Join(err, e.Shutdown(ctx))
	}
	if e.notifier, err = e.newNotifier(ctx, kept.journal); err != nil {
		return errors.Join(err, e.Shutdown(ctx))
	}
	if err := errors.Join(e.openMembers(ctx, kept), openTiers(ctx, e), openArchive(ctx, e, kept)); err != nil {
		return errors.Join(err, e.Shutdown(ctx))
	}
	e.api = api.New(e.apiOptions())
	e.newPrometheus()
	if err := e.listen(ctx); err != nil {
		return errors.Join(err, e.Shutdown(ctx))
	}
	if err := e.observe(); err != nil {
		return errors.Join(err, e.Shutdown(ctx))
	}
	for _, s := range e.servers {
		e.work.Go(func() { e.serve(s) })
	}
	e.threads = spareThreads(e.cfg.SpareThreads)
	background, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.work.Go(func() { panics.Restart(background.Done(), func() { e.retire(background) }, e.panics.add) })
	e.work.Go(func() { panics.Restart(background.Done(), func() { e.slos.Run(background) }, e.panics.add) })
	e.shared.Start(ctx)
	e.startNotifier()           //nolint:contextcheck // what runs in the background outlives the context of the start
	e.members.start(background) //nolint:contextcheck // as above
	if e.cfg.RecordMetrics.Interval > 0 {
		e.work.Go(func() { panics.Restart(background.Done(), func() { e.countRecords(background) }, e.panics.add) })
	}
	e.logStart()
	return nil
}

// serve reports in a goroutine that is not waited for: the host takes reports
// only while it runs, and a shutdown after a failed start must not hang on one.
func (e *tapioExtension) serve(s server) {
	var err error
	if panicked := panics.Catch(func() { err = s.serve() }); panicked != nil {
		e.panics.add(panicked)
		return
	}
	if err != nil {
		go componentstatus.ReportStatus(e.host, componentstatus.NewFatalErrorEvent(err))
	}
}

// Ready is called once the pipelines run: from now on calls are answered. It is safe
// without Start.
func (e *tapioExtension) Ready() error {
	if e.store == nil {
		return nil
	}
	e.stores.settle(e.set.ID, e.cfg)
	e.trial.End(true)
	e.notifier.Settle()
	e.api.SetServing(true)
	e.startRules()
	e.watchIncidents()
	if err := programpages.Release(); err != nil {
		e.set.Logger.Info("pages of the program that only the start needed stay in memory", zap.Error(err))
	}
	e.ends.watch()
	return nil
}

// NotReady is called before the receivers stop: live streams end here, so that
// no writer is left waiting for a pipeline that is going away. It is safe without
// Start: the collector calls it of all extensions when one of them fails to start.
func (e *tapioExtension) NotReady() error {
	if e.store == nil {
		return nil
	}
	e.trial.End(false)
	e.api.SetServing(false)
	e.rules.Stop()
	e.incidents.end()
	if e.cfg.RecordMetrics.Interval > 0 {
		e.writeCounts(context.Background(), time.Now())
	}
	e.api.EndStreams()
	return nil
}

// Shutdown mirrors Start. It is safe without Start, and twice.
func (e *tapioExtension) Shutdown(ctx context.Context) error {
	if e.store == nil {
		return nil
	}
	if e.stop != nil {
		e.stop()
		e.threads()
	}
	if e.rules != nil {
		e.rules.Stop()
	}
	e.incidents.end()
	if e.api != nil {
		e.api.EndStreams()
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.ShutdownTimeout)
	defer cancel()
	if e.notifier != nil {
		e.notifier.Stop(ctx)
	}
	var stopping sync.WaitGroup
	for _, s := range e.servers {
		stopping.Go(func() { s.stop(ctx) })
	}
	stopping.Wait()
	e.work.Wait()
	e.members.close()
	closeTiers(e.backends)
	e.archive.Stop()
	e.shared.Close()
	if e.telemetry != nil {
		e.telemetry.Shutdown()
	}
	e.slos.Save()
	ends := e.ends.received()
	var unarchived error
	if ends {
		unarchived = e.archive.End(ctx)
	}
	err := errors.Join(unarchived, e.stores.release(e.set.ID))
	e.store = nil
	if !ends {
		return nil // a reload, which an error would end with all that is in memory
	}
	if e.notifier != nil {
		e.notifier.Lost()
	}
	return err
}
