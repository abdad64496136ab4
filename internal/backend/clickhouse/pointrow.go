// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"math"
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

// series returns the series of the point, one for all its points.
func (p *pointRow) series(o *origins) *model.Series {
	metric := p.metric()
	key := string(metric.AppendIdentity(nil)) + p.description
	if known := o.metrics[key]; known != nil {
		metric = known
	} else {
		o.metrics[key] = metric
	}
	s := &p.shared
	full := key + joined([]string{s.resourceURL, s.scopeURL, s.scopeName, s.scopeVersion, strconv.Itoa(int(s.scopeDropped))},
		s.resourceKeys, s.resourceVal, s.scopeKeys, s.scopeVal, p.keys, p.values)
	series := o.series[full]
	if series == nil {
		series = &model.Series{Metric: metric, Attributes: attributesOf(p.keys, p.values)}
		series.Resource, series.Scope = o.of(s)
		o.series[full] = series
	}
	return series
}

// fill sets what the point measured.
func (p *pointRow) fill(to *model.Point) {
	switch model.MetricType(p.kind) {
	case model.MetricHistogram:
		to.Histogram = &model.Histogram{Count: p.count, Sum: optional(p.sum, true), Bounds: p.bounds, Counts: p.counts}
		to.Histogram.Min, to.Histogram.Max = p.extremes()
	case model.MetricExponentialHistogram:
		to.Exponential = &model.ExponentialHistogram{
			Count: p.count, Sum: optional(p.sum, true), ZeroCount: p.zero, Scale: p.scale,
			Positive: model.Buckets{Offset: p.positiveAt, Counts: p.positive}, Negative: model.Buckets{Offset: p.negativeAt, Counts: p.negative},
		}
		to.Exponential.Min, to.Exponential.Max = p.extremes()
	case model.MetricSummary:
		to.Summary = &model.Summary{Count: p.count, Sum: p.sum}
		for i, q := range p.quantiles {
			to.Summary.Quantiles = append(to.Summary.Quantiles, model.Quantile{Q: q, Value: p.quantileOf[i]})
		}
	default:
		if to.Flags&model.FlagNoRecordedValue == 0 {
			to.Number, to.Bits = model.NumberDouble, math.Float64bits(p.value)
		}
	}
	for i, at := range p.exemplarTimes {
		to.Exemplars = append(to.Exemplars, model.Exemplar{
			Time: nanosOf(at), Number: model.NumberDouble, Bits: math.Float64bits(p.exemplarValues[i]),
			TraceID: traceID(p.exemplarTraces[i]), SpanID: spanID(p.exemplarSpans[i]),
			Attributes: attributesOf(p.exemplarKeys[i], p.exemplarAttributes[i]),
		})
	}
}

// extremes are the least and the greatest value: the tables keep 0 for those that the
// sender left out.
func (p *pointRow) extremes() (least, greatest model.Optional) {
	set := p.least != 0 || p.greatest != 0
	return optional(p.least, set), optional(p.greatest, set)
}

func optional(value float64, set bool) model.Optional {
	if !set {
		return model.Optional{}
	}
	return model.Optional{Value: value, Set: true}
}

// metric returns the metric of the point.
func (p *pointRow) metric() *model.Metric {
	return &model.Metric{
		Name: p.name, Description: p.description, Unit: p.unit, Type: model.MetricType(p.kind),
		Temporality: model.Temporality(p.temporality), Monotonic: p.monotonic != 0,
	}
}
