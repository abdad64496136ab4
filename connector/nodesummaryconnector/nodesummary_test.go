// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package nodesummaryconnector

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/tapio/tapio/connector/nodesummaryconnector/internal/metadata"
)

func TestConfigurations(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for key, want := range map[string]*Config{
		"node_summary":     {Interval: 10 * time.Second, MaxSeries: 2000},
		"node_summary/all": {Node: "node-a", Interval: 5 * time.Second, MaxSeries: 500},
	} {
		sub, err := conf.Sub(key)
		require.NoError(t, err)
		config := createDefaultConfig()
		require.NoError(t, sub.Unmarshal(config))
		require.NoError(t, confmap.Validate(config))
		assert.Equal(t, want, config)
	}
	for _, c := range []struct {
		key   string
		value any
		want  string
	}{
		{"interval", "500ms", "interval: must be within 1s and 1m0s, is 500ms"},
		{"max_series", 1, "max_series: must be within 10 and 100000, is 1"},
		{"node", strings.Repeat("n", 257), "node: must be at most 256 bytes, is 257"},
		{"nodes", "a", "the keys are node, interval and max_series"},
	} {
		config := createDefaultConfig()
		err := confmap.NewFromStringMap(map[string]any{c.key: c.value}).Unmarshal(config)
		if err == nil {
			err = confmap.Validate(config)
		}
		assert.ErrorContains(t, err, c.want)
	}
}

// call is a span to be counted.
type call struct {
	kind       ptrace.SpanKind
	name       string
	took       time.Duration
	failed     bool
	state      string
	attributes map[string]any
}

func spansOf(t *testing.T, resource map[string]any, end time.Time, calls ...call) ptrace.Traces {
	t.Helper()
	traces := ptrace.NewTraces()
	of := traces.ResourceSpans().AppendEmpty()
	require.NoError(t, of.Resource().Attributes().FromRaw(resource))
	spans := of.ScopeSpans().AppendEmpty().Spans()
	for _, c := range calls {
		span := spans.AppendEmpty()
		span.SetKind(c.kind)
		span.SetName(c.name)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-c.took)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
		span.TraceState().FromRaw(c.state)
		if c.failed {
			span.Status().SetCode(ptrace.StatusCodeError)
		}
		require.NoError(t, span.Attributes().FromRaw(c.attributes))
	}
	return traces
}

// points lists all points as "metric attributes: count", with those of the resource.
func points(metrics pmetric.Metrics) map[string]uint64 {
	list := map[string]uint64{}
	for _, ofResource := range metrics.ResourceMetrics().All() {
		for _, metric := range ofResource.ScopeMetrics().At(0).Metrics().All() {
			for _, p := range metric.ExponentialHistogram().DataPoints().All() {
				service, _ := ofResource.Resource().Attributes().Get("service.name")
				node, _ := ofResource.Resource().Attributes().Get("host.name")
				list[fmt.Sprintf("%s@%s %s %v", service.AsString(), node.AsString(), metric.Name(), p.Attributes().AsRaw())] += p.Count()
			}
		}
	}
	return list
}

