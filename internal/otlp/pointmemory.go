// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/internal/model"
)

// pointSizes counts what the points of one batch are made of. Bucket bounds are
// not counted: they rarely change from point to point and are shared.
type pointSizes struct {
	points, attributes, exemplars       int
	histograms, exponentials, summaries int
	bucketCounts, quantiles             int
}

func countMetrics(metrics pmetric.Metrics) pointSizes {
	var sizes pointSizes
	for _, ofResource := range metrics.ResourceMetrics().All() {
		for _, ofScope := range ofResource.ScopeMetrics().All() {
			for _, metric := range ofScope.Metrics().All() {
				sizes.countMetric(metric)
			}
		}
	}
	return sizes
}

func (s *pointSizes) countMetric(metric pmetric.Metric) {
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		s.countNumbers(metric.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		s.countNumbers(metric.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		s.countHistograms(metric.Histogram().DataPoints())
	case pmetric.MetricTypeExponentialHistogram:
		s.countExponentials(metric.ExponentialHistogram().DataPoints())
	case pmetric.MetricTypeSummary:
		s.countSummaries(metric.Summary().DataPoints())
	case pmetric.MetricTypeEmpty: // has no points
	}
}

func (s *pointSizes) countNumbers(points pmetric.NumberDataPointSlice) {
	s.points += points.Len()
	for _, point := range points.All() {
		s.attributes += point.Attributes().Len()
		s.countExemplars(point.Exemplars())
	}
}

func (s *pointSizes) countHistograms(points pmetric.HistogramDataPointSlice) {
	s.points += points.Len()
	s.histograms += points.Len()
	for _, point := range points.All() {
		s.attributes += point.Attributes().Len()
		s.bucketCounts += point.BucketCounts().Len()
		s.countExemplars(point.Exemplars())
	}
}

func (s *pointSizes) countExponentials(points pmetric.ExponentialHistogramDataPointSlice) {
	s.points += points.Len()
	s.exponentials += points.Len()
	for _, point := range points.All() {
		s.attributes += point.Attributes().Len()
		s.bucketCounts += point.Positive().BucketCounts().Len() + point.Negative().BucketCounts().Len()
		s.countExemplars(point.Exemplars())
	}
}

func (s *pointSizes) countSummaries(points pmetric.SummaryDataPointSlice) {
	s.points += points.Len()
	s.summaries += points.Len()
	for _, point := range points.All() {
		s.attributes += point.Attributes().Len()
		s.quantiles += point.QuantileValues().Len()
	}
}

func (s *pointSizes) countExemplars(exemplars pmetric.ExemplarSlice) {
	s.exemplars += exemplars.Len()
	for _, exemplar := range exemplars.All() {
		s.attributes += exemplar.FilteredAttributes().Len()
	}
}

// pointMemory is what the points of one batch are made of.
type pointMemory struct {
	points       slab[model.Point]
	series       slab[model.Series]
	attributes   slab[model.KeyValue]
	exemplars    slab[model.Exemplar]
	histograms   slab[model.Histogram]
	exponentials slab[model.ExponentialHistogram]
	summaries    slab[model.Summary]
	quantiles    slab[model.Quantile]
	bucketCounts slab[uint64]
	lastBounds   []float64
}

func newPointMemory(sizes pointSizes) *pointMemory {
	return &pointMemory{
		points:       newSlab[model.Point](sizes.points),
		series:       newSlab[model.Series](sizes.points),
		attributes:   newSlab[model.KeyValue](sizes.attributes),
		exemplars:    newSlab[model.Exemplar](sizes.exemplars),
		histograms:   newSlab[model.Histogram](sizes.histograms),
		exponentials: newSlab[model.ExponentialHistogram](sizes.exponentials),
		summaries:    newSlab[model.Summary](sizes.summaries),
		quantiles:    newSlab[model.Quantile](sizes.quantiles),
		bucketCounts: newSlab[uint64](sizes.bucketCounts),
	}
}

// The following make room for one point, in the memory of the one before.

func (m *pointMemory) roomForHistogram(from pmetric.HistogramDataPoint) {
	m.histograms.again(1)
	m.bucketCounts.again(from.BucketCounts().Len())
	m.roomForExemplars(from.Exemplars())
}

func (m *pointMemory) roomForExponential(from pmetric.ExponentialHistogramDataPoint) {
	m.exponentials.again(1)
	m.bucketCounts.again(from.Positive().BucketCounts().Len() + from.Negative().BucketCounts().Len())
	m.roomForExemplars(from.Exemplars())
}

func (m *pointMemory) roomForSummary(from pmetric.SummaryDataPoint) {
	m.summaries.again(1)
	m.quantiles.again(from.QuantileValues().Len())
}

func (m *pointMemory) roomForExemplars(list pmetric.ExemplarSlice) {
	m.exemplars.again(list.Len())
	attributes := 0
	for _, exemplar := range list.All() {
		attributes += exemplar.FilteredAttributes().Len()
	}
	m.attributes.again(attributes)
}
