// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// upTo returns 0, step, 2·step, … 100·step: values whose percentiles are
// p·step, whether they are interpolated or picked by nearest rank.
func upTo(step float64) []float64 {
	var list []float64
	for i := range 101 {
		list = append(list, float64(i)*step)
	}
	return list
}

func pod(namespace, service, name string) *resource.Resource {
	return origin("service.name", service, "k8s.namespace.name", namespace, "k8s.pod.name", name)
}

// The call that the product is known by: a percentile by service and pod in one
// namespace.
func TestPercentileByServiceAndPod(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	start := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	sendGRPC(t, c, metricsOf(pod("production", "cart", "cart-1"), gauge("cpu_usage", start, upTo(1)...), gauge("memory_usage", start, upTo(10)...), gauge("disk_usage", start, 1)))
	sendGRPC(t, c, metricsOf(pod("production", "cart", "cart-2"), gauge("cpu_usage", start, upTo(2)...)))
	sendGRPC(t, c, metricsOf(pod("production", "bank", "bank-1"), gauge("cpu_usage", start, upTo(0.5)...)))
	sendGRPC(t, c, metricsOf(pod("staging", "cart", "cart-1"), gauge("cpu_usage", start, upTo(1000)...)))
	outside := metricsOf(pod("production", "cart", "cart-1"), gauge("cpu_usage", start.Add(5*time.Minute), 1e9))
	sendGRPC(t, c, outside)

	got, err := apiOf(t, c).GetMetrics(bounded(t), &tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{
		MetricNames: []string{"cpu_usage", "memory_usage"},
		Filter: &tapiov1.Filter{
			LabelSelectors: []*tapiov1.Filter_LabelSelector{{Key: "namespace", Operator: "=", Values: []string{"production"}}},
			TimeRange:      &tapiov1.TimeRange{Start: timestamppb.New(start), End: timestamppb.New(start.Add(2 * time.Minute))},
		},
		Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_P95,
		GroupBy:     []string{"service", "pod"},
	}})
	require.NoError(t, err)
	require.Empty(t, got.ResourceMetrics)
	type row struct {
		Metric, Service, Pod string
		P95                  float64
		Samples              uint64
	}
	var rows []row
	for _, s := range got.Series {
		require.Len(t, s.Points, 1, "without a resolution there is one window")
		require.Equal(t, "1", s.Unit)
		require.Len(t, s.Labels, 2)
		rows = append(rows, row{s.MetricName, s.Labels["service"], s.Labels["pod"], s.Points[0].Value, s.Points[0].SampleCount})
	}
	require.Equal(t, []row{
		{"cpu_usage", "bank", "bank-1", 47.5, 101},
		{"cpu_usage", "cart", "cart-1", 95, 101},
		{"cpu_usage", "cart", "cart-2", 190, 101},
		{"memory_usage", "cart", "cart-1", 950, 101},
	}, rows)
}

// aggregate asks for one metric as one value.
func aggregate(t *testing.T, client api, metric string, how tapiov1.MetricQuery_AggregationType) *tapiov1.MetricSeries {
	t.Helper()
	got, err := client.GetMetrics(bounded(t), &tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{
		MetricNames: []string{metric}, Aggregation: how,
	}})
	require.NoError(t, err)
	require.Len(t, got.Series, 1)
	require.Len(t, got.Series[0].Points, 1)
	return got.Series[0]
}

