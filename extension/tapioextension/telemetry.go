// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tapio/tapio/extension/tapioextension/internal/metadata"
	"github.com/tapio/tapio/internal/store"
)

// observe publishes the figures of the store and of the API as the collector's
// own metrics. They are read when the metrics are collected.
func (e *tapioExtension) observe() error {
	builder, err := metadata.NewTelemetryBuilder(e.set.TelemetrySettings)
	if err != nil {
		return err
	}
	e.telemetry = builder
	kept := e.store
	return errors.Join(
		builder.RegisterTapioStoreSizeCallback(e.eachSignal(func(s *store.Stats) uint64 { return s.Bytes })),
		builder.RegisterTapioStoreCapacityCallback(e.eachSignal(func(s *store.Stats) uint64 { return s.Capacity })),
		builder.RegisterTapioStoreRecordsCallback(e.eachSignal(func(s *store.Stats) uint64 { return s.Rows })),
		builder.RegisterTapioStoreAppendedCallback(e.eachSignal(func(s *store.Stats) uint64 { return s.Appended })),
		builder.RegisterTapioStreamLostCallback(e.eachSignal(func(s *store.Stats) uint64 { return s.Lost })),
		builder.RegisterTapioStreamLagCallback(e.lagRecords),
		builder.RegisterTapioStreamLagTimeCallback(e.lagTime),
		builder.RegisterTapioStoreEvictedCallback(e.eachReason(func(s *store.Stats) map[string]uint64 { return s.Evicted })),
		builder.RegisterTapioStoreRefusedCallback(e.eachReason(func(s *store.Stats) map[string]uint64 { return s.Refused })),
		builder.RegisterTapioStoreFindingsCallback(labelled("finding", kept.Findings)),
		builder.RegisterTapioStoreSeriesCallback(e.eachSignal(func(s *store.Stats) uint64 { return s.Series })),
		builder.RegisterTapioStoreSeriesSizeCallback(e.eachSignal(func(s *store.Stats) uint64 { return s.SeriesBytes })),
		builder.RegisterTapioStoreSeriesEvictedCallback(e.eachSignal(func(s *store.Stats) uint64 { return s.EvictedSeries })),
		builder.RegisterTapioStoreOldestTimeCallback(e.eachSignal(func(s *store.Stats) uint64 { return uint64(s.Oldest / 1e9) })),
		builder.RegisterTapioStoreLabelsCallback(e.eachIndex(func(c *store.Cardinality) uint64 { return c.Labels })),
		builder.RegisterTapioStoreUnindexedKeysCallback(e.eachIndex(func(c *store.Cardinality) uint64 { return uint64(len(c.OpenKeys)) })),
		builder.RegisterTapioStoreDirectorySizeCallback(e.directory(func(d *store.DirectoryStats) uint64 { return d.Bytes })),
		builder.RegisterTapioStoreDirectoryFailedCallback(e.directory(func(d *store.DirectoryStats) uint64 { return d.FailedWrites })),
		builder.RegisterTapioStoreDirectoryCorruptCallback(e.directory(func(d *store.DirectoryStats) uint64 { return d.CorruptFiles })),
		builder.RegisterTapioStoreDirectoryLogSizeCallback(e.directory(func(d *store.DirectoryStats) uint64 { return uint64(max(d.Log.Bytes, 0)) })),
		builder.RegisterTapioStoreDirectoryLogDroppedCallback(e.directory(func(d *store.DirectoryStats) uint64 { return d.Log.Dropped })),
		builder.RegisterTapioQueryMemoryCallback(single(func() uint64 { return kept.QueryStats().Used })),
		builder.RegisterTapioQueryRefusedCallback(single(func() uint64 { return kept.QueryStats().Refused })),
		builder.RegisterTapioQueryWaitedCallback(labelled("reason", func() map[string]uint64 { return e.turns.waits(e.api.Calls.Turns()) })),
		builder.RegisterTapioRecordMetricsFoldedCallback(single(e.counters.Folded)),
		builder.RegisterTapioRulesEvaluationsCallback(labelled("result", e.rules.Evaluations)),
		builder.RegisterTapioRulesSamplesCallback(labelled("result", e.rules.Samples)),
		builder.RegisterTapioIncidentsClosedCallback(single(e.incidents.Closed)),
		builder.RegisterTapioIncidentsForgottenCallback(single(e.incidents.Forgotten)),
		builder.RegisterTapioIntakeMemoryCallback(single(e.intake.Room().Taken)),
		builder.RegisterTapioIntakeRefusedCallback(labelled("reason", e.intake.Room().Refused)),
		builder.RegisterTapioPanicsCallback(single(e.panics.count.Total)),
		builder.RegisterTapioStreamOpenCallback(single(e.api.Calls.OpenStreams)),
		builder.RegisterTapioAPIAcceptedRecordsCallback(single(e.api.Events.Figures().Accepted)),
		builder.RegisterTapioAPIRejectedCallback(labelled("reason", e.api.Calls.RejectedCalls)),
		builder.RegisterTapioAPIRejectedRecordsCallback(labelled("reason", e.api.Events.Figures().Rejected)),
		builder.RegisterTapioAPIReceivedSizeCallback(single(e.api.Events.Figures().Bytes)),
		builder.RegisterTapioAPIDuplicateBatchesCallback(single(e.api.Events.Figures().Duplicates)),
		builder.RegisterTapioAPIInFlightCallback(single(e.api.Events.Admission.Taken)),
		builder.RegisterTapioAPIConnectionsCallback(labelled("transport", e.openConnections)),
		builder.RegisterTapioStreamDroppedCallback(labelled("reason", e.api.Calls.DroppedStreams)),
		builder.RegisterTapioCollectorLeftCallback(labelled("reason", e.api.LeftCollectors)),
		builder.RegisterTapioCollectorRegisteredCallback(labelled("state", e.api.CollectorStates)),
		builder.RegisterTapioProcessGoroutinesCallback(single(func() uint64 { return uint64(runtime.NumGoroutine()) })),
		e.observeNotifier(builder), e.observeSLOs(builder), observeArchive(builder, e.archive), observeShared(builder, e.shared),
	)
}

