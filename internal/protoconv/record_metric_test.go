// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func testSeries(m *model.Metric, attributes model.Attributes) *model.Series {
	return &model.Series{
		Metric: m, Resource: &model.Resource{}, Scope: &model.Scope{}, Attributes: attributes,
	}
}

func doublePoint(s *model.Series, t model.Nanos, v float64) model.Point {
	return model.Point{Series: s, Time: t, Number: model.NumberDouble, Bits: math.Float64bits(v)}
}

func TestResourceMetricsGroup(t *testing.T) {
	metric := &model.Metric{Name: "m", Type: model.MetricGauge}
	one := testSeries(metric, nil)
	other := &model.Series{Metric: metric, Resource: &model.Resource{SchemaURL: "r"}, Scope: &model.Scope{Name: "lib", SchemaURL: "s"}}
	sibling := &model.Series{Metric: &model.Metric{Name: "n", Type: model.MetricGauge}, Resource: other.Resource, Scope: other.Scope}
	got := ResourceMetrics([]model.Point{
		doublePoint(other, 1, 1), doublePoint(one, 2, 2), doublePoint(sibling, 3, 3), doublePoint(other, 4, 4),
	})
	point := func(time uint64, v float64) *metricsv1.NumberDataPoint {
		return &metricsv1.NumberDataPoint{TimeUnixNano: time, Value: &metricsv1.NumberDataPoint_AsDouble{AsDouble: v}}
	}
	gauge := func(name string, points ...*metricsv1.NumberDataPoint) *metricsv1.Metric {
		return &metricsv1.Metric{Name: name, Data: &metricsv1.Metric_Gauge{Gauge: &metricsv1.Gauge{DataPoints: points}}}
	}
	requireSame(t, &metricsv1.MetricsData{ResourceMetrics: []*metricsv1.ResourceMetrics{
		{SchemaUrl: "r", ScopeMetrics: []*metricsv1.ScopeMetrics{{
			Scope: &commonv1.InstrumentationScope{Name: "lib"}, SchemaUrl: "s",
			Metrics: []*metricsv1.Metric{gauge("m", point(1, 1), point(4, 4)), gauge("n", point(3, 3))},
		}}},
		{ScopeMetrics: []*metricsv1.ScopeMetrics{{Metrics: []*metricsv1.Metric{gauge("m", point(2, 2))}}}},
	}}, &metricsv1.MetricsData{ResourceMetrics: got})
}

// onePoint returns the metric that a single point makes.
func onePoint(t *testing.T, m model.Metric, p model.Point) *metricsv1.Metric {
	t.Helper()
	p.Series = testSeries(&m, attribute("k", "v"))
	p.Start, p.Time, p.Flags = 1, 2, 3
	got := ResourceMetrics([]model.Point{p})
	require.Len(t, got, 1)
	return got[0].GetScopeMetrics()[0].GetMetrics()[0]
}

