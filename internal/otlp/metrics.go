// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/internal/model"
)

// PointsFromMetrics returns the data points in their order, nil for none; a
// metric without points yields nothing. Points of one resource, scope or metric
// share its pointer, and neighbours of one metric with the same attributes
// share their series.
func PointsFromMetrics(metrics pmetric.Metrics) []model.Point {
	sizes := countMetrics(metrics)
	if sizes.points == 0 {
		return nil
	}
	memory := newPointMemory(sizes)
	points := memory.points.free
	for _, ofResource := range metrics.ResourceMetrics().All() {
		origin := model.Series{Resource: resourceFrom(ofResource.Resource(), ofResource.SchemaUrl())}
		for _, ofScope := range ofResource.ScopeMetrics().All() {
			origin.Scope = scopeFrom(ofScope.Scope(), ofScope.SchemaUrl())
			for _, metric := range ofScope.Metrics().All() {
				memory.readMetric(origin, metric)
			}
		}
	}
	return points
}

func (m *pointMemory) readMetric(origin model.Series, from pmetric.Metric) {
	metric := metricFrom(from)
	origin.Metric = &metric
	switch from.Type() {
	case pmetric.MetricTypeGauge:
		readPoints(m, origin, from.Gauge().DataPoints(), (*pointMemory).readNumber)
	case pmetric.MetricTypeSum:
		readPoints(m, origin, from.Sum().DataPoints(), (*pointMemory).readNumber)
	case pmetric.MetricTypeHistogram:
		readPoints(m, origin, from.Histogram().DataPoints(), (*pointMemory).readHistogram)
	case pmetric.MetricTypeExponentialHistogram:
		readPoints(m, origin, from.ExponentialHistogram().DataPoints(), (*pointMemory).readExponential)
	case pmetric.MetricTypeSummary:
		readPoints(m, origin, from.Summary().DataPoints(), (*pointMemory).readSummary)
	case pmetric.MetricTypeEmpty: // has no points
	}
}

// metricFrom returns all of a metric but its points.
func metricFrom(from pmetric.Metric) model.Metric {
	metric := model.Metric{
		Name:        from.Name(),
		Description: from.Description(),
		Unit:        from.Unit(),
		Metadata:    ownAttributesFrom(from.Metadata()),
	}
	switch from.Type() {
	case pmetric.MetricTypeGauge:
		metric.Type = model.MetricGauge
	case pmetric.MetricTypeSum:
		metric.Type = model.MetricSum
		metric.Temporality = model.Temporality(from.Sum().AggregationTemporality())
		metric.Monotonic = from.Sum().IsMonotonic()
	case pmetric.MetricTypeHistogram:
		metric.Type = model.MetricHistogram
		metric.Temporality = model.Temporality(from.Histogram().AggregationTemporality())
	case pmetric.MetricTypeExponentialHistogram:
		metric.Type = model.MetricExponentialHistogram
		metric.Temporality = model.Temporality(from.ExponentialHistogram().AggregationTemporality())
	case pmetric.MetricTypeSummary:
		metric.Type = model.MetricSummary
	case pmetric.MetricTypeEmpty: // stays model.MetricEmpty
	}
	return metric
}

// dataPoint is what pmetric's data points have in common.
type dataPoint interface {
	Attributes() pcommon.Map
	StartTimestamp() pcommon.Timestamp
	Timestamp() pcommon.Timestamp
	Flags() pmetric.DataPointFlags
}

type dataPoints[P dataPoint] interface {
	Len() int
	At(i int) P
}

// readPoints reads what all points have, and the rest with readRest.
func readPoints[P dataPoint, L dataPoints[P]](m *pointMemory, origin model.Series, list L,
	readRest func(*pointMemory, *model.Point, P),
) {
	var series *model.Series
	for i := range list.Len() {
		from := list.At(i)
		series = m.seriesOf(series, origin, from.Attributes())
		point := m.points.one()
		point.Series = series
		point.Start = model.Nanos(from.StartTimestamp())
		point.Time = model.Nanos(from.Timestamp())
		point.Flags = uint32(from.Flags())
		readRest(m, point, from)
	}
}

// seriesOf returns the series with these attributes: the last one, if it fits.
func (m *pointMemory) seriesOf(last *model.Series, origin model.Series, attributes pcommon.Map) *model.Series {
	if last != nil && sameAttributes(last.Attributes, attributes) {
		return last
	}
	series := m.series.one()
	*series = origin
	series.Attributes = attributesFrom(attributes, &m.attributes)
	return series
}

