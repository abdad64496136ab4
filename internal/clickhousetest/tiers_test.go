// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	collector "github.com/tapio/tapio/test/running"
)

// twoTiers is a collector that writes to memory and to ClickHouse, and answers from both.
const twoTiers = `
extensions:
  tapio:
    grpc: {endpoint: "localhost:0"}
    http: {endpoint: "localhost:0"}
    store: {memory_limit: 64MiB}
    tiers: [memory, clickhouse]
    backends: {clickhouse: {endpoint: "clickhouse://%[1]s", database: %[3]q, timeout: 5s}}
receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:0"}}}
exporters:
  tapio: {extension: tapio}
  clickhouse: {endpoint: "http://%[2]s", database: %[3]q, username: default, async_insert: false, sending_queue: {enabled: false}}
service:
  extensions: [tapio]
  telemetry: {logs: {encoding: json}, metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], exporters: [tapio, clickhouse]}
    traces: {receivers: [otlp], exporters: [tapio, clickhouse]}
    metrics: {receivers: [otlp], exporters: [tapio, clickhouse]}
`

// The full distribution answers the same after a restart with an empty memory, and without
// ClickHouse it names what is missing.
func TestTheFullDistributionAnswersFromClickHouse(t *testing.T) {
	d := newDatabase(t, false)
	binary := filepath.Join("..", "..", "bin", "tapio-full")
	if _, err := os.Stat(binary); err != nil {
		t.Skip("bin/tapio-full is not built: run make build-full")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	start := func(native string) *collector.Collector {
		c, err := collector.Start(ctx, binary, fmt.Sprintf(twoTiers, native, d.engine.http, d.name))
		require.NoError(t, err)
		return c
	}
	first := start(d.engine.native)
	begin := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	sendAll(ctx, t, first, begin)
	beforeRestart, sources := answersOf(ctx, t, first, begin)
	require.Equal(t, []string{"clickhouse"}, sources, "the range ends before the collector was started")
	require.Len(t, beforeRestart, 6+len(pathsOf(begin)))
	for name, answer := range beforeRestart {
		require.Greater(t, len(answer), 50, name)
	}
	first.Stop()

	second := start(d.engine.native)
	stored, sources := answersOf(ctx, t, second, begin)
	require.Equal(t, beforeRestart, stored, "of what ClickHouse holds")
	require.Equal(t, []string{"clickhouse"}, sources)
	second.Stop()

	alone := start("127.0.0.1:1") // nothing listens there
	defer alone.Stop()
	logs, err := tapiov1.NewObservabilityServiceClient(alone.API).GetLogs(ctx, &tapiov1.GetLogsRequest{Filter: rangeOf(begin)})
	require.NoError(t, err)
	require.Empty(t, logs.GetLogs())
	require.Len(t, logs.GetNotes(), 1)
	require.Equal(t, "clickhouse", logs.GetNotes()[0].GetSource())
	require.NotContains(t, logs.GetSources(), "clickhouse")
}

func rangeOf(begin time.Time) *tapiov1.Filter {
	return &tapiov1.Filter{
		TimeRange: &tapiov1.TimeRange{Start: timestamppb.New(begin), End: timestamppb.New(begin.Add(5 * time.Minute))}, Services: []string{"shop", "orders"},
	}
}

// sendAll sends log records, traces of two services and a gauge.
func sendAll(ctx context.Context, t *testing.T, c *collector.Collector, begin time.Time) {
	t.Helper()
	at := func(i int) pcommon.Timestamp {
		return pcommon.NewTimestampFromTime(begin.Add(time.Duration(i) * time.Second))
	}
	logs, traces, metrics := plog.NewLogs(), ptrace.NewTraces(), pmetric.NewMetrics()
	ofLogs := logs.ResourceLogs().AppendEmpty()
	ofLogs.Resource().Attributes().PutStr("service.name", "shop")
	records := ofLogs.ScopeLogs().AppendEmpty().LogRecords()
	for i := range 50 {
		r := records.AppendEmpty()
		r.SetTimestamp(at(i))
		r.SetSeverityNumber(plog.SeverityNumberInfo + plog.SeverityNumber(i%2*8))
		r.SetSeverityText([]string{"INFO", "ERROR"}[i%2])
		r.Body().SetStr(fmt.Sprint("order ", i))
		r.Attributes().PutStr("user", fmt.Sprint("user-", i%7))
	}
	for i, service := range []string{"shop", "orders"} {
		ofSpans := traces.ResourceSpans().AppendEmpty()
		ofSpans.Resource().Attributes().PutStr("service.name", service)
		spans := ofSpans.ScopeSpans().AppendEmpty().Spans()
		for j := range 20 {
			s := spans.AppendEmpty()
			s.SetTraceID(pcommon.TraceID{1, byte(j + 1)})
			s.SetSpanID(pcommon.SpanID{byte(i + 1), byte(j + 1)})
			if i > 0 {
				s.SetParentSpanID(pcommon.SpanID{byte(i), byte(j + 1)})
			}
			s.SetName("GET /" + service)
			s.SetKind(ptrace.SpanKindServer)
			s.SetStartTimestamp(at(j) + pcommon.Timestamp(i)*1e6)
			s.SetEndTimestamp(at(j) + pcommon.Timestamp(j+20)*1e6)
		}
	}
	ofPoints := metrics.ResourceMetrics().AppendEmpty()
	ofPoints.Resource().Attributes().PutStr("service.name", "shop")
	gauge := ofPoints.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	gauge.SetName("queue.length")
	points := gauge.SetEmptyGauge().DataPoints()
	for i := range 20 {
		p := points.AppendEmpty()
		p.SetTimestamp(at(i))
		p.SetDoubleValue(float64(i))
	}
	_, err := plogotlp.NewGRPCClient(c.OTLP).Export(ctx, plogotlp.NewExportRequestFromLogs(logs))
	require.NoError(t, err)
	_, err = ptraceotlp.NewGRPCClient(c.OTLP).Export(ctx, ptraceotlp.NewExportRequestFromTraces(traces))
	require.NoError(t, err)
	_, err = pmetricotlp.NewGRPCClient(c.OTLP).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(metrics))
	require.NoError(t, err)
}

