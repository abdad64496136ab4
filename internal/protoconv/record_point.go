// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"math"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/tapio/tapio/internal/model"
)

func numberPoint(p *model.Point, attributes []*commonv1.KeyValue) *metricsv1.NumberDataPoint {
	out := &metricsv1.NumberDataPoint{
		Attributes:        attributes,
		StartTimeUnixNano: uint64(p.Start),
		TimeUnixNano:      uint64(p.Time),
		Exemplars:         exemplars(p.Exemplars),
		Flags:             p.Flags,
	}
	switch p.Number {
	case model.NumberInt:
		out.Value = &metricsv1.NumberDataPoint_AsInt{AsInt: int64(p.Bits)}
	case model.NumberDouble:
		out.Value = &metricsv1.NumberDataPoint_AsDouble{AsDouble: math.Float64frombits(p.Bits)}
	case model.NumberNone: // has no value
	}
	return out
}

func histogramPoint(p *model.Point, attributes []*commonv1.KeyValue) *metricsv1.HistogramDataPoint {
	out := &metricsv1.HistogramDataPoint{
		Attributes:        attributes,
		StartTimeUnixNano: uint64(p.Start),
		TimeUnixNano:      uint64(p.Time),
		Exemplars:         exemplars(p.Exemplars),
		Flags:             p.Flags,
	}
	if h := p.Histogram; h != nil {
		out.Count = h.Count
		out.Sum, out.Min, out.Max = optional(h.Sum), optional(h.Min), optional(h.Max)
		out.BucketCounts = h.Counts
		out.ExplicitBounds = h.Bounds
	}
	return out
}

func exponentialPoint(p *model.Point, attributes []*commonv1.KeyValue) *metricsv1.ExponentialHistogramDataPoint {
	out := &metricsv1.ExponentialHistogramDataPoint{
		Attributes:        attributes,
		StartTimeUnixNano: uint64(p.Start),
		TimeUnixNano:      uint64(p.Time),
		Exemplars:         exemplars(p.Exemplars),
		Flags:             p.Flags,
	}
	if h := p.Exponential; h != nil {
		out.Count = h.Count
		out.Sum, out.Min, out.Max = optional(h.Sum), optional(h.Min), optional(h.Max)
		out.Scale = h.Scale
		out.ZeroCount = h.ZeroCount
		out.ZeroThreshold = h.ZeroThreshold
		out.Positive, out.Negative = buckets(h.Positive), buckets(h.Negative)
	}
	return out
}

func buckets(b model.Buckets) *metricsv1.ExponentialHistogramDataPoint_Buckets {
	if b.Offset == 0 && len(b.Counts) == 0 {
		return nil
	}
	return &metricsv1.ExponentialHistogramDataPoint_Buckets{Offset: b.Offset, BucketCounts: b.Counts}
}

func summaryPoint(p *model.Point, attributes []*commonv1.KeyValue) *metricsv1.SummaryDataPoint {
	out := &metricsv1.SummaryDataPoint{
		Attributes:        attributes,
		StartTimeUnixNano: uint64(p.Start),
		TimeUnixNano:      uint64(p.Time),
		Flags:             p.Flags,
	}
	if s := p.Summary; s != nil {
		out.Count, out.Sum = s.Count, s.Sum
		for _, q := range s.Quantiles {
			out.QuantileValues = append(out.QuantileValues,
				&metricsv1.SummaryDataPoint_ValueAtQuantile{Quantile: q.Q, Value: q.Value})
		}
	}
	return out
}

func optional(o model.Optional) *float64 {
	if !o.Set {
		return nil
	}
	return &o.Value
}

func exemplars(in []model.Exemplar) []*metricsv1.Exemplar {
	out := make([]*metricsv1.Exemplar, len(in))
	for i, e := range in {
		out[i] = &metricsv1.Exemplar{
			FilteredAttributes: keyValues(e.Attributes),
			TimeUnixNano:       uint64(e.Time),
			SpanId:             spanIDBytes(e.SpanID),
			TraceId:            traceIDBytes(e.TraceID),
		}
		switch e.Number {
		case model.NumberInt:
			out[i].Value = &metricsv1.Exemplar_AsInt{AsInt: int64(e.Bits)}
		case model.NumberDouble:
			out[i].Value = &metricsv1.Exemplar_AsDouble{AsDouble: math.Float64frombits(e.Bits)}
		case model.NumberNone: // has no value
		}
	}
	return out
}
