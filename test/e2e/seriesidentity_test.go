// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// total is a counter that grows by 10 each 10 s, with the start times given.
func total(name string, at time.Time, first float64, starts ...time.Time) *metrics.Metric {
	values := make([]float64, len(starts))
	for i := range values {
		values[i] = first + 10*float64(i)
	}
	list := points(at, 10*time.Second, values...)
	for i, p := range list {
		if !starts[i].IsZero() {
			p.StartTimeUnixNano = nanos(starts[i])
		}
	}
	return &metrics.Metric{Name: name, Data: &metrics.Metric_Sum{Sum: &metrics.Sum{
		DataPoints: list, IsMonotonic: true,
		AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
	}}}
}

// Start times that are unknown, computed again for each point or moving are no
// resets: each counter grows by 1 a second.
func TestStartTimesThatShowNoReset(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	at := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	boot := at.Add(-time.Hour)
	var list []*metrics.Metric
	for name, start := range map[string]func(i int) time.Time{
		"unknown":    func(int) time.Time { return time.Time{} },
		"first":      func(int) time.Time { return at },
		"own time":   func(i int) time.Time { return at.Add(time.Duration(i) * 10 * time.Second) },
		"jitter":     func(i int) time.Time { return boot.Add(time.Duration(i%3) * time.Millisecond) },
		"from boot":  func(i int) time.Time { return boot.Add(time.Duration(i%2) * time.Second) },
		"drift":      func(i int) time.Time { return boot.Add(time.Duration(i) * time.Second) },
		"drift back": func(i int) time.Time { return boot.Add(-time.Duration(i) * time.Second) },
	} {
		starts := make([]time.Time, 7)
		for i := range starts {
			starts[i] = start(i)
		}
		list = append(list, total(name, at, 1000, starts...))
	}
	sendGRPC(t, c, metricsOf(pod("production", "cart", "cart-1"), list...))
	for _, m := range list {
		got := aggregate(t, client, m.Name, tapiov1.MetricQuery_AGGREGATION_TYPE_RATE)
		require.InDelta(t, 1, got.Points[0].Value, 1e-9, m.Name)
		require.Zero(t, got.MultipleWriterSeriesCount, m.Name)
	}
}

// What a client sends again because it got no answer counts once.
func TestRepeatedPointsCountOnce(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	at := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	batch := metricsOf(pod("production", "cart", "cart-1"), gauge("load", at, upTo(1)...), deltas("orders", at, 5, 5, 7))
	sendGRPC(t, c, batch)
	sendGRPC(t, c, batch)
	load := aggregate(t, client, "load", tapiov1.MetricQuery_AGGREGATION_TYPE_COUNT)
	require.EqualValues(t, 101, load.Points[0].Value)
	require.EqualValues(t, 101, load.DuplicatePointCount)
	orders := aggregate(t, client, "orders", tapiov1.MetricQuery_AGGREGATION_TYPE_SUM)
	require.EqualValues(t, 17, orders.Points[0].Value)
	require.EqualValues(t, 3, orders.DuplicatePointCount)
}

func deltas(name string, at time.Time, values ...float64) *metrics.Metric {
	list := points(at, 10*time.Second, values...)
	for i, p := range list {
		p.StartTimeUnixNano = nanos(at.Add(time.Duration(i-1) * 10 * time.Second))
	}
	return &metrics.Metric{Name: name, Data: &metrics.Metric_Sum{Sum: &metrics.Sum{
		DataPoints: list, IsMonotonic: true,
		AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA,
	}}}
}

// Replicas that differ in one attribute of their resource are different series,
// whichever it is; replicas that differ in none are reported.
func TestReplicasAreDifferentSeries(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	at := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	starts := func(start time.Time) []time.Time { return slices.Repeat([]time.Time{start}, 7) }
	for i, key := range []string{"service.instance.id", "host.name", "k8s.pod.uid", "container.id", "custom.replica"} {
		name := "requests." + key
		for n, id := range []string{"a", "b"} {
			replica := origin("service.name", "cart", key, id)
			sendGRPC(t, c, metricsOf(replica, total(name, at.Add(time.Duration(n)*3*time.Second), float64(1000*(n+1)), starts(at.Add(-time.Hour))...)))
		}
		got := aggregate(t, client, name, tapiov1.MetricQuery_AGGREGATION_TYPE_RATE)
		require.EqualValues(t, 2, got.SourceSeriesCount, "case %d: %s", i, key)
		require.Zero(t, got.MultipleWriterSeriesCount, key)
		require.InDelta(t, 2, got.Points[0].Value, 0.2, key)
		require.Len(t, exported(t, client, name), 14, "%s: each replica's points are samples of their own", key)
	}
	same := origin("service.name", "cart")
	sendGRPC(t, c, metricsOf(same, total("requests", at, 1000, starts(at.Add(-time.Hour))...)))
	sendGRPC(t, c, metricsOf(same, total("requests", at.Add(3*time.Second), 10, starts(at.Add(-time.Minute))...)))
	got := aggregate(t, client, "requests", tapiov1.MetricQuery_AGGREGATION_TYPE_RATE)
	require.EqualValues(t, 1, got.SourceSeriesCount)
	require.EqualValues(t, 1, got.MultipleWriterSeriesCount)
	require.InDelta(t, 2, got.Points[0].Value, 0.2, "the start times tell the two writers apart")
}

// exported returns the sample lines of a metric's OpenMetrics export, each once.
func exported(t *testing.T, client api, metric string) []string {
	t.Helper()
	stream, err := client.ExportMetrics(bounded(t), &tapiov1.ExportMetricsRequest{
		Format: tapiov1.ExportMetricsRequest_FORMAT_OPENMETRICS, Query: &tapiov1.MetricQuery{MetricNames: []string{metric}},
	})
	require.NoError(t, err)
	var text []byte
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		text = append(text, chunk.Data...)
	}
	var samples []string
	for one := range strings.Lines(string(text)) {
		if !strings.HasPrefix(one, "#") {
			samples = append(samples, one)
		}
	}
	slices.Sort(samples)
	return slices.Compact(samples)
}

// An exemplar shows in the table of metrics, and leads to its trace.
func TestExemplarsLeadToTraces(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	spans := spansOf("shop", 1, "/orders")
	span := spans.ResourceSpans[0].ScopeSpans[0].Spans[0]
	sendGRPC(t, c, spans)
	m := gauge("latency", time.Now().Add(-time.Minute), 1, 2)
	m.GetGauge().DataPoints[1].Exemplars = []*metrics.Exemplar{{
		TimeUnixNano: nanos(time.Now()), Value: &metrics.Exemplar_AsDouble{AsDouble: 2.5}, TraceId: span.TraceId, SpanId: span.SpanId,
	}}
	sendGRPC(t, c, metricsOf(origin("service.name", "shop"), m))
	require.Contains(t, string(tapioctl(t, c, "get", "metrics")), "EXEMPLARS")
	for _, arguments := range [][]string{{}, {"--aggregation", "max"}} {
		wide := string(tapioctl(t, c, append([]string{"get", "metrics", "-o", "wide"}, arguments...)...))
		link := regexp.MustCompile(`2\.5 +([0-9a-f]{32}:[0-9a-f]{16})`).FindStringSubmatch(wide)
		require.NotNil(t, link, wide)
		require.Contains(t, string(tapioctl(t, c, "get", "trace", link[1])), "shop")
	}
}