func TestEveryAggregation(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	start := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	sendGRPC(t, c, metricsOf(pod("production", "cart", "cart-1"),
		gauge("load", start, upTo(1)...), counterWithReset(start), histogram(start)))

	for _, want := range []struct {
		metric string
		how    tapiov1.MetricQuery_AggregationType
		value  float64
	}{
		{"load", tapiov1.MetricQuery_AGGREGATION_TYPE_AVG, 50},
		{"load", tapiov1.MetricQuery_AGGREGATION_TYPE_SUM, 100}, // the one series' last point
		{"load", tapiov1.MetricQuery_AGGREGATION_TYPE_MIN, 0},
		{"load", tapiov1.MetricQuery_AGGREGATION_TYPE_MAX, 100},
		{"load", tapiov1.MetricQuery_AGGREGATION_TYPE_COUNT, 101},
		{"load", tapiov1.MetricQuery_AGGREGATION_TYPE_P50, 50},
		{"load", tapiov1.MetricQuery_AGGREGATION_TYPE_P90, 90},
		{"load", tapiov1.MetricQuery_AGGREGATION_TYPE_P95, 95},
		{"load", tapiov1.MetricQuery_AGGREGATION_TYPE_P99, 99},
		{"load", tapiov1.MetricQuery_AGGREGATION_TYPE_RATE, 1}, // 100 in 100 s
		// 10 -> 40 is 30, the reset to 5 is 5, 5 -> 25 is 20: 55 in 30 s.
		{"requests", tapiov1.MetricQuery_AGGREGATION_TYPE_RATE, 55.0 / 30},
		// All 100 observations lie evenly in (10, 20].
		{"latency", tapiov1.MetricQuery_AGGREGATION_TYPE_P95, 19.5},
		{"latency", tapiov1.MetricQuery_AGGREGATION_TYPE_COUNT, 100},
		{"latency", tapiov1.MetricQuery_AGGREGATION_TYPE_AVG, 15},
	} {
		t.Run(want.metric+" "+want.how.String(), func(t *testing.T) {
			got := aggregate(t, client, want.metric, want.how)
			require.InDelta(t, want.value, got.Points[0].Value, 1e-9)
			require.EqualValues(t, 1, got.SourceSeriesCount)
		})
	}
}

// counterWithReset counts 10, 40, then starts again: 5, 25; 10 s apart.
func counterWithReset(start time.Time) *metrics.Metric {
	list := points(start, 10*time.Second, 10, 40, 5, 25)
	for i, p := range list {
		p.StartTimeUnixNano = nanos(start)
		if i >= 2 {
			p.StartTimeUnixNano = nanos(start.Add(11 * time.Second))
		}
	}
	return &metrics.Metric{Name: "requests", Data: &metrics.Metric_Sum{Sum: &metrics.Sum{
		DataPoints: list, IsMonotonic: true,
		AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
	}}}
}

func histogram(start time.Time) *metrics.Metric {
	sum := 1500.0
	return &metrics.Metric{Name: "latency", Data: &metrics.Metric_Histogram{Histogram: &metrics.Histogram{
		AggregationTemporality: metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA,
		DataPoints: []*metrics.HistogramDataPoint{{
			StartTimeUnixNano: nanos(start), TimeUnixNano: nanos(start.Add(10 * time.Second)),
			Count: 100, Sum: &sum, ExplicitBounds: []float64{10, 20, 30}, BucketCounts: []uint64{0, 100, 0, 0},
		}},
	}}}
}

// Windows end at multiples of the resolution and hold what lies after their
// start up to and including their end.
func TestWindows(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	start := time.Now().Add(-10 * time.Minute).Truncate(time.Minute)
	sendGRPC(t, c, metricsOf(origin("service.name", "cart"), gauge("load", start, upTo(1)...)))
	got, err := apiOf(t, c).GetMetrics(bounded(t), &tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{
		MetricNames: []string{"load"}, Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_MAX, Resolution: durationpb.New(time.Minute),
	}})
	require.NoError(t, err)
	require.Len(t, got.Series, 1)
	var ends []time.Time
	var values []float64
	for _, p := range got.Series[0].Points {
		ends = append(ends, p.Time.AsTime())
		values = append(values, p.Value)
	}
	start = start.UTC()
	require.Equal(t, []time.Time{start, start.Add(time.Minute), start.Add(2 * time.Minute)}, ends)
	require.Equal(t, []float64{0, 60, 100}, values)
}