func TestRequestsAreCountedByTheNamesOfTheConventions(t *testing.T) {
	now := time.Unix(1_700_000_003, 0)
	s := newSummary(10*time.Second, 100, "here")
	server, client := ptrace.SpanKindServer, ptrace.SpanKindClient
	ends := func(end string) map[string]any {
		return map[string]any{"network." + end + ".address": "10.0.0.2", "network." + end + ".port": 5432}
	}
	require.Zero(t, s.add(spansOf(t, map[string]any{"service.name": "shop", "process.pid": 17}, now,
		call{server, "GET /buy", time.Second, false, "", map[string]any{"http.request.method": "GET", "http.route": "/buy", "http.response.status_code": 200, "url.path": "/buy/17"}},
		call{server, "GET /buy", time.Second, true, "ot=th:c", map[string]any{"http.request.method": "GET", "http.route": "/buy", "http.response.status_code": 500}},
		call{client, "SELECT", time.Millisecond, false, "", map[string]any{"db.system.name": "postgresql", "server.address": "orders-db", "db.query.text": "SELECT 17"}},
		call{client, "cart/Add", time.Millisecond, true, "", map[string]any{"rpc.service": "cart", "rpc.method": "Add", "rpc.grpc.status_code": 14, "peer.service": "cart"}},
		call{ptrace.SpanKindInternal, "work", time.Millisecond, false, "", nil},
		call{client, "ask", time.Millisecond, false, "", ends("peer")},
	), now))
	require.Zero(t, s.add(spansOf(t, map[string]any{"service.name": "db", "host.name": "there"}, now, call{server, "SELECT", 0, false, "", ends("local")}), now))

	assert.Zero(t, s.take(now).DataPointCount(), "the interval is not over")
	taken := s.take(now.Add(10 * time.Second))
	assert.Equal(t, map[string]uint64{
		"shop@here http.server.request.duration map[http.request.method:GET http.response.status_code:200 http.route:/buy]":                             1,
		"shop@here http.server.request.duration map[error.type:500 http.request.method:GET http.response.status_code:500 http.route:/buy]":              4,
		"shop@here db.client.operation.duration map[db.operation.name:SELECT db.system.name:postgresql server.address:orders-db]":                       1,
		"shop@here rpc.client.call.duration map[error.type:14 peer.service:cart rpc.grpc.status_code:14 rpc.method:Add rpc.service:cart]":               1,
		"shop@here traces.span.metrics.duration map[network.peer.address:10.0.0.2 network.peer.port:5432 span.kind:SPAN_KIND_CLIENT span.name:ask]":     1,
		"db@there traces.span.metrics.duration map[network.local.address:10.0.0.2 network.local.port:5432 span.kind:SPAN_KIND_SERVER span.name:SELECT]": 1,
	}, points(taken))
	for _, of := range taken.ResourceMetrics().All() {
		source, _ := of.Resource().Attributes().Get("tapio.source")
		assert.Equal(t, "node_summary", source.Str())
		_, found := of.Resource().Attributes().Get("process.pid")
		assert.False(t, found, "it would make a series of each process")
		point := of.ScopeMetrics().At(0).Metrics().At(0).ExponentialHistogram().DataPoints().At(0)
		assert.Equal(t, int64(1_700_000_000), point.StartTimestamp().AsTime().Unix())
		assert.Equal(t, int64(1_700_000_010), point.Timestamp().AsTime().Unix())
	}
	assert.Zero(t, s.take(now.Add(time.Hour)).DataPointCount(), "once")
}

// A service that reports its requests is not counted by what the kernel saw as well.
func TestWhatTheKernelSawCountsWhereNothingElseDoes(t *testing.T) {
	now := time.Unix(1_700_000_003, 0)
	s := newSummary(10*time.Second, 100, "here")
	request := call{ptrace.SpanKindServer, "GET", time.Millisecond, false, "", nil}
	s.add(spansOf(t, map[string]any{"service.name": "shop"}, now, request), now)
	for _, service := range []string{"shop", "nginx"} {
		s.add(spansOf(t, map[string]any{"service.name": service, "tapio.source": "ebpf"}, now, request), now)
	}
	list := points(s.take(now.Add(time.Hour)))
	assert.Len(t, list, 2)
	for point, count := range list {
		assert.EqualValues(t, 1, count, point)
	}
}

// Each bucket holds the durations between two powers of the eighth root of two.
func TestDurationsAreInTheirBuckets(t *testing.T) {
	for _, took := range []time.Duration{0, 999, time.Microsecond, 137 * time.Microsecond, time.Millisecond, time.Second, 90 * time.Minute, 1 << 62} {
		var d durations
		d.add(time.Second, 1)
		d.add(took, 3)
		point := pmetric.NewExponentialHistogramDataPoint()
		d.write(point)
		assert.EqualValues(t, 4, point.Count(), took)
		assert.LessOrEqual(t, point.Positive().BucketCounts().Len(), 300)
		took = min(took, most)
		assert.InDelta(t, (time.Second + 3*took).Seconds(), point.Sum(), 1e-6)
		assert.InDelta(t, max(time.Second, took).Seconds(), point.Max(), 1e-6)
		if took < time.Microsecond {
			assert.EqualValues(t, 3, point.ZeroCount())
			continue
		}
		found := false
		for i, n := range point.Positive().BucketCounts().All() {
			upper := math.Exp2(float64(int(point.Positive().Offset())+i+1) / 8)
			if n >= 3 {
				found = true
				assert.LessOrEqual(t, took.Seconds(), upper*1.0000001, took)
				assert.Greater(t, took.Seconds()*1.0000001, upper/math.Exp2(1.0/8), took)
			}
		}
		assert.True(t, found, took)
	}
}

