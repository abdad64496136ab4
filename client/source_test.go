// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collectorlogsv1 "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetricsv1 "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortracev1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/client"
)

// otlpServer keeps what it gets, and fails as often as a test wants it.
type otlpServer struct {
	collectorlogsv1.UnimplementedLogsServiceServer
	mu       sync.Mutex
	failures []error
	rejected int64
	logs     []*logsv1.ResourceLogs
	metrics  []*metricsv1.ResourceMetrics
	traces   []*tracev1.ResourceSpans
}

func (s *otlpServer) Export(_ context.Context, r *collectorlogsv1.ExportLogsServiceRequest) (*collectorlogsv1.ExportLogsServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failures) > 0 {
		err := s.failures[0]
		s.failures = s.failures[1:]
		return nil, err
	}
	s.logs = append(s.logs, r.GetResourceLogs()...)
	return &collectorlogsv1.ExportLogsServiceResponse{PartialSuccess: &collectorlogsv1.ExportLogsPartialSuccess{
		RejectedLogRecords: s.rejected, ErrorMessage: "too old",
	}}, nil
}

type otlpMetrics struct {
	collectormetricsv1.UnimplementedMetricsServiceServer
	*otlpServer
}

func (s otlpMetrics) Export(_ context.Context, r *collectormetricsv1.ExportMetricsServiceRequest) (*collectormetricsv1.ExportMetricsServiceResponse, error) {
	s.metrics = append(s.metrics, r.GetResourceMetrics()...)
	return &collectormetricsv1.ExportMetricsServiceResponse{}, nil
}

type otlpTraces struct {
	collectortracev1.UnimplementedTraceServiceServer
	*otlpServer
}

func (s otlpTraces) Export(_ context.Context, r *collectortracev1.ExportTraceServiceRequest) (*collectortracev1.ExportTraceServiceResponse, error) {
	s.traces = append(s.traces, r.GetResourceSpans()...)
	return &collectortracev1.ExportTraceServiceResponse{}, nil
}

func otlpConnection(t *testing.T, s *otlpServer) *grpc.ClientConn {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	collectorlogsv1.RegisterLogsServiceServer(server, s)
	collectormetricsv1.RegisterMetricsServiceServer(server, otlpMetrics{otlpServer: s})
	collectortracev1.RegisterTraceServiceServer(server, otlpTraces{otlpServer: s})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	conn, err := grpc.NewClient("passthrough:///otlp", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		server.Stop()
		serving.Wait()
	})
	return conn
}

func text(key, value string) *commonv1.KeyValue {
	return &commonv1.KeyValue{Key: key, Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: value}}}
}

func names(names ...string) []*logsv1.ResourceLogs {
	scope := &logsv1.ScopeLogs{}
	for _, name := range names {
		scope.LogRecords = append(scope.LogRecords, &logsv1.LogRecord{EventName: name})
	}
	return []*logsv1.ResourceLogs{{
		Resource:  &resourcev1.Resource{Attributes: []*commonv1.KeyValue{text("service.name", "a"), text("tapio.source", "old")}},
		ScopeLogs: []*logsv1.ScopeLogs{scope},
	}}
}

func TestSourceSendsWhatItsOptionsLetPass(t *testing.T) {
	server := &otlpServer{failures: []error{status.Error(codes.Unavailable, "starting")}}
	source, err := client.NewSource(otlpConnection(t, server), client.SourceOptions{
		Name: "agent", Backoff: quick(),
		KeepLog: func(_ *resourcev1.Resource, r *logsv1.LogRecord) bool { return r.GetEventName() != "debug" },
		Logs:    client.Quota{MaxPerSecond: 2},
	})
	require.NoError(t, err)
	sent := names("a", "debug", "b", "c")
	before := proto.CloneOf(sent[0])
	require.NoError(t, source.SendLogs(t.Context(), sent))
	require.NoError(t, source.SendLogs(t.Context(), names("debug")))
	require.True(t, proto.Equal(before, sent[0]), "what was passed in is not changed")

	require.Len(t, server.logs, 1, "sent again after a failure, and once")
	require.Len(t, server.logs[0].GetScopeLogs()[0].GetLogRecords(), 2)
	require.Len(t, server.logs[0].GetResource().GetAttributes(), 2)
	assert.True(t, proto.Equal(text("tapio.source", "agent"), server.logs[0].GetResource().GetAttributes()[1]))
	logs, metrics, traces := source.Dropped()
	assert.Equal(t, client.Dropped{Filter: 2, RateLimit: 1}, logs)
	assert.Zero(t, metrics)
	assert.Zero(t, traces)
}

