// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"errors"
	"math"

	"github.com/prometheus/prometheus/model/histogram"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/promname"
)

// Verbatim describes a metric whose name and labels are Prometheus' own, and stay so.
func Verbatim(name string, kind model.MetricType) *model.Metric {
	m := &model.Metric{Name: name, Type: kind, Metadata: model.Attributes{{Key: promname.Verbatim, Value: model.BoolValue(true)}}}
	if kind == model.MetricExponentialHistogram {
		m.Temporality = model.TemporalityCumulative
	}
	return m
}

var (
	errOwnBounds = errors.New("it has bounds of its own")
	errFractions = errors.New("its counts are no whole numbers")
)

// Exponential makes an exponential histogram of a native one, whose counts must be whole.
func Exponential(fh *histogram.FloatHistogram) (*model.ExponentialHistogram, error) {
	if fh.UsesCustomBuckets() {
		return nil, errOwnBounds
	}
	if !whole(fh.Count) || !whole(fh.ZeroCount) {
		return nil, errFractions
	}
	e := &model.ExponentialHistogram{
		Scale: fh.Schema, Count: uint64(fh.Count), Sum: model.Optional{Value: fh.Sum, Set: true},
		ZeroCount: uint64(fh.ZeroCount), ZeroThreshold: fh.ZeroThreshold,
	}
	var err error
	if e.Positive, err = bucketsOf(fh.PositiveSpans, fh.PositiveBuckets); err != nil {
		return nil, err
	}
	e.Negative, err = bucketsOf(fh.NegativeSpans, fh.NegativeBuckets)
	return e, err
}

func whole(f float64) bool { return f >= 0 && f == math.Trunc(f) && f < 1<<53 }

func bucketsOf(spans []histogram.Span, counts []float64) (b model.Buckets, err error) {
	for i, span := range spans {
		if i == 0 {
			b.Offset = span.Offset - 1
		} else {
			b.Counts = append(b.Counts, make([]uint64, span.Offset)...)
		}
		for _, count := range counts[:span.Length] {
			if !whole(count) {
				return b, errFractions
			}
			b.Counts = append(b.Counts, uint64(count))
		}
		counts = counts[span.Length:]
	}
	return b, nil
}