func (e *tapioExtension) eachSignal(figure func(*store.Stats) uint64) metric.Int64Callback {
	kept := e.store
	return func(_ context.Context, o metric.Int64Observer) error {
		for _, stats := range kept.Stats() {
			o.Observe(int64(figure(&stats)), metric.WithAttributes(attribute.String("signal", stats.Signal)))
		}
		return nil
	}
}

// eachIndex observes a figure of the indexes.
func (e *tapioExtension) eachIndex(figure func(*store.Cardinality) uint64) metric.Int64Callback {
	kept := e.store
	return func(_ context.Context, o metric.Int64Observer) error {
		for _, c := range kept.Cardinality() {
			o.Observe(int64(figure(&c)), metric.WithAttributes(attribute.String("signal", c.Signal)))
		}
		return nil
	}
}

func (e *tapioExtension) lagRecords(_ context.Context, o metric.Int64Observer) error {
	for signal, lag := range e.api.Lags() {
		o.Observe(int64(lag.Records), metric.WithAttributes(attribute.String("signal", signal)))
	}
	return nil
}

func (e *tapioExtension) lagTime(_ context.Context, o metric.Float64Observer) error {
	for signal, lag := range e.api.Lags() {
		o.Observe(lag.Time.Seconds(), metric.WithAttributes(attribute.String("signal", signal)))
	}
	return nil
}

// directory observes a figure of the directory, nothing where there is none.
func (e *tapioExtension) directory(figure func(*store.DirectoryStats) uint64) metric.Int64Callback {
	kept := e.store
	return func(_ context.Context, o metric.Int64Observer) error {
		if d := kept.Directory(); d.Path != "" {
			o.Observe(int64(figure(&d)))
		}
		return nil
	}
}

func (e *tapioExtension) eachReason(figures func(*store.Stats) map[string]uint64) metric.Int64Callback {
	kept := e.store
	return func(_ context.Context, o metric.Int64Observer) error {
		for _, stats := range kept.Stats() {
			for reason, n := range figures(&stats) {
				o.Observe(int64(n), metric.WithAttributes(
					attribute.String("signal", stats.Signal), attribute.String("reason", reason)))
			}
		}
		return nil
	}
}

// observeBatch counts a batch that a client wrote. It is called from calls,
// which end before the telemetry does.
func (e *tapioExtension) observeBatch(records int, took time.Duration) {
	if e.telemetry == nil { // a call before Start is through
		return
	}
	ctx := context.Background()
	e.telemetry.TapioAPIBatchSize.Record(ctx, int64(records))
	e.telemetry.TapioAPIBatchDuration.Record(ctx, took.Seconds())
}

// observeRequest counts a request that an OTLP receiver answered with this extension as
// its middleware.
func (e *tapioExtension) observeRequest(signal, transport string, took time.Duration) {
	if e.telemetry == nil { // this extension is not started, or stopped
		return
	}
	e.telemetry.TapioIntakeDuration.Record(context.Background(), took.Seconds(), metric.WithAttributeSet(
		attribute.NewSet(attribute.String("signal", signal), attribute.String("transport", transport))))
}

// labelled observes figures by the attribute that their keys are values of.
func labelled(name string, figures func() map[string]uint64) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		for value, n := range figures() {
			o.Observe(int64(n), metric.WithAttributes(attribute.String(name, value)))
		}
		return nil
	}
}

// openConnections counts those of the API by transport.
func (e *tapioExtension) openConnections() map[string]uint64 {
	return map[string]uint64{"grpc": e.api.Calls.OpenConnections(), "http": uint64(max(e.httpConnections.Load(), 0))}
}

// countConnections follows the connections of an HTTP server. One that becomes a
// websocket is no longer the server's.
func (e *tapioExtension) countConnections(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		e.httpConnections.Add(1)
	case http.StateClosed, http.StateHijacked:
		e.httpConnections.Add(-1)
	case http.StateActive, http.StateIdle: // open before and after
	}
}

func single(figure func() uint64) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(figure()))
		return nil
	}
}
