// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/exporter/tapioexporter/internal/metadata"
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
}

func (o *owner) ClaimStore(component.ID) (*store.Store, func(), error) {
	o.claims++
	return o.store, func() { o.claims-- }, nil
}

func newOwner() *owner {
	limits := store.Limits{Logs: 1 << 20, Traces: 1 << 20, Metrics: 1 << 20}
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
	all := []component.Component{logs, traces, metrics}
	for _, c := range all {
		require.NoError(t, c.Start(t.Context(), h))
	}
	assert.Equal(t, 3, o.claims)

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

	for _, stats := range o.store.Stats() {
		assert.Equal(t, uint64(1), stats.Rows, stats.Signal)
	}
	for _, c := range all {
		require.NoError(t, c.Shutdown(t.Context()))
	}
	assert.Zero(t, o.claims)
}

func TestStartNamesTheMend(t *testing.T) {
	e := newExporter(exportertest.NewNopSettings(metadata.Type), createDefaultConfig())
	err := e.start(t.Context(), host{})
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
