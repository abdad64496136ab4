// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/internal/model"
)

// fullMetrics has one point of each metric type, with every field set.
func fullMetrics() pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	ofResource := metrics.ResourceMetrics().AppendEmpty()
	fullResource(ofResource.Resource())
	ofResource.SetSchemaUrl("https://example.com/resource")
	ofScope := ofResource.ScopeMetrics().AppendEmpty()
	fullScope(ofScope.Scope())
	ofScope.SetSchemaUrl("https://example.com/scope")
	list := ofScope.Metrics()
	fullGauge(list.AppendEmpty())
	fullSum(list.AppendEmpty())
	fullHistogram(list.AppendEmpty())
	fullExponential(list.AppendEmpty())
	fullSummary(list.AppendEmpty())
	return metrics
}

func describe(to pmetric.Metric, name string) {
	to.SetName(name)
	to.SetDescription("about " + name)
	to.SetUnit("By")
	to.Metadata().PutStr("source", "test")
}

func fullPoint(to settablePoint) {
	to.Attributes().PutStr("disk", "sda")
	to.SetStartTimestamp(31)
	to.SetTimestamp(32)
	to.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
}

func fullExemplar(e pmetric.Exemplar) {
	e.SetTimestamp(33)
	e.FilteredAttributes().PutInt("thread", 7)
	e.SetTraceID([16]byte{1})
	e.SetSpanID([8]byte{2})
}

func fullGauge(to pmetric.Metric) {
	describe(to, "gauge")
	point := to.SetEmptyGauge().DataPoints().AppendEmpty()
	fullPoint(point)
	point.SetDoubleValue(0.5)
	fullExemplar(point.Exemplars().AppendEmpty())
	point.Exemplars().At(0).SetDoubleValue(1.5)
}

func fullSum(to pmetric.Metric) {
	describe(to, "sum")
	to.SetEmptySum().SetIsMonotonic(true)
	to.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	point := to.Sum().DataPoints().AppendEmpty()
	fullPoint(point)
	point.SetIntValue(-3)
	fullExemplar(point.Exemplars().AppendEmpty())
	point.Exemplars().At(0).SetIntValue(-4)
}

func fullHistogram(to pmetric.Metric) {
	describe(to, "histogram")
	to.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	point := to.Histogram().DataPoints().AppendEmpty()
	fullPoint(point)
	point.SetCount(3)
	point.SetSum(0) // set, though zero
	point.SetMax(2)
	point.ExplicitBounds().FromRaw([]float64{1})
	point.BucketCounts().FromRaw([]uint64{1, 2})
}

func fullExponential(to pmetric.Metric) {
	describe(to, "exponential")
	to.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	point := to.ExponentialHistogram().DataPoints().AppendEmpty()
	fullPoint(point)
	point.SetCount(10)
	point.SetSum(1)
	point.SetMin(-2)
	point.SetMax(3)
	point.SetScale(-4)
	point.SetZeroCount(5)
	point.SetZeroThreshold(0.25)
	point.Positive().SetOffset(-6)
	point.Positive().BucketCounts().FromRaw([]uint64{1, 0, 2})
	point.Negative().SetOffset(7)
	point.Negative().BucketCounts().FromRaw([]uint64{2})
}

func fullSummary(to pmetric.Metric) {
	describe(to, "summary")
	point := to.SetEmptySummary().DataPoints().AppendEmpty()
	fullPoint(point)
	point.SetCount(9)
	point.SetSum(8.5)
	quantile := point.QuantileValues().AppendEmpty()
	quantile.SetQuantile(0.99)
	quantile.SetValue(7)
}

func wantPoint(metric model.Metric, rest model.Point) model.Point {
	metric.Description, metric.Unit = "about "+metric.Name, "By"
	metric.Metadata = model.Attributes{{Key: "source", Value: model.StringValue("test")}}
	rest.Series = &model.Series{
		Metric:     &metric,
		Resource:   wantResource(),
		Scope:      wantScope(),
		Attributes: model.Attributes{{Key: "disk", Value: model.StringValue("sda")}},
	}
	rest.Start, rest.Time, rest.Flags = 31, 32, model.FlagNoRecordedValue
	return rest
}

