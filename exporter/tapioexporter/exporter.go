// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioexporter

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/exporter/tapioexporter/internal/eventtime"
	"github.com/tapio/tapio/exporter/tapioexporter/internal/metadata"
	"github.com/tapio/tapio/internal/losslog"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/recordmetrics"
	"github.com/tapio/tapio/internal/senders"
	"github.com/tapio/tapio/internal/store"
)

// storeOwner is what this exporter needs of an extension.
type storeOwner interface {
	ClaimStore(exporter component.ID) (store.Claim, error)
}

// spanObserver is an extension that counts the requests that spans report. It keeps
// nothing of the spans.
type spanObserver interface {
	ObserveSpans(spans []model.Span)
}

// recordCounter is an extension that wants records to be counted as they arrive.
type recordCounter interface {
	RecordCounters() *recordmetrics.Counters
}

// tapioExporter is one instance, for one signal.
type tapioExporter struct {
	id        component.ID
	extension component.ID
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	host      component.Host
	store     *store.Store
	await     func(context.Context) error
	release   func()
	senders   *senders.Registry       // nil: the extension does not ask for them
	requests  spanObserver            // nil: likewise
	counters  *recordmetrics.Counters // nil: likewise
	panics    panics.Count
	panicked  atomic.Bool // the batch before
	warned    sync.Once   // of implausible times
	losses    *losslog.Log
	batches   sync.Pool // of *model.PointBatch
	events    sync.Pool // of *[]model.Event
	spans     sync.Pool // of *[]model.Span
}

// maxKeptBatch is the size up to which the memory of a request is used again, and
// maxKeptRows that of a list of rows.
const (
	maxKeptBatch = 4 << 20
	maxKeptRows  = 1 << 14
)

func newExporter(set exporter.Settings, cfg component.Config) (*tapioExporter, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &tapioExporter{
		id: set.ID, logger: set.Logger, losses: losslog.New(set.Logger, "records were not stored", "records", time.Now), telemetry: telemetry, extension: cfg.(*Config).Extension, release: func() {},
		batches: sync.Pool{New: func() any { return new(model.PointBatch) }},
		events:  sync.Pool{New: func() any { return new([]model.Event) }},
		spans:   sync.Pool{New: func() any { return new([]model.Span) }},
	}, nil
}

func (e *tapioExporter) start(_ context.Context, host component.Host) error {
	e.host = host
	owner, err := e.findOwner(host)
	if err != nil {
		return err
	}
	claim, err := owner.ClaimStore(e.id)
	if err != nil {
		return fmt.Errorf("exporters::%s::extension: %w", e.id, err)
	}
	e.store, e.await, e.release = claim.Store, claim.Await, claim.Release
	if registry, ok := owner.(senderRegistry); ok {
		e.senders = registry.Senders()
	}
	if observer, ok := owner.(spanObserver); ok {
		e.requests = observer
	}
	if counting, ok := owner.(recordCounter); ok {
		e.counters = counting.RecordCounters()
	}
	e.logStart()
	return nil
}

func (e *tapioExporter) findOwner(host component.Host) (storeOwner, error) {
	found, ok := host.GetExtensions()[e.extension]
	if !ok {
		return nil, fmt.Errorf("exporters::%[1]s::extension: there is no extension %[2]q: "+
			"add `%[2]s:` under extensions and %[2]q to service::extensions", e.id, e.extension)
	}
	owner, ok := found.(storeOwner)
	if !ok {
		return nil, fmt.Errorf("exporters::%s::extension: extension %q has no store: "+
			"name a tapio extension, for example `extension: tapio`", e.id, e.extension)
	}
	return owner, nil
}

func (e *tapioExporter) shutdown(context.Context) error {
	e.release()
	return nil
}

// contain makes a panic the error of its batch: the goroutine is one of a receiver,
// and the collector ends with it otherwise. Sent again, the batch would panic again.
func contain[B any](e *tapioExporter, consume func(context.Context, B) error) func(context.Context, B) error {
	return func(ctx context.Context, batch B) (err error) {
		if err := e.await(ctx); err != nil {
			return err
		}
		if panicked := panics.Catch(func() { err = consume(ctx, batch) }); panicked != nil {
			e.reportPanic(ctx, panicked)
			return consumererror.NewPermanent(fmt.Errorf("the batch could not be stored: %w", panicked))
		}
		if e.panicked.CompareAndSwap(true, false) {
			componentstatus.ReportStatus(e.host, componentstatus.NewEvent(componentstatus.StatusOK))
		}
		return err
	}
}

