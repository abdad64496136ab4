// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/ingestcontrol"
)

// exampleSink has the gates of the example that keeps a flood from a back end.
func exampleSink(t *testing.T) (*sink, *seen) {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("..", "..", "distribution", "config", "examples", "kernel-to-backend.yaml"))
	require.NoError(t, err)
	section, err := conf.Sub("receivers::ebpf")
	require.NoError(t, err)
	return sinkWith(t, func(c *Config) { require.NoError(t, section.Unmarshal(c)) })
}

func TestTheExampleBoundsEvents(t *testing.T) {
	s, got := exampleSink(t)
	clean := named("tapio.process.exit")
	clean.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().PutInt("process.exit.code", 0)
	require.NoError(t, s.consumeLogs(context.Background(), clean))
	assert.Equal(t, uint64(1), s.logGate.of("filter"), "a program that ends as it should")
	stopped := named("tapio.process.signal")
	stopped.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().PutStr("tapio.signal.sender.name", "containerd-shim-runc-v2")
	require.NoError(t, s.consumeLogs(context.Background(), stopped))
	assert.Equal(t, uint64(2), s.logGate.of("filter"))
	kills := make([]string, 80)
	for i := range kills {
		kills[i] = "tapio.process.oom_kill"
	}
	require.NoError(t, s.consumeLogs(context.Background(), named(kills...)))
	assert.Equal(t, 50, got.logs.LogRecordCount())
	assert.Equal(t, uint64(30), s.logGate.of("rate_limit"), "what is above the limit is counted")
}

func TestTheExampleChoosesMetrics(t *testing.T) {
	s, got := exampleSink(t)
	metrics := pmetric.NewMetrics()
	list := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for _, name := range []string{
		"tapio.syscall.duration", "tapio.syscall.errors", "tapio.cpu.time", "tapio.cpu.run_queue.duration", "http.server.request.duration",
	} {
		metric := list.AppendEmpty()
		metric.SetName(name)
		metric.SetEmptySum().DataPoints().AppendEmpty()
	}
	require.NoError(t, s.consumeMetrics(context.Background(), metrics))
	assert.Equal(t, 3, got.metrics.DataPointCount())
	assert.Equal(t, uint64(2), s.pointGate.of("filter"))
}

func TestTheExampleKeepsFailedAndSlowRequests(t *testing.T) {
	s, got := exampleSink(t)
	s.spanGate = newGate(ingestcontrol.DefaultConfig()) // all of those that the conditions let pass
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	spans.AppendEmpty().Attributes().PutInt("http.response.status_code", 503)
	spans.AppendEmpty().Attributes().PutInt("http.response.status_code", 200)
	slow := spans.AppendEmpty()
	slow.SetStartTimestamp(1_000_000_000)
	slow.SetEndTimestamp(2_000_000_000)
	require.NoError(t, s.consumeTraces(context.Background(), traces))
	assert.Equal(t, 2, got.traces.SpanCount())
	assert.Equal(t, uint64(1), s.spanGate.of("filter"))
}
