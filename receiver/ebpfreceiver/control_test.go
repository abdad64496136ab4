//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
)

// sinkWith returns a sink whose pipelines keep what they get.
func sinkWith(t *testing.T, adapt func(*Config)) (*sink, *seen) {
	t.Helper()
	config := createDefaultConfig().(*Config)
	adapt(config)
	require.NoError(t, confmap.Validate(config))
	s, err := newSink(receivertest.NewNopSettings(metadata.Type), config)
	require.NoError(t, err)
	got := &seen{logs: &consumertest.LogsSink{}, metrics: &consumertest.MetricsSink{}, traces: &consumertest.TracesSink{}}
	s.logs, s.metrics, s.traces = got.logs, got.metrics, got.traces
	return s, got
}

// of returns how many records were dropped for the reason.
func (g *gate) of(reason string) (dropped uint64) {
	for r, n := range g.Dropped() {
		if r.String() == reason {
			dropped = n
		}
	}
	return dropped
}

func named(names ...string) plog.Logs {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, name := range names {
		records.AppendEmpty().SetEventName(name)
	}
	return logs
}

func TestConditionsChooseTheRecords(t *testing.T) {
	s, got := sinkWith(t, func(c *Config) {
		c.Logs.Include = []string{`IsMatch(event_name, "^a")`}
		c.Logs.Exclude = []string{`event_name == "ab"`}
	})
	require.NoError(t, s.consumeLogs(context.Background(), named("a", "ab", "b", "ac")))
	require.NoError(t, s.consumeLogs(context.Background(), named("b")))
	assert.Equal(t, 2, got.logs.LogRecordCount())
	assert.Len(t, got.logs.AllLogs(), 1, "a batch of which nothing is left does not go on")
	assert.Equal(t, uint64(3), s.logGate.of("filter"))
}

func TestARateAboveTheLimitIsCutAndCounted(t *testing.T) {
	s, got := sinkWith(t, func(c *Config) { c.Logs.MaxPerSecond = 3 })
	require.NoError(t, s.consumeLogs(context.Background(), named("a", "a", "a", "a", "a", "a", "a", "a", "a", "a")))
	assert.Equal(t, 3, got.logs.LogRecordCount())
	assert.Equal(t, uint64(7), s.logGate.of("rate_limit"))
}

func TestSamplingLetsItsShareOfLogsPass(t *testing.T) {
	s, got := sinkWith(t, func(c *Config) { c.Logs.SamplingPercent = 25 })
	for range 100 {
		require.NoError(t, s.consumeLogs(context.Background(), named("a", "b")))
	}
	assert.Equal(t, 50, got.logs.LogRecordCount())
	assert.Equal(t, uint64(150), s.logGate.of("sampling"))
}

func TestSamplingKeepsTracesWhole(t *testing.T) {
	s, got := sinkWith(t, func(c *Config) { c.Traces.SamplingPercent = 50 })
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range 256 {
		for range 3 {
			spans.AppendEmpty().SetTraceID([16]byte{0: 1, 9: byte(i)})
		}
	}
	require.NoError(t, s.consumeTraces(context.Background(), traces))
	assert.Equal(t, 3*128, got.traces.SpanCount())
}

func TestPointsAreFilteredByMetricAndAttribute(t *testing.T) {
	s, got := sinkWith(t, func(c *Config) { c.Metrics.Exclude = []string{`attributes["tapio.syscall.name"] == "futex"`} })
	metrics := pmetric.NewMetrics()
	list := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	points := list.AppendEmpty().SetEmptyHistogram().DataPoints()
	points.AppendEmpty().Attributes().PutStr("tapio.syscall.name", "futex")
	points.AppendEmpty().Attributes().PutStr("tapio.syscall.name", "read")
	list.AppendEmpty().SetEmptySum().DataPoints().AppendEmpty().Attributes().PutStr("tapio.syscall.name", "futex")
	require.NoError(t, s.consumeMetrics(context.Background(), metrics))
	assert.Equal(t, 1, got.metrics.DataPointCount())
	assert.Equal(t, uint64(2), s.pointGate.of("filter"))
}

func TestASignalThatIsOffDoesNotGoOn(t *testing.T) {
	s, got := sinkWith(t, func(c *Config) { c.Logs.Enabled = false })
	require.NoError(t, s.consumeLogs(context.Background(), named("a")))
	assert.Zero(t, got.logs.LogRecordCount())
}

func TestWhatAPipelineRefusesIsCounted(t *testing.T) {
	s, _ := sinkWith(t, func(*Config) {})
	s.logs = consumertest.NewErr(errors.New("full"))
	require.Error(t, s.consumeLogs(context.Background(), named("a", "b")))
	assert.Equal(t, uint64(2), s.logGate.refused.Load())
}

func TestBadConfigurationNamesTheFieldAndTheFix(t *testing.T) {
	for want, adapt := range map[string]func(*Config){
		"error_mode: must be ignore or propagate":                  func(c *Config) { c.ErrorMode = "panic" },
		"ring_buffer_size: must be a power of two":                 func(c *Config) { c.RingBufferSize = 100000 },
		"collection_interval: must be 100ms or more":               func(c *Config) { c.CollectionInterval = 0 },
		"logs::include: must be OTTL conditions":                   func(c *Config) { c.Logs.Include = []string{"nonsense ="} },
		"traces::exclude: must be OTTL conditions":                 func(c *Config) { c.Traces.Exclude = []string{"nonsense ="} },
		"logs::sampling_percent: must be above 0":                  func(c *Config) { c.Logs.SamplingPercent = 0 },
		"metrics::sampling_percent: must be left out":              func(c *Config) { c.Metrics.SamplingPercent = 10 },
		"metrics::max_per_second: must be 0 for no bound, or more": func(c *Config) { c.Metrics.MaxPerSecond = -1 },
		"traces::max_per_second: must be 0 for no bound, or more":  func(c *Config) { c.Traces.MaxPerSecond = math.NaN() },
		"probes::process: args_limit: must not be above 4096":      func(c *Config) { c.Probes.Process.ArgsLimit = 5000 },
		"probes::process: redact[0]: must be a regular":            func(c *Config) { c.Probes.Process.Redact = []string{"("} },
		"probes::syscall: slow_threshold: must be 0 for no eve":    func(c *Config) { c.Probes.Syscall.SlowThreshold = -1 },
		"probes::syscall: sample_one_in: must be a power of tw":    func(c *Config) { c.Probes.Syscall.SampleOneIn = 12 },
		`probes::syscall: waiting[1]: must be the name of a sys`:   func(c *Config) { c.Probes.Syscall.Waiting = []string{"read", "raed"} },
	} {
		config := createDefaultConfig().(*Config)
		adapt(config)
		err := confmap.Validate(config)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n", "told once")
	}
}

func TestEveryDefaultIsValidOnMachinesOfEveryKind(t *testing.T) {
	require.NoError(t, confmap.Validate(createDefaultConfig()))
}

func TestAFractionOfARecordASecondIsABoundToo(t *testing.T) {
	s, got := sinkWith(t, func(c *Config) { c.Logs.MaxPerSecond = 0.001 })
	require.NoError(t, s.consumeLogs(context.Background(), named("a", "a", "a")))
	assert.Equal(t, 1, got.logs.LogRecordCount())
	assert.Equal(t, uint64(2), s.logGate.of("rate_limit"))
}
