// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/plogtest"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tapio/tapio/processor/semanticcorrelationprocessor/internal/metadata"
)

// lostMemory is what the eBPF receiver says when the kernel ends a service.
func lostMemory(at time.Time) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "pay")
	record := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("tapio.process.oom_kill")
	record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	record.SetSeverityNumber(plog.SeverityNumberError)
	record.Attributes().PutStr("process.executable.name", "payd")
	record.Attributes().PutInt("process.pid", 4711)
	record.Attributes().PutInt("tapio.oom.cgroup.limit", 64<<20)
	return logs
}

func failedSpan(at time.Time) ptrace.Traces {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "pay")
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{2})
	span.SetName("POST /pay")
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Millisecond)))
	span.Status().SetCode(ptrace.StatusCodeError)
	return traces
}

// What leaves the processor, the findings of the real engine and the marked
// records, is what stands in testdata; the time in the test is always the same.
func TestWhatLeavesIsAsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{engines: map[component.ID]*engine{}}
		set, sink, spans := processortest.NewNopSettings(metadata.Type), new(consumertest.LogsSink), new(consumertest.TracesSink)
		logs, err := f.createLogs(t.Context(), set, createDefaultConfig(), sink)
		require.NoError(t, err)
		traces, err := f.createTraces(t.Context(), set, createDefaultConfig(), spans)
		require.NoError(t, err)
		for _, c := range []component.Component{logs, traces} {
			require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
		}
		require.NoError(t, logs.ConsumeLogs(t.Context(), lostMemory(time.Now())))
		time.Sleep(20 * time.Second) // no record comes: the clock goes on
		synctest.Wait()
		require.NoError(t, traces.ConsumeTraces(t.Context(), failedSpan(time.Now())))
		require.NoError(t, traces.Shutdown(t.Context()))
		require.NoError(t, logs.Shutdown(t.Context()))

		all := plog.NewLogs()
		for _, batch := range sink.AllLogs() {
			batch.ResourceLogs().MoveAndAppendTo(all.ResourceLogs())
		}
		want, err := golden.ReadLogs(expected(t, "logs.yaml", func(path string) error { return golden.WriteLogsToFile(path, all) }))
		require.NoError(t, err)
		require.NoError(t, plogtest.CompareLogs(want, all))
		wantSpans, err := golden.ReadTraces(expected(t, "traces.yaml", func(path string) error {
			return golden.WriteTracesToFile(path, spans.AllTraces()[0])
		}))
		require.NoError(t, err)
		require.NoError(t, ptracetest.CompareTraces(wantSpans, spans.AllTraces()[0]))
	})
}

// expected is a file in testdata; TAPIO_UPDATE_GOLDEN=1 rewrites it.
func expected(t *testing.T, name string, write func(path string) error) string {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("TAPIO_UPDATE_GOLDEN") == "1" {
		require.NoError(t, write(path))
	}
	return path
}

// No signal sends anything after its shutdown, and all that was taken was sent.
// Traces and metrics stand beside a logs pipeline, as they must.
func TestNothingIsLostAtShutdown(t *testing.T) {
	f := NewFactory()
	beside := func(ctx context.Context, set processor.Settings, cfg component.Config) (component.Component, error) {
		return f.CreateLogs(ctx, set, cfg, consumertest.NewNop())
	}
	both := processor.NewFactory(f.Type(), f.CreateDefaultConfig,
		processor.WithLogs(f.CreateLogs, metadata.LogsStability),
		processor.WithTraces(func(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
			logs, err := beside(ctx, set, cfg)
			require.NoError(t, err)
			traces, err := f.CreateTraces(ctx, set, cfg, next)
			return tracesAndLogs{traces, logs}, err
		}, metadata.TracesStability),
		processor.WithMetrics(func(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
			logs, err := beside(ctx, set, cfg)
			require.NoError(t, err)
			metrics, err := f.CreateMetrics(ctx, set, cfg, next)
			return metricsAndLogs{metrics, logs}, err
		}, metadata.MetricsStability))
	processortest.VerifyShutdown(t, both, createDefaultConfig())
}

type tracesAndLogs struct {
	processor.Traces
	logs component.Component
}

func (b tracesAndLogs) Shutdown(ctx context.Context) error {
	return errors.Join(b.Traces.Shutdown(ctx), b.logs.Shutdown(ctx))
}

type metricsAndLogs struct {
	processor.Metrics
	logs component.Component
}

func (b metricsAndLogs) Shutdown(ctx context.Context) error {
	return errors.Join(b.Metrics.Shutdown(ctx), b.logs.Shutdown(ctx))
}
