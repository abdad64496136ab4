// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"math"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/tapio/tapio/internal/model"
)

// pointReader reads points of OTLP. Points with the same attributes that follow one
// another share their series.
type pointReader struct {
	points []model.Point
	series *model.Series // of the latest point
}

// dataPoint is what all kinds of points have.
type dataPoint interface {
	GetAttributes() []*commonv1.KeyValue
	GetStartTimeUnixNano() uint64
	GetTimeUnixNano() uint64
	GetFlags() uint32
}

func (r *pointReader) ofMetric(resource *model.Resource, scope *model.Scope, m *metricsv1.Metric) error {
	metadata, err := attributesFrom(m.GetMetadata())
	if err != nil {
		return err
	}
	metric := &model.Metric{Name: m.GetName(), Description: m.GetDescription(), Unit: m.GetUnit(), Metadata: metadata}
	add := func(p dataPoint) (*model.Point, error) { return r.add(metric, resource, scope, p) }
	switch data := m.GetData().(type) {
	case *metricsv1.Metric_Gauge:
		metric.Type = model.MetricGauge
		return eachPoint(data.Gauge.GetDataPoints(), add, readNumber)
	case *metricsv1.Metric_Sum:
		metric.Type, metric.Monotonic = model.MetricSum, data.Sum.GetIsMonotonic()
		metric.Temporality = model.Temporality(data.Sum.GetAggregationTemporality())
		return eachPoint(data.Sum.GetDataPoints(), add, readNumber)
	case *metricsv1.Metric_Histogram:
		metric.Type, metric.Temporality = model.MetricHistogram, model.Temporality(data.Histogram.GetAggregationTemporality())
		return eachPoint(data.Histogram.GetDataPoints(), add, readHistogram)
	case *metricsv1.Metric_ExponentialHistogram:
		metric.Type = model.MetricExponentialHistogram
		metric.Temporality = model.Temporality(data.ExponentialHistogram.GetAggregationTemporality())
		return eachPoint(data.ExponentialHistogram.GetDataPoints(), add, readExponential)
	case *metricsv1.Metric_Summary:
		metric.Type = model.MetricSummary
		return eachPoint(data.Summary.GetDataPoints(), add, readSummary)
	default:
		return nil
	}
}

func eachPoint[P dataPoint](list []P, add func(dataPoint) (*model.Point, error), read func(*model.Point, P) error) error {
	for _, message := range list {
		point, err := add(message)
		if err != nil {
			return err
		}
		if err := read(point, message); err != nil {
			return err
		}
	}
	return nil
}

func (r *pointReader) add(metric *model.Metric, resource *model.Resource, scope *model.Scope, p dataPoint) (*model.Point, error) {
	attributes, err := attributesFrom(p.GetAttributes())
	if err != nil {
		return nil, err
	}
	if s := r.series; s == nil || s.Metric != metric || s.Scope != scope || !s.Attributes.Equal(attributes) {
		r.series = &model.Series{Metric: metric, Resource: resource, Scope: scope, Attributes: attributes}
	}
	r.points = append(r.points, model.Point{
		Series: r.series, Start: model.Nanos(p.GetStartTimeUnixNano()), Time: model.Nanos(p.GetTimeUnixNano()), Flags: p.GetFlags(),
	})
	return &r.points[len(r.points)-1], nil
}

func readNumber(to *model.Point, p *metricsv1.NumberDataPoint) (err error) {
	switch value := p.GetValue().(type) {
	case *metricsv1.NumberDataPoint_AsInt:
		to.Number, to.Bits = model.NumberInt, uint64(value.AsInt)
	case *metricsv1.NumberDataPoint_AsDouble:
		to.Number, to.Bits = model.NumberDouble, math.Float64bits(value.AsDouble)
	}
	to.Exemplars, err = exemplarsFrom(p.GetExemplars())
	return err
}

func readHistogram(to *model.Point, p *metricsv1.HistogramDataPoint) (err error) {
	to.Histogram = &model.Histogram{
		Count: p.GetCount(), Sum: optionalFrom(p.Sum), Min: optionalFrom(p.Min), Max: optionalFrom(p.Max),
		Bounds: p.GetExplicitBounds(), Counts: p.GetBucketCounts(),
	}
	to.Exemplars, err = exemplarsFrom(p.GetExemplars())
	return err
}

func readExponential(to *model.Point, p *metricsv1.ExponentialHistogramDataPoint) (err error) {
	to.Exponential = &model.ExponentialHistogram{
		Count: p.GetCount(), Sum: optionalFrom(p.Sum), Min: optionalFrom(p.Min), Max: optionalFrom(p.Max),
		ZeroCount: p.GetZeroCount(), ZeroThreshold: p.GetZeroThreshold(), Scale: p.GetScale(),
		Positive: model.Buckets{Offset: p.GetPositive().GetOffset(), Counts: p.GetPositive().GetBucketCounts()},
		Negative: model.Buckets{Offset: p.GetNegative().GetOffset(), Counts: p.GetNegative().GetBucketCounts()},
	}
	to.Exemplars, err = exemplarsFrom(p.GetExemplars())
	return err
}

func readSummary(to *model.Point, p *metricsv1.SummaryDataPoint) error {
	to.Summary = &model.Summary{Count: p.GetCount(), Sum: p.GetSum()}
	for _, q := range p.GetQuantileValues() {
		to.Summary.Quantiles = append(to.Summary.Quantiles, model.Quantile{Q: q.GetQuantile(), Value: q.GetValue()})
	}
	return nil
}

func optionalFrom(v *float64) model.Optional {
	if v == nil {
		return model.Optional{}
	}
	return model.Optional{Value: *v, Set: true}
}

func exemplarsFrom(in []*metricsv1.Exemplar) ([]model.Exemplar, error) {
	var out []model.Exemplar
	for _, e := range in {
		exemplar, err := exemplarFrom(e)
		if err != nil {
			return nil, err
		}
		out = append(out, exemplar)
	}
	return out, nil
}

func exemplarFrom(e *metricsv1.Exemplar) (model.Exemplar, error) {
	out := model.Exemplar{Time: model.Nanos(e.GetTimeUnixNano())}
	switch value := e.GetValue().(type) {
	case *metricsv1.Exemplar_AsInt:
		out.Number, out.Bits = model.NumberInt, uint64(value.AsInt)
	case *metricsv1.Exemplar_AsDouble:
		out.Number, out.Bits = model.NumberDouble, math.Float64bits(value.AsDouble)
	}
	if err := copyID("trace_id", out.TraceID[:], e.GetTraceId()); err != nil {
		return out, err
	}
	if err := copyID("span_id", out.SpanID[:], e.GetSpanId()); err != nil {
		return out, err
	}
	var err error
	out.Attributes, err = attributesFrom(e.GetFilteredAttributes())
	return out, err
}
