// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/tapio/tapio/internal/model"
)

// MetricsFromPoints returns metrics in the order of the points. Neighbours of the same
// metric, scope or resource, by pointer, stand under one.
func MetricsFromPoints(points []model.Point) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	var last model.Series
	var ofResource pmetric.ResourceMetrics
	var ofScope pmetric.ScopeMetrics
	var metric pmetric.Metric
	for i := range points {
		series := points[i].Series
		if series.Resource != last.Resource {
			ofResource = metrics.ResourceMetrics().AppendEmpty()
			putResource(ofResource.Resource(), series.Resource)
			ofResource.SetSchemaUrl(series.Resource.SchemaURL)
			last.Scope, last.Metric = nil, nil
		}
		if series.Scope != last.Scope {
			ofScope = ofResource.ScopeMetrics().AppendEmpty()
			putScope(ofScope.Scope(), series.Scope)
			ofScope.SetSchemaUrl(series.Scope.SchemaURL)
			last.Metric = nil
		}
		if series.Metric != last.Metric {
			metric = ofScope.Metrics().AppendEmpty()
			putMetric(metric, series.Metric)
		}
		last = *series
		putPoint(metric, &points[i])
	}
	return metrics
}

func putMetric(to pmetric.Metric, metric *model.Metric) {
	to.SetName(metric.Name)
	to.SetDescription(metric.Description)
	to.SetUnit(metric.Unit)
	putAttributes(to.Metadata(), metric.Metadata)
	temporality := pmetric.AggregationTemporality(metric.Temporality)
	switch metric.Type {
	case model.MetricGauge:
		to.SetEmptyGauge()
	case model.MetricSum:
		to.SetEmptySum().SetAggregationTemporality(temporality)
		to.Sum().SetIsMonotonic(metric.Monotonic)
	case model.MetricHistogram:
		to.SetEmptyHistogram().SetAggregationTemporality(temporality)
	case model.MetricExponentialHistogram:
		to.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
	case model.MetricSummary:
		to.SetEmptySummary()
	case model.MetricEmpty: // stays empty
	}
}

func putPoint(to pmetric.Metric, point *model.Point) {
	switch to.Type() {
	case pmetric.MetricTypeGauge:
		putNumber(to.Gauge().DataPoints().AppendEmpty(), point)
	case pmetric.MetricTypeSum:
		putNumber(to.Sum().DataPoints().AppendEmpty(), point)
	case pmetric.MetricTypeHistogram:
		putHistogram(to.Histogram().DataPoints().AppendEmpty(), point)
	case pmetric.MetricTypeExponentialHistogram:
		putExponential(to.ExponentialHistogram().DataPoints().AppendEmpty(), point)
	case pmetric.MetricTypeSummary:
		putSummary(to.Summary().DataPoints().AppendEmpty(), point)
	case pmetric.MetricTypeEmpty: // has no points
	}
}

type settablePoint interface {
	dataPoint
	SetStartTimestamp(pcommon.Timestamp)
	SetTimestamp(pcommon.Timestamp)
	SetFlags(pmetric.DataPointFlags)
}

func putCommon(to settablePoint, point *model.Point) {
	putAttributes(to.Attributes(), point.Series.Attributes)
	to.SetStartTimestamp(pcommon.Timestamp(point.Start))
	to.SetTimestamp(pcommon.Timestamp(point.Time))
	to.SetFlags(pmetric.DataPointFlags(point.Flags))
}

func putNumber(to pmetric.NumberDataPoint, point *model.Point) {
	putCommon(to, point)
	switch point.Number {
	case model.NumberInt:
		to.SetIntValue(int64(point.Bits))
	case model.NumberDouble:
		to.SetDoubleValue(math.Float64frombits(point.Bits))
	case model.NumberNone: // stays empty
	}
	putExemplars(to.Exemplars(), point.Exemplars)
}

func putHistogram(to pmetric.HistogramDataPoint, point *model.Point) {
	putCommon(to, point)
	h := point.Histogram
	to.SetCount(h.Count)
	putOptional(to.SetSum, h.Sum)
	putOptional(to.SetMin, h.Min)
	putOptional(to.SetMax, h.Max)
	to.ExplicitBounds().FromRaw(h.Bounds)
	to.BucketCounts().FromRaw(h.Counts)
	putExemplars(to.Exemplars(), point.Exemplars)
}

func putExponential(to pmetric.ExponentialHistogramDataPoint, point *model.Point) {
	putCommon(to, point)
	h := point.Exponential
	to.SetCount(h.Count)
	putOptional(to.SetSum, h.Sum)
	putOptional(to.SetMin, h.Min)
	putOptional(to.SetMax, h.Max)
	to.SetZeroCount(h.ZeroCount)
	to.SetZeroThreshold(h.ZeroThreshold)
	to.SetScale(h.Scale)
	to.Positive().SetOffset(h.Positive.Offset)
	to.Positive().BucketCounts().FromRaw(h.Positive.Counts)
	to.Negative().SetOffset(h.Negative.Offset)
	to.Negative().BucketCounts().FromRaw(h.Negative.Counts)
	putExemplars(to.Exemplars(), point.Exemplars)
}

func putSummary(to pmetric.SummaryDataPoint, point *model.Point) {
	putCommon(to, point)
	to.SetCount(point.Summary.Count)
	to.SetSum(point.Summary.Sum)
	for _, q := range point.Summary.Quantiles {
		quantile := to.QuantileValues().AppendEmpty()
		quantile.SetQuantile(q.Q)
		quantile.SetValue(q.Value)
	}
}

func putOptional(set func(float64), v model.Optional) {
	if v.Set {
		set(v.Value)
	}
}

func putExemplars(to pmetric.ExemplarSlice, exemplars []model.Exemplar) {
	for _, exemplar := range exemplars {
		e := to.AppendEmpty()
		e.SetTimestamp(pcommon.Timestamp(exemplar.Time))
		putAttributes(e.FilteredAttributes(), exemplar.Attributes)
		e.SetTraceID(pcommon.TraceID(exemplar.TraceID))
		e.SetSpanID(pcommon.SpanID(exemplar.SpanID))
		switch exemplar.Number {
		case model.NumberInt:
			e.SetIntValue(int64(exemplar.Bits))
		case model.NumberDouble:
			e.SetDoubleValue(math.Float64frombits(exemplar.Bits))
		case model.NumberNone: // stays empty
		}
	}
}

// IsDerived reports whether all metrics are derived from other telemetry: they contain nothing
// that was not seen before.
func IsDerived(metrics pmetric.Metrics) bool {
	for _, ofResource := range metrics.ResourceMetrics().All() {
		for _, ofScope := range ofResource.ScopeMetrics().All() {
			if name := ofScope.Scope().Name(); name != model.RecordMetricsScope && name != model.RulesScope {
				return false
			}
		}
	}
	return metrics.ResourceMetrics().Len() > 0
}

// MarshalPoints encodes metric points as an ExportMetricsServiceRequest.
func MarshalPoints(points []model.Point) ([]byte, error) {
	return pmetricotlp.NewExportRequestFromMetrics(MetricsFromPoints(points)).MarshalProto()
}

// UnmarshalPoints reads what MarshalPoints wrote.
func UnmarshalPoints(data []byte) ([]model.Point, error) {
	request := pmetricotlp.NewExportRequest()
	if err := request.UnmarshalProto(data); err != nil {
		return nil, err
	}
	return PointsFromMetrics(request.Metrics()), nil
}