func wantExemplars(number model.NumberKind, bits uint64) []model.Exemplar {
	return []model.Exemplar{{
		Time:       33,
		Number:     number,
		Bits:       bits,
		Attributes: model.Attributes{{Key: "thread", Value: model.IntValue(7)}},
		TraceID:    model.TraceID{1},
		SpanID:     model.SpanID{2},
	}}
}

func wantPoints() []model.Point {
	minusThree, minusFour := int64(-3), int64(-4)
	return []model.Point{
		wantPoint(model.Metric{Name: "gauge", Type: model.MetricGauge}, model.Point{
			Number: model.NumberDouble, Bits: math.Float64bits(0.5),
			Exemplars: wantExemplars(model.NumberDouble, math.Float64bits(1.5)),
		}),
		wantPoint(model.Metric{Name: "sum", Type: model.MetricSum, Temporality: model.TemporalityDelta, Monotonic: true}, model.Point{
			Number: model.NumberInt, Bits: uint64(minusThree),
			Exemplars: wantExemplars(model.NumberInt, uint64(minusFour)),
		}),
		wantPoint(model.Metric{Name: "histogram", Type: model.MetricHistogram, Temporality: model.TemporalityCumulative}, model.Point{
			Histogram: &model.Histogram{
				Count: 3, Sum: model.Optional{Set: true}, Max: model.Optional{Value: 2, Set: true},
				Bounds: []float64{1}, Counts: []uint64{1, 2},
			},
		}),
		wantPoint(model.Metric{Name: "exponential", Type: model.MetricExponentialHistogram, Temporality: model.TemporalityDelta}, model.Point{
			Exponential: &model.ExponentialHistogram{
				Count: 10, Sum: model.Optional{Value: 1, Set: true},
				Min: model.Optional{Value: -2, Set: true}, Max: model.Optional{Value: 3, Set: true},
				ZeroCount: 5, ZeroThreshold: 0.25, Scale: -4,
				Positive: model.Buckets{Offset: -6, Counts: []uint64{1, 0, 2}},
				Negative: model.Buckets{Offset: 7, Counts: []uint64{2}},
			},
		}),
		wantPoint(model.Metric{Name: "summary", Type: model.MetricSummary}, model.Point{
			Summary: &model.Summary{Count: 9, Sum: 8.5, Quantiles: []model.Quantile{{Q: 0.99, Value: 7}}},
		}),
	}
}

func TestPointsFromMetricsReadsEveryField(t *testing.T) {
	require.Equal(t, wantPoints(), PointsFromMetrics(fullMetrics()))
}

func TestMetricWithoutPointsYieldsNothing(t *testing.T) {
	metrics := pmetric.NewMetrics()
	list := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	list.AppendEmpty().SetName("of no type")
	list.AppendEmpty().SetEmptyGauge()
	require.Nil(t, PointsFromMetrics(metrics))

	list.At(1).Gauge().DataPoints().AppendEmpty()
	points := PointsFromMetrics(metrics)
	require.Len(t, points, 1)
	require.Equal(t, model.NumberNone, points[0].Number)
}

func TestPointsShareWhatIsTheSame(t *testing.T) {
	metrics := pmetric.NewMetrics()
	list := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for range 2 {
		histogram := list.AppendEmpty().SetEmptyHistogram()
		for _, disk := range []string{"sda", "sda", "sdb"} {
			point := histogram.DataPoints().AppendEmpty()
			point.Attributes().PutStr("disk", disk)
			point.ExplicitBounds().FromRaw([]float64{1, 2})
		}
	}
	points := PointsFromMetrics(metrics)
	require.Len(t, points, 6)
	assert.Same(t, points[0].Series, points[1].Series)
	assert.NotSame(t, points[1].Series, points[2].Series)
	assert.NotSame(t, points[2].Series.Metric, points[3].Series.Metric)
	for i := range points {
		assert.Same(t, points[0].Series.Resource, points[i].Series.Resource)
		assert.Same(t, points[0].Series.Scope, points[i].Series.Scope)
		assert.Same(t, points[i/3*3].Series.Metric, points[i].Series.Metric)
		assert.Same(t, &points[0].Histogram.Bounds[0], &points[i].Histogram.Bounds[0])
	}
}