func TestPointsAreLossless(t *testing.T) {
	attributes := []*commonv1.KeyValue{keyed("k", str("v"))}
	words := []model.Exemplar{
		{Time: 4, Bits: 5, Number: model.NumberInt, TraceID: model.TraceID{1}, SpanID: model.SpanID{2}, Attributes: attribute("k", "v")},
		{Time: 6, Bits: math.Float64bits(0.5), Number: model.NumberDouble},
	}
	linked := []*metricsv1.Exemplar{
		{TimeUnixNano: 4, Value: &metricsv1.Exemplar_AsInt{AsInt: 5}, TraceId: []byte{1, 15: 0}, SpanId: []byte{2, 7: 0}, FilteredAttributes: attributes},
		{TimeUnixNano: 6, Value: &metricsv1.Exemplar_AsDouble{AsDouble: 0.5}},
	}

	requireSame(t, &metricsv1.Metric{
		Name: "s", Description: "d", Unit: "1", Metadata: attributes,
		Data: &metricsv1.Metric_Sum{Sum: &metricsv1.Sum{
			AggregationTemporality: metricsv1.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, IsMonotonic: true,
			DataPoints: []*metricsv1.NumberDataPoint{{
				Attributes: attributes, StartTimeUnixNano: 1, TimeUnixNano: 2, Flags: 3, Exemplars: linked,
				Value: &metricsv1.NumberDataPoint_AsInt{AsInt: -7},
			}},
		}},
	}, onePoint(t, model.Metric{
		Name: "s", Description: "d", Unit: "1", Metadata: attribute("k", "v"),
		Type: model.MetricSum, Temporality: model.TemporalityCumulative, Monotonic: true,
	}, model.Point{Number: model.NumberInt, Bits: ^uint64(6), Exemplars: words}))

	requireSame(t, &metricsv1.Metric{Name: "h", Data: &metricsv1.Metric_Histogram{Histogram: &metricsv1.Histogram{
		AggregationTemporality: metricsv1.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA,
		DataPoints: []*metricsv1.HistogramDataPoint{{
			Attributes: attributes, StartTimeUnixNano: 1, TimeUnixNano: 2, Flags: 3, Exemplars: linked,
			Count: 3, Sum: proto.Float64(0), Max: proto.Float64(9), ExplicitBounds: []float64{1}, BucketCounts: []uint64{1, 2},
		}},
	}}}, onePoint(t, model.Metric{Name: "h", Type: model.MetricHistogram, Temporality: model.TemporalityDelta}, model.Point{
		Exemplars: words,
		Histogram: &model.Histogram{
			Count: 3, Sum: model.Optional{Set: true}, Max: model.Optional{Value: 9, Set: true},
			Bounds: []float64{1}, Counts: []uint64{1, 2},
		},
	}))

	requireSame(t, &metricsv1.Metric{Name: "e", Data: &metricsv1.Metric_ExponentialHistogram{ExponentialHistogram: &metricsv1.ExponentialHistogram{
		DataPoints: []*metricsv1.ExponentialHistogramDataPoint{{
			Attributes: attributes, StartTimeUnixNano: 1, TimeUnixNano: 2, Flags: 3, Exemplars: linked,
			Count: 6, Min: proto.Float64(-1), Scale: -2, ZeroCount: 1, ZeroThreshold: 0.25,
			Positive: &metricsv1.ExponentialHistogramDataPoint_Buckets{Offset: -1, BucketCounts: []uint64{2, 3}},
		}},
	}}}, onePoint(t, model.Metric{Name: "e", Type: model.MetricExponentialHistogram}, model.Point{
		Exemplars: words,
		Exponential: &model.ExponentialHistogram{
			Count: 6, Min: model.Optional{Value: -1, Set: true}, Scale: -2, ZeroCount: 1, ZeroThreshold: 0.25,
			Positive: model.Buckets{Offset: -1, Counts: []uint64{2, 3}},
		},
	}))

	requireSame(t, &metricsv1.Metric{Name: "q", Data: &metricsv1.Metric_Summary{Summary: &metricsv1.Summary{
		DataPoints: []*metricsv1.SummaryDataPoint{{
			Attributes: attributes, StartTimeUnixNano: 1, TimeUnixNano: 2, Flags: 3, Count: 4, Sum: 5,
			QuantileValues: []*metricsv1.SummaryDataPoint_ValueAtQuantile{{Quantile: 0.5, Value: 6}},
		}},
	}}}, onePoint(t, model.Metric{Name: "q", Type: model.MetricSummary}, model.Point{
		Summary: &model.Summary{Count: 4, Sum: 5, Quantiles: []model.Quantile{{Q: 0.5, Value: 6}}},
	}))
}

func TestPointWithoutValue(t *testing.T) {
	got := onePoint(t, model.Metric{Name: "g", Type: model.MetricGauge}, model.Point{})
	assert.Nil(t, got.GetGauge().GetDataPoints()[0].GetValue())
	got = onePoint(t, model.Metric{Name: "nothing"}, model.Point{})
	assert.Nil(t, got.GetData())
}

func testAggregate() []model.AggregateSeries {
	return []model.AggregateSeries{{
		Metric: &model.Metric{Name: "http.requests", Unit: "{request}", Type: model.MetricSum, Monotonic: true},
		Labels: []string{"cart", ""},
		Points: []model.AggregatePoint{
			{Time: 60e9, Value: 1.5, Count: 3}, {Time: 120e9 + 1, Value: 2, Count: 4},
		},
		Exemplars: []model.Exemplar{{Time: 7}},
		Sources:   2,
	}}
}

func TestMetricSeries(t *testing.T) {
	got := MetricSeries(testAggregate(), []string{"pod", "zone"})
	require.Len(t, got, 1)
	requireSame(t, &tapiov1.MetricSeries{
		Type: tapiov1.MetricDescription_TYPE_SUM, Monotonic: true,
		MetricName: "http.requests",
		Unit:       "{request}",
		Labels:     map[string]string{"pod": "cart", "zone": ""},
		Points: []*tapiov1.MetricSeries_Point{
			{Time: &timestamppb.Timestamp{Seconds: 60}, Value: 1.5, SampleCount: 3},
			{Time: &timestamppb.Timestamp{Seconds: 120, Nanos: 1}, Value: 2, SampleCount: 4},
		},
		Exemplars:         []*metricsv1.Exemplar{{TimeUnixNano: 7}},
		SourceSeriesCount: 2,
	}, got[0])
}

func TestAggregateGauges(t *testing.T) {
	got := ResourceMetrics(AggregateGauges(testAggregate(), []string{"pod", "zone"}))
	require.Len(t, got, 1)
	assert.Equal(t, (*resourcev1.Resource)(nil), got[0].GetResource())
	metric := got[0].GetScopeMetrics()[0].GetMetrics()[0]
	assert.Equal(t, "{request}", metric.GetUnit())
	points := metric.GetGauge().GetDataPoints()
	require.Len(t, points, 2)
	requireSame(t, &metricsv1.NumberDataPoint{
		TimeUnixNano: 60e9, Value: &metricsv1.NumberDataPoint_AsDouble{AsDouble: 1.5},
		Attributes: []*commonv1.KeyValue{keyed("pod", str("cart"))},
	}, points[0])
}