// However many names spans have, the series are bounded, and no request of a known service is
// left out.
func TestSeriesAreBounded(t *testing.T) {
	now := time.Unix(1_700_000_003, 0)
	s := newSummary(10*time.Second, 10, "here")
	dropped := 0
	for i := range 100 {
		dropped += s.add(spansOf(t, map[string]any{"service.name": "shop"}, now, call{ptrace.SpanKindServer, fmt.Sprint("GET /", i), time.Millisecond, false, "", nil}), now)
	}
	assert.Zero(t, dropped)
	list := points(s.take(now.Add(time.Hour)))
	assert.Len(t, list, 11)
	assert.EqualValues(t, 90, list["shop@here traces.span.metrics.duration map[otel.metric.overflow:true span.kind:SPAN_KIND_SERVER]"])
	for i := range 100 {
		dropped += s.add(spansOf(t, map[string]any{"service.name": fmt.Sprint("s", i)}, now, call{ptrace.SpanKindServer, "GET", time.Millisecond, false, "", nil}), now)
	}
	assert.Equal(t, 80, dropped, "services beyond twice the bound")
	assert.Len(t, points(s.take(now.Add(time.Hour))), 20)
}

func TestIntervalsAreSentWhenTheyAreOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := new(consumertest.MetricsSink)
		c, err := NewFactory().CreateTracesToMetrics(t.Context(), connectortest.NewNopSettings(metadata.Type), createDefaultConfig(), next)
		require.NoError(t, err)
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
		request := call{ptrace.SpanKindServer, "GET", time.Millisecond, false, "", nil}
		require.NoError(t, c.ConsumeTraces(t.Context(), spansOf(t, map[string]any{"service.name": "shop"}, time.Now(), request)))
		synctest.Wait()
		require.Empty(t, next.AllMetrics())
		time.Sleep(12 * time.Second) // of the test's own clock
		synctest.Wait()
		require.Equal(t, 1, next.DataPointCount())
		require.NoError(t, c.ConsumeTraces(t.Context(), spansOf(t, map[string]any{"service.name": "shop"}, time.Now(), request)))
		require.NoError(t, c.Shutdown(t.Context()))
		require.Equal(t, 2, next.DataPointCount(), "the end does not lose the interval that goes on")
	})
}

func TestWhatIsRefusedIsCounted(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.Background())) })
	set := connectortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	c, err := NewFactory().CreateTracesToMetrics(t.Context(), set, createDefaultConfig(), consumertest.NewErr(errors.New("refused")))
	require.NoError(t, err)
	require.NoError(t, c.ConsumeTraces(t.Context(), spansOf(t, map[string]any{"service.name": "shop"}, time.Now(), call{ptrace.SpanKindServer, "GET", 1, false, "", nil})))
	require.ErrorContains(t, c.Shutdown(t.Context()), "refused")
	found, err := telemetry.GetMetric("otelcol_tapio_node_summary_dropped")
	require.NoError(t, err)
	point := found.Data.(metricdata.Sum[int64]).DataPoints[0]
	reason, _ := point.Attributes.Value("reason")
	assert.Equal(t, "refused", reason.AsString())
	assert.EqualValues(t, 1, point.Value)
}

func TestOnlyFindingsGoOn(t *testing.T) {
	next := new(consumertest.LogsSink)
	config := createDefaultConfig().(*Config)
	config.Node = "node-b"
	c, err := NewFactory().CreateLogsToLogs(t.Context(), connectortest.NewNopSettings(metadata.Type), config, next)
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	logs := plog.NewLogs()
	for _, name := range []string{"", "tapio.semantic_group", "tapio.cgroup.oom_kill", "tapio.insight"} {
		of := logs.ResourceLogs().AppendEmpty()
		of.Resource().Attributes().PutStr("service.name", "tapio")
		record := of.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		record.SetEventName(name)
	}
	require.NoError(t, c.ConsumeLogs(t.Context(), logs))
	require.Equal(t, 4, logs.LogRecordCount(), "others get the records too")
	require.Equal(t, 2, next.LogRecordCount())
	for _, of := range next.AllLogs()[0].ResourceLogs().All() {
		node, _ := of.Resource().Attributes().Get("host.name")
		assert.Equal(t, "node-b", node.Str())
	}
	plain := plog.NewLogs()
	plain.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	require.NoError(t, c.ConsumeLogs(t.Context(), plain))
	require.Len(t, next.AllLogs(), 1, "nothing empty")
	require.NoError(t, c.Shutdown(t.Context()))
}

// Shutdown is called without Start where another component failed to start.
func TestShutdownWithoutStart(t *testing.T) {
	for _, create := range []func() (component.Component, error){
		func() (component.Component, error) {
			return NewFactory().CreateTracesToMetrics(t.Context(), connectortest.NewNopSettings(metadata.Type), createDefaultConfig(), consumertest.NewNop())
		},
		func() (component.Component, error) {
			return NewFactory().CreateLogsToLogs(t.Context(), connectortest.NewNopSettings(metadata.Type), createDefaultConfig(), consumertest.NewNop())
		},
	} {
		c, err := create()
		require.NoError(t, err)
		require.NoError(t, c.Shutdown(t.Context()))
	}
}
