// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioexporter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/exporter/tapioexporter/internal/metadata"
	"github.com/tapio/tapio/exporter/tapioexporter/internal/metadatatest"
	"github.com/tapio/tapio/internal/store"
)

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// owner is an extension with a store.
type owner struct {
	component.StartFunc
	component.ShutdownFunc
	store  *store.Store
	claims int
	trial  error // that awaiting the store returns
}

func (o *owner) ClaimStore(component.ID) (store.Claim, error) {
	o.claims++
	return store.Claim{Store: o.store, Await: func(context.Context) error { return o.trial }, Release: func() { o.claims-- }}, nil
}

func newOwner() *owner {
	limits := store.Limits{Logs: 1 << 20, Traces: 1 << 20, Metrics: 1 << 20, Profiles: 1 << 20}
	return &owner{store: store.New(limits, time.Now)}
}

func TestEverySignalReachesTheStore(t *testing.T) {
	set := exportertest.NewNopSettings(metadata.Type)
	cfg := createDefaultConfig()
	o := newOwner()
	h := host{component.MustNewID("tapio"): o}

	logs, err := NewFactory().CreateLogs(t.Context(), set, cfg)
	require.NoError(t, err)
	traces, err := NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	metrics, err := NewFactory().CreateMetrics(t.Context(), set, cfg)
	require.NoError(t, err)
	profiles, err := NewFactory().CreateProfiles(t.Context(), set, cfg)
	require.NoError(t, err)
	all := []component.Component{logs, traces, metrics, profiles}
	for _, c := range all {
		require.NoError(t, c.Start(t.Context(), h))
	}
	assert.Equal(t, 4, o.claims)

	l := plog.NewLogs()
	l.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
	require.NoError(t, logs.ConsumeLogs(t.Context(), l))
	s := ptrace.NewTraces()
	s.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("work")
	require.NoError(t, traces.ConsumeTraces(t.Context(), s))
	m := pmetric.NewMetrics()
	point := m.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	point.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	require.NoError(t, metrics.ConsumeMetrics(t.Context(), m))
	require.NoError(t, profiles.ConsumeProfiles(t.Context(), oneSample()))

	for _, stats := range o.store.Stats() {
		assert.Equal(t, uint64(1), stats.Rows, stats.Signal)
	}
	for _, c := range all {
		require.NoError(t, c.Shutdown(t.Context()))
	}
	assert.Zero(t, o.claims)
}

func TestStartNamesTheFix(t *testing.T) {
	e, err := newExporter(exportertest.NewNopSettings(metadata.Type), createDefaultConfig())
	require.NoError(t, err)
	err = e.start(t.Context(), host{})
	require.ErrorContains(t, err, `there is no extension "tapio"`)
	require.ErrorContains(t, err, "service::extensions")
	require.NoError(t, e.shutdown(t.Context()), "shutdown is safe after a failed start")

	wrong := struct {
		component.StartFunc
		component.ShutdownFunc
	}{}
	err = e.start(t.Context(), host{component.MustNewID("tapio"): wrong})
	require.ErrorContains(t, err, `extension "tapio" has no store`)
}

func TestConfig(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	require.NoError(t, createDefaultConfig().(*Config).Validate())
	require.ErrorContains(t, (&Config{}).Validate(), "extension: tapio")
}

func TestShutdownIsSafeInEveryOrder(t *testing.T) {
	for _, h := range []host{{}, {component.MustNewID("tapio"): newOwner()}} {
		e, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), createDefaultConfig())
		require.NoError(t, err)
		require.NoError(t, e.Shutdown(t.Context()), "without Start")
		e, err = NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), createDefaultConfig())
		require.NoError(t, err)
		err = e.Start(t.Context(), h)
		require.Equal(t, len(h) == 0, err != nil)
		require.NoError(t, e.Shutdown(t.Context()))
		require.NoError(t, e.Shutdown(t.Context()), "twice")
	}
}

// statusHost keeps what is reported to it.
type statusHost struct {
	host
	statuses []componentstatus.Status
}

func (h *statusHost) Report(event *componentstatus.Event) {
	h.statuses = append(h.statuses, event.Status())
}

// A panic is the error of its batch; the next one is stored.
func TestAPanicRefusesTheBatch(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	core, logged := observer.New(zap.ErrorLevel)
	set.Logger = zap.New(core)
	e, err := newExporter(set, createDefaultConfig())
	require.NoError(t, err)
	h := &statusHost{host: host{component.MustNewID("tapio"): newOwner()}}
	require.NoError(t, e.start(t.Context(), h))
	sound := e.store
	consume := contain(e, e.consumeLogs)
	l := plog.NewLogs()
	l.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")

	e.store = nil
	for range 3 {
		err = consume(t.Context(), l)
		require.ErrorContains(t, err, "nil pointer")
		assert.True(t, consumererror.IsPermanent(err))
	}
	e.store = sound
	require.NoError(t, consume(t.Context(), l))
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, h.statuses)
	assert.Equal(t, 1, logged.Len(), "the stack is logged once")
	metadatatest.AssertEqualTapioExporterPanics(t, tel, []metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, e.shutdown(t.Context()))
}

// While another store may come back, nothing is stored, and the sender is asked to send again.
func TestNothingIsStoredBeforeTheStoreIsSureToStay(t *testing.T) {
	o := newOwner()
	o.trial = status.Error(codes.Unavailable, "not yet")
	logs, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), createDefaultConfig())
	require.NoError(t, err)
	require.NoError(t, logs.Start(t.Context(), host{component.MustNewID("tapio"): o}))
	data := plog.NewLogs()
	data.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
	err = logs.ConsumeLogs(t.Context(), data)
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.False(t, consumererror.IsPermanent(err))
	require.Zero(t, o.store.Stats()[0].Rows)
	o.trial = nil
	require.NoError(t, logs.ConsumeLogs(t.Context(), data))
	require.EqualValues(t, 1, o.store.Stats()[0].Rows)
	require.NoError(t, logs.Shutdown(t.Context()))
}