func TestSourceSendsPointsAndSpans(t *testing.T) {
	server := &otlpServer{}
	source, err := client.NewSource(otlpConnection(t, server), client.SourceOptions{
		KeepPoint: func(_ *resourcev1.Resource, m *metricsv1.Metric, attributes []*commonv1.KeyValue) bool {
			return m.GetName() != "debug" && len(attributes) == 0
		},
		KeepSpan: func(_ *resourcev1.Resource, s *tracev1.Span) bool { return s.GetName() == "kept" },
	})
	require.NoError(t, err)
	number := []*metricsv1.NumberDataPoint{{}, {Attributes: []*commonv1.KeyValue{text("a", "b")}}}
	require.NoError(t, source.SendMetrics(t.Context(), []*metricsv1.ResourceMetrics{{ScopeMetrics: []*metricsv1.ScopeMetrics{{Metrics: []*metricsv1.Metric{
		{Name: "gauge", Data: &metricsv1.Metric_Gauge{Gauge: &metricsv1.Gauge{DataPoints: number}}},
		{Name: "sum", Data: &metricsv1.Metric_Sum{Sum: &metricsv1.Sum{DataPoints: number, IsMonotonic: true, AggregationTemporality: 2}}},
		{Name: "histogram", Data: &metricsv1.Metric_Histogram{Histogram: &metricsv1.Histogram{DataPoints: []*metricsv1.HistogramDataPoint{{}}, AggregationTemporality: 1}}},
		{Name: "exponential", Data: &metricsv1.Metric_ExponentialHistogram{ExponentialHistogram: &metricsv1.ExponentialHistogram{
			DataPoints: []*metricsv1.ExponentialHistogramDataPoint{{}}, AggregationTemporality: 1,
		}}},
		{Name: "summary", Data: &metricsv1.Metric_Summary{Summary: &metricsv1.Summary{DataPoints: []*metricsv1.SummaryDataPoint{{}}}}},
		{Name: "debug", Data: &metricsv1.Metric_Gauge{Gauge: &metricsv1.Gauge{DataPoints: number}}},
	}}}}}))
	require.Len(t, server.metrics, 1)
	got := server.metrics[0].GetScopeMetrics()[0].GetMetrics()
	require.Len(t, got, 5)
	assert.Len(t, got[0].GetGauge().GetDataPoints(), 1)
	assert.Len(t, got[1].GetSum().GetDataPoints(), 1)
	assert.True(t, got[1].GetSum().GetIsMonotonic())
	assert.EqualValues(t, 2, got[1].GetSum().GetAggregationTemporality())
	assert.EqualValues(t, 1, got[2].GetHistogram().GetAggregationTemporality())
	assert.EqualValues(t, 1, got[3].GetExponentialHistogram().GetAggregationTemporality())
	assert.Len(t, got[4].GetSummary().GetDataPoints(), 1)

	require.NoError(t, source.SendTraces(t.Context(), []*tracev1.ResourceSpans{{ScopeSpans: []*tracev1.ScopeSpans{{
		Spans: []*tracev1.Span{{Name: "kept"}, {Name: "dropped"}},
	}}}}))
	require.Len(t, server.traces, 1)
	require.Len(t, server.traces[0].GetScopeSpans()[0].GetSpans(), 1)
	_, metrics, traces := source.Dropped()
	assert.Equal(t, client.Dropped{Filter: 4}, metrics)
	assert.Equal(t, client.Dropped{Filter: 1}, traces)
}

func TestSourceReportsWhatTheServerDoesNotTake(t *testing.T) {
	server := &otlpServer{rejected: 1}
	source, err := client.NewSource(otlpConnection(t, server), client.SourceOptions{Backoff: quick()})
	require.NoError(t, err)
	var rejected *client.RejectedError
	require.ErrorAs(t, source.SendLogs(t.Context(), names("a")), &rejected)
	assert.Equal(t, &client.RejectedError{Count: 1, Message: "too old"}, rejected)
	server.failures = []error{status.Error(codes.InvalidArgument, "no")}
	assert.Equal(t, codes.InvalidArgument, status.Code(source.SendLogs(t.Context(), names("a"))), "no second try changes it")
}

func TestSourceRefusesWrongQuotas(t *testing.T) {
	for want, options := range map[string]client.SourceOptions{
		"Logs: max_per_second: must be 0 for no bound, or more, is -1": {Logs: client.Quota{MaxPerSecond: -1}},
		"Metrics: sampling_percent: must be left out, is 50":           {Metrics: client.Quota{SamplingPercent: 50}},
		"Traces: sampling_percent: must be above 0 and at most 100":    {Traces: client.Quota{SamplingPercent: 200}},
	} {
		_, err := client.NewSource(nil, options)
		require.ErrorContains(t, err, want)
	}
}