// answersOf returns the answers to queries about what was sent, as text.
func answersOf(ctx context.Context, t *testing.T, c *collector.Collector, begin time.Time) (answers map[string]string, sources []string) {
	t.Helper()
	api, filter := tapiov1.NewObservabilityServiceClient(c.API), rangeOf(begin)
	logs, err := api.GetLogs(ctx, &tapiov1.GetLogsRequest{Filter: filter})
	require.NoError(t, err)
	require.Empty(t, logs.GetNotes())
	for _, e := range logs.GetLogs() {
		e.Id, e.Sequence, e.LogRecord.ObservedTimeUnixNano = "", 0, 0 // the tables do not keep them
	}
	traces, err := api.GetTraces(ctx, &tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{Filter: filter}})
	require.NoError(t, err)
	slices.SortFunc(traces.GetTraces(), func(a, b *tapiov1.Trace) int { return slices.Compare([]byte(a.GetTraceId()), []byte(b.GetTraceId())) })
	median, err := api.GetMetrics(ctx, &tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{
		Filter: filter, MetricNames: []string{"queue.length"}, Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_P50,
	}})
	require.NoError(t, err)
	services, err := api.ListServices(ctx, &tapiov1.ListServicesRequest{Filter: filter})
	require.NoError(t, err)
	counts, err := api.CountRecords(ctx, &tapiov1.CountRecordsRequest{Selection: &tapiov1.RecordSelection{Signal: tapiov1.Signal_SIGNAL_LOGS, Filter: filter}})
	require.NoError(t, err)
	graph, err := api.GetServiceGraph(ctx, &tapiov1.GetServiceGraphRequest{Filter: filter})
	require.NoError(t, err)
	sources = logs.GetSources()
	logs.Sources, traces.Sources, median.Sources, services.Sources, counts.Sources, graph.Sources = nil, nil, nil, nil, nil, nil
	answers = httpAnswers(ctx, t, c, begin, sources)
	for name, message := range map[string]proto.Message{
		"logs": logs, "traces": traces, "median": median, "services": services, "counts": counts, "graph": graph,
	} {
		answers[name] = protojson.Format(message)
	}
	return answers, sources
}
