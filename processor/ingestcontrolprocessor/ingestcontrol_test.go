// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrolprocessor

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/tapio/tapio/internal/ingestcontrol"
	"github.com/tapio/tapio/processor/ingestcontrolprocessor/internal/metadata"
)

func configured(t *testing.T, adapt func(*Config)) *Config {
	t.Helper()
	c := createDefaultConfig().(*Config)
	adapt(c)
	require.NoError(t, confmap.Validate(c))
	return c
}

// settings also returns the drops that are counted, by reason.
func settings(t *testing.T) (processor.Settings, func() map[string]int64) {
	t.Helper()
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.Background())) })
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	return set, func() map[string]int64 {
		dropped := map[string]int64{}
		found, err := telemetry.GetMetric("otelcol_tapio_ingest_control_dropped")
		require.NoError(t, err)
		for _, p := range found.Data.(metricdata.Sum[int64]).DataPoints {
			reason, _ := p.Attributes.Value("reason")
			id, _ := p.Attributes.Value("processor")
			require.Equal(t, set.ID.String(), id.AsString())
			if p.Value > 0 {
				dropped[reason.AsString()] += p.Value
			}
		}
		return dropped
	}
}

func started(t *testing.T, c component.Component) {
	t.Helper()
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, c.Shutdown(context.Background())) })
}

func lines(bodies ...string) plog.Logs {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, body := range bodies {
		records.AppendEmpty().Body().SetStr(body)
	}
	return logs
}

func TestLogs(t *testing.T) {
	set, dropped := settings(t)
	got := &consumertest.LogsSink{}
	p, err := createLogs(t.Context(), set, configured(t, func(c *Config) {
		c.Source = "agent"
		c.Logs.Include = []string{`resource.attributes["tapio.source"] == "agent"`} // conditions see the label
		c.Logs.Exclude = []string{`IsMatch(body, "^debug")`, `attributes["count"] > 1`}
		c.Logs.MaxPerSecond = 3
	}), got)
	require.NoError(t, err)
	started(t, p)
	require.NoError(t, p.ConsumeLogs(t.Context(), lines("a", "debug b", "c")))
	require.NoError(t, p.ConsumeLogs(t.Context(), lines("debug")))
	require.NoError(t, p.ConsumeLogs(t.Context(), lines("d", "e", "f", "g")))
	assert.Len(t, got.AllLogs(), 2, "a batch of which nothing is left does not go on")
	assert.Equal(t, 3, got.LogRecordCount())
	label, _ := got.AllLogs()[1].ResourceLogs().At(0).Resource().Attributes().Get("tapio.source")
	assert.Equal(t, "agent", label.Str())
	assert.Equal(t, map[string]int64{"filter": 2, "rate_limit": 3}, dropped())
}

func TestMetricsOfEveryType(t *testing.T) {
	set, dropped := settings(t)
	got := &consumertest.MetricsSink{}
	p, err := createMetrics(t.Context(), set, configured(t, func(c *Config) {
		c.Metrics.Exclude = []string{`attributes["keep"] == false`}
	}), got)
	require.NoError(t, err)
	started(t, p)
	metrics := pmetric.NewMetrics()
	list := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for _, keep := range []bool{true, false} {
		list.AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty().Attributes().PutBool("keep", keep)
		list.AppendEmpty().SetEmptySum().DataPoints().AppendEmpty().Attributes().PutBool("keep", keep)
		list.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty().Attributes().PutBool("keep", keep)
		list.AppendEmpty().SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Attributes().PutBool("keep", keep)
		list.AppendEmpty().SetEmptySummary().DataPoints().AppendEmpty().Attributes().PutBool("keep", keep)
	}
	require.NoError(t, p.ConsumeMetrics(t.Context(), metrics))
	assert.Equal(t, 5, got.DataPointCount())
	assert.Equal(t, 5, got.AllMetrics()[0].MetricCount())
	_, labelled := got.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes().Get("tapio.source")
	assert.False(t, labelled, "no source is configured")
	assert.Equal(t, map[string]int64{"filter": 5}, dropped())
}

func TestTraces(t *testing.T) {
	set, dropped := settings(t)
	got := &consumertest.TracesSink{}
	p, err := createTraces(t.Context(), set, configured(t, func(c *Config) { c.Traces.SamplingPercent = 50 }), got)
	require.NoError(t, err)
	started(t, p)
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range 256 {
		for range 2 {
			spans.AppendEmpty().SetTraceID([16]byte{0: 1, 9: byte(i)})
		}
	}
	require.NoError(t, p.ConsumeTraces(t.Context(), traces))
	assert.Equal(t, 256, got.SpanCount())
	assert.Equal(t, map[string]int64{"sampling": 256}, dropped())
}