// reportPanic counts a panic, logs its stack once and sets the status, until a batch is
// stored again.
func (e *tapioExporter) reportPanic(ctx context.Context, err error) {
	e.telemetry.TapioExporterPanics.Add(ctx, 1)
	if stack := e.panics.Add(err); stack != "" {
		e.logger.Error("recovered from a panic while storing a batch; the batch is refused", zap.Error(err), zap.String("stack", stack))
	}
	if e.panicked.CompareAndSwap(false, true) {
		componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(err))
	}
}

func (e *tapioExporter) consumeLogs(ctx context.Context, logs plog.Logs) error {
	if sender, ok := e.senderOf(ctx); ok {
		for _, resource := range logs.ResourceLogs().All() {
			e.observeSender(sender, resource.Resource(), true)
		}
	}
	events := e.events.Get().(*[]model.Event)
	defer putBack(&e.events, events)
	arrived := time.Now()
	*events = otlp.AppendEvents(*events, logs)
	observe(*events, arrived)
	times := eventtime.New(arrived)
	e.corrected(ctx, logsSignal, times.Events(*events))
	refused, err := e.store.AppendEvents(*events)
	e.measure(ctx, logsSignal, len(*events), arrived)
	if err == nil && e.counters != nil {
		e.counters.CountEvents(*events)
	}
	return e.outcome(len(*events), refused, err)
}

// putBack releases what the rows refer to, and keeps their memory for another
// batch.
func putBack[R any](pool *sync.Pool, rows *[]R) {
	clear(*rows)
	*rows = (*rows)[:0]
	if cap(*rows) <= maxKeptRows {
		pool.Put(rows)
	}
}

// observe gives records without any time that of now, as OpenTelemetry wants of
// a collector: without one they would be in no time range.
func observe(events []model.Event, now time.Time) {
	for i := range events {
		if events[i].When() == 0 {
			events[i].ObservedTime = model.Nanos(now.UnixNano())
		}
	}
}

func (e *tapioExporter) consumeTraces(ctx context.Context, traces ptrace.Traces) error {
	if sender, ok := e.senderOf(ctx); ok {
		for _, resource := range traces.ResourceSpans().All() {
			e.observeSender(sender, resource.Resource(), false)
		}
	}
	spans := e.spans.Get().(*[]model.Span)
	defer putBack(&e.spans, spans)
	arrived := time.Now()
	*spans = otlp.AppendSpans(*spans, traces)
	times := eventtime.New(arrived)
	e.corrected(ctx, tracesSignal, times.Spans(*spans))
	refused, err := e.store.AppendSpans(*spans)
	if err == nil && e.requests != nil {
		e.requests.ObserveSpans(*spans)
	}
	e.measure(ctx, tracesSignal, len(*spans), arrived)
	if err == nil && e.counters != nil {
		e.counters.CountSpans(*spans)
	}
	return e.outcome(len(*spans), refused, err)
}

func (e *tapioExporter) consumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	if sender, ok := e.senderOf(ctx); ok {
		for _, resource := range metrics.ResourceMetrics().All() {
			e.observeSender(sender, resource.Resource(), false)
		}
	}
	batch := e.batches.Get().(*model.PointBatch)
	batch.Reset()
	arrived := time.Now()
	otlp.ReadMetrics(batch, metrics)
	times := eventtime.New(arrived)
	e.corrected(ctx, metricsSignal, times.Points(batch.Points))
	refused, err := e.store.AppendPointBatch(batch)
	points := len(batch.Points)
	e.measure(ctx, metricsSignal, points, arrived)
	if cap(batch.Bytes) <= maxKeptBatch {
		e.batches.Put(batch)
	}
	return e.outcome(points, refused, err)
}

// outcome is the answer to the sender: that nothing is stored, so that it sends the
// batch again; or that some records are not stored, and never will be.
func (e *tapioExporter) outcome(records, refused int, err error) error {
	if err != nil {
		e.losses.Add("store_refused", uint64(records), err)
		return err
	}
	if refused == 0 {
		return nil
	}
	rejected := &model.RefusedError{Count: refused}
	e.losses.Add("record_rejected", uint64(refused), rejected)
	return consumererror.NewPermanent(refusedStatus{rejected})
}

// refusedStatus gives the refusal a status: without one a receiver answers that
// the server failed.
type refusedStatus struct{ *model.RefusedError }

// Unwrap returns the refusal itself.
func (e refusedStatus) Unwrap() error { return e.RefusedError }

// GRPCStatus is that of an invalid request.
func (e refusedStatus) GRPCStatus() *status.Status {
	return status.New(codes.InvalidArgument, e.Error())
}