func (m *pointMemory) readNumber(point *model.Point, from pmetric.NumberDataPoint) {
	switch from.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		point.Number, point.Bits = model.NumberInt, uint64(from.IntValue())
	case pmetric.NumberDataPointValueTypeDouble:
		point.Number, point.Bits = model.NumberDouble, math.Float64bits(from.DoubleValue())
	case pmetric.NumberDataPointValueTypeEmpty: // stays model.NumberNone
	}
	point.Exemplars = m.readExemplars(from.Exemplars())
}

func (m *pointMemory) readHistogram(point *model.Point, from pmetric.HistogramDataPoint) {
	point.Histogram = m.histograms.one()
	*point.Histogram = model.Histogram{
		Count:  from.Count(),
		Sum:    optional(from.HasSum(), from.Sum()),
		Min:    optional(from.HasMin(), from.Min()),
		Max:    optional(from.HasMax(), from.Max()),
		Bounds: m.readBounds(from.ExplicitBounds()),
		Counts: m.readCounts(from.BucketCounts()),
	}
	point.Exemplars = m.readExemplars(from.Exemplars())
}

func (m *pointMemory) readExponential(point *model.Point, from pmetric.ExponentialHistogramDataPoint) {
	point.Exponential = m.exponentials.one()
	*point.Exponential = model.ExponentialHistogram{
		Count:         from.Count(),
		Sum:           optional(from.HasSum(), from.Sum()),
		Min:           optional(from.HasMin(), from.Min()),
		Max:           optional(from.HasMax(), from.Max()),
		ZeroCount:     from.ZeroCount(),
		ZeroThreshold: from.ZeroThreshold(),
		Positive:      m.readBuckets(from.Positive()),
		Negative:      m.readBuckets(from.Negative()),
		Scale:         from.Scale(),
	}
	point.Exemplars = m.readExemplars(from.Exemplars())
}

func (m *pointMemory) readSummary(point *model.Point, from pmetric.SummaryDataPoint) {
	quantiles := m.quantiles.take(from.QuantileValues().Len())
	for i, q := range from.QuantileValues().All() {
		quantiles[i] = model.Quantile{Q: q.Quantile(), Value: q.Value()}
	}
	point.Summary = m.summaries.one()
	*point.Summary = model.Summary{Count: from.Count(), Sum: from.Sum(), Quantiles: quantiles}
}

func (m *pointMemory) readBuckets(from pmetric.ExponentialHistogramDataPointBuckets) model.Buckets {
	return model.Buckets{Offset: from.Offset(), Counts: m.readCounts(from.BucketCounts())}
}

func (m *pointMemory) readCounts(from pcommon.UInt64Slice) []uint64 {
	counts := m.bucketCounts.take(from.Len())
	for i := range counts {
		counts[i] = from.At(i)
	}
	return counts
}

// readBounds shares the bounds with the point before, if they are the same.
func (m *pointMemory) readBounds(from pcommon.Float64Slice) []float64 {
	if !sameBounds(m.lastBounds, from) {
		m.lastBounds = slices.Clip(from.AsRaw())
	}
	return m.lastBounds
}

// sameBounds compares bits, so that -0 stays apart from 0.
func sameBounds(bounds []float64, from pcommon.Float64Slice) bool {
	if len(bounds) != from.Len() {
		return false
	}
	for i := range bounds {
		if math.Float64bits(bounds[i]) != math.Float64bits(from.At(i)) {
			return false
		}
	}
	return true
}

func (m *pointMemory) readExemplars(from pmetric.ExemplarSlice) []model.Exemplar {
	exemplars := m.exemplars.take(from.Len())
	for i, exemplar := range from.All() {
		m.readExemplar(&exemplars[i], exemplar)
	}
	return exemplars
}

func (m *pointMemory) readExemplar(to *model.Exemplar, from pmetric.Exemplar) {
	to.Time = model.Nanos(from.Timestamp())
	to.Attributes = attributesFrom(from.FilteredAttributes(), &m.attributes)
	to.TraceID = model.TraceID(from.TraceID())
	to.SpanID = model.SpanID(from.SpanID())
	switch from.ValueType() {
	case pmetric.ExemplarValueTypeInt:
		to.Number, to.Bits = model.NumberInt, uint64(from.IntValue())
	case pmetric.ExemplarValueTypeDouble:
		to.Number, to.Bits = model.NumberDouble, math.Float64bits(from.DoubleValue())
	case pmetric.ExemplarValueTypeEmpty: // stays model.NumberNone
	}
}

func optional(set bool, v float64) model.Optional {
	if !set {
		return model.Optional{}
	}
	return model.Optional{Value: v, Set: true}
}