func TestDisabledSignals(t *testing.T) {
	set, dropped := settings(t)
	config := configured(t, func(c *Config) { c.Logs.Enabled, c.Metrics.Enabled, c.Traces.Enabled = false, false, false })
	logs, metrics, traces := &consumertest.LogsSink{}, &consumertest.MetricsSink{}, &consumertest.TracesSink{}
	l, err := createLogs(t.Context(), set, config, logs)
	require.NoError(t, err)
	started(t, l)
	m, err := createMetrics(t.Context(), set, config, metrics)
	require.NoError(t, err)
	started(t, m)
	s, err := createTraces(t.Context(), set, config, traces)
	require.NoError(t, err)
	started(t, s)
	require.NoError(t, l.ConsumeLogs(t.Context(), lines("a", "b")))
	points := pmetric.NewMetrics()
	points.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	require.NoError(t, m.ConsumeMetrics(t.Context(), points))
	spans := ptrace.NewTraces()
	spans.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	require.NoError(t, s.ConsumeTraces(t.Context(), spans))
	assert.Zero(t, logs.LogRecordCount()+metrics.DataPointCount()+traces.SpanCount())
	assert.Equal(t, map[string]int64{"disabled": 4}, dropped())
}

// What the pipeline behind refuses is the sender's to send again, not a drop.
func TestErrorsOfThePipelineGoBack(t *testing.T) {
	set, dropped := settings(t)
	p, err := createLogs(t.Context(), set, configured(t, func(*Config) {}), consumertest.NewErr(errors.New("full")))
	require.NoError(t, err)
	started(t, p)
	require.EqualError(t, p.ConsumeLogs(t.Context(), lines("a")), "full")
	assert.Empty(t, dropped())
}

func TestConfig(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	read := func(id component.ID) *Config {
		section, err := conf.Sub(id.String())
		require.NoError(t, err)
		c := createDefaultConfig().(*Config)
		require.NoError(t, section.Unmarshal(c))
		require.NoError(t, confmap.Validate(c))
		return c
	}
	assert.Equal(t, createDefaultConfig(), read(component.NewID(metadata.Type)))
	assert.Equal(t, &Config{
		Source: "my-agent",
		Logs: ingestcontrol.Config{
			Enabled: true, Include: []string{`severity_number >= SEVERITY_NUMBER_WARN`}, Exclude: []string{`IsMatch(body, "health")`},
			SamplingPercent: 50, MaxPerSecond: 1000,
		},
		Metrics: ingestcontrol.Config{
			Enabled: true, Include: []string{`metric.name == "requests"`}, Exclude: []string{`attributes["http.route"] == "/healthz"`},
			SamplingPercent: 100, MaxPerSecond: 0.1,
		},
		Traces: ingestcontrol.Config{SamplingPercent: 100},
	}, read(component.NewIDWithName(metadata.Type, "all")))
}

func TestBadConfigNamesTheFieldAndWhatIsAccepted(t *testing.T) {
	for want, adapt := range map[string]func(*Config){
		"source: must have at most 256 bytes, has 257":            func(c *Config) { c.Source = strings.Repeat("x", 257) },
		"logs::include: must be OTTL conditions":                  func(c *Config) { c.Logs.Include = []string{"nonsense ="} },
		"metrics::exclude: must be OTTL conditions":               func(c *Config) { c.Metrics.Exclude = []string{`event_name == "a"`} },
		"metrics::sampling_percent: must be left out, is 10":      func(c *Config) { c.Metrics.SamplingPercent = 10 },
		"traces::sampling_percent: must be above 0 and at most":   func(c *Config) { c.Traces.SamplingPercent = 101 },
		"traces::max_per_second: must be 0 for no bound, or more": func(c *Config) { c.Traces.MaxPerSecond = -1 },
	} {
		c := createDefaultConfig().(*Config)
		adapt(c)
		require.ErrorContains(t, confmap.Validate(c), want)
	}
	conf := confmap.NewFromStringMap(map[string]any{"logs": map[string]any{"max_per_sec": 1}})
	err := conf.Unmarshal(createDefaultConfig().(*Config))
	require.ErrorContains(t, err, "max_per_sec")
	require.ErrorContains(t, err, "the keys are source, logs, metrics and traces")
}
