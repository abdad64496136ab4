// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"github.com/prometheus/prometheus/model/histogram"

	"github.com/tapio/tapio/internal/model"
)

// The schemas of native histograms, which are the scales of exponential ones.
const (
	minSchema = -4
	maxSchema = 8
	// zeroThreshold is what Prometheus assumes where a histogram names none.
	zeroThreshold = 1e-128
)

// nativeHistogram makes a native histogram of an exponential one. A finer one than
// Prometheus knows loses resolution; false for one that is coarser.
func nativeHistogram(e *model.ExponentialHistogram, gauge, verbatim bool) (*histogram.Histogram, bool) {
	if e.Scale < minSchema {
		return nil, false
	}
	coarser := max(e.Scale-maxSchema, 0)
	h := &histogram.Histogram{
		Schema: e.Scale - coarser, Count: e.Count, Sum: e.Sum.Value,
		ZeroCount: e.ZeroCount, ZeroThreshold: e.ZeroThreshold,
	}
	if h.ZeroThreshold == 0 && !verbatim {
		h.ZeroThreshold = zeroThreshold
	}
	if gauge {
		h.CounterResetHint = histogram.GaugeType
	}
	h.PositiveSpans, h.PositiveBuckets = nativeBuckets(&e.Positive, coarser)
	h.NegativeSpans, h.NegativeBuckets = nativeBuckets(&e.Negative, coarser)
	return h, true
}

// nativeBuckets makes spans of the buckets that are not empty, with the differences of
// their counts. Bucket i of an exponential histogram has the lower bound base^i, that of
// a native one the upper bound.
func nativeBuckets(b *model.Buckets, coarser int32) (spans []histogram.Span, deltas []int64) {
	var before int64
	next := int32(0) // the index behind the last span
	put := func(index int32, count uint64) {
		if count == 0 {
			return
		}
		if n := len(spans); n > 0 && index == next {
			spans[n-1].Length++
		} else {
			spans = append(spans, histogram.Span{Offset: index - next, Length: 1})
		}
		next = index + 1
		deltas = append(deltas, int64(count)-before)
		before = int64(count)
	}
	var sum uint64
	for i, count := range b.Counts {
		at := (b.Offset + int32(i)) >> coarser
		sum += count
		if i+1 < len(b.Counts) && (b.Offset+int32(i)+1)>>coarser == at {
			continue
		}
		put(at+1, sum)
		sum = 0
	}
	return spans, deltas
}
