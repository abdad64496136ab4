// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"maps"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// bucket counts the observations within two values.
type bucket struct {
	low, high float64
	count     uint64
	geometric bool // observations lie evenly on a logarithmic scale
}

// pick returns the low end, the high end or a percentile of buckets that are in
// ascending order; false if they are empty.
func pick(how model.Aggregation, buckets []bucket) (float64, bool) {
	buckets = slices.DeleteFunc(buckets, func(b bucket) bool { return b.count == 0 })
	if len(buckets) == 0 {
		return 0, false
	}
	q, isRank := Rank(how)
	switch {
	case how == model.AggregateMin:
		return buckets[0].low, true
	case !isRank:
		return buckets[len(buckets)-1].high, true
	}
	total := 0.0
	for _, b := range buckets {
		total += float64(b.count)
	}
	if slices.ContainsFunc(buckets, func(b bucket) bool { return b.geometric }) {
		return quantileFromAbove((1-q)*total, buckets), true
	}
	return quantileFromBelow(q*total, buckets), true
}

// quantileFromBelow returns the value below which so many observations lie.
func quantileFromBelow(wanted float64, buckets []bucket) float64 {
	for _, b := range buckets {
		if wanted <= float64(b.count) {
			return b.at(wanted / float64(b.count))
		}
		wanted -= float64(b.count)
	}
	return buckets[len(buckets)-1].high // rounding
}

// quantileFromAbove returns the value above which so many observations lie. It
// differs where that is between two buckets that do not touch: Prometheus counts
// from above in exponential histograms, and from below in others.
func quantileFromAbove(wanted float64, buckets []bucket) float64 {
	for _, b := range slices.Backward(buckets) {
		if wanted <= float64(b.count) {
			return b.at(1 - wanted/float64(b.count))
		}
		wanted -= float64(b.count)
	}
	return buckets[0].low // rounding
}

// at returns the value below which this share of the bucket lies.
func (b bucket) at(share float64) float64 {
	if b.geometric {
		return b.low * math.Pow(b.high/b.low, share)
	}
	return b.low + (b.high-b.low)*share
}

// explicitBuckets are those of histograms with explicit bounds. Of histograms
// with different bounds each bucket keeps its upper bound, which overstates
// percentiles rather than understating them.
type explicitBuckets struct {
	bounds []float64
	counts []uint64
}

// wellFormed reports whether there are buckets, and the bounds go with them and
// rise. What a client sends otherwise counts without its buckets.
func wellFormed(h *model.Histogram) bool {
	if len(h.Bounds) == 0 || len(h.Counts) != len(h.Bounds)+1 || math.IsNaN(h.Bounds[0]) {
		return false
	}
	for i := 1; i < len(h.Bounds); i++ {
		if !(h.Bounds[i] > h.Bounds[i-1]) { // NaN too
			return false
		}
	}
	return true
}

func (e *explicitBuckets) add(h *model.Histogram) {
	if !wellFormed(h) {
		return
	}
	e.cover(h.Bounds)
	for i, count := range h.Counts {
		e.counts[e.Place(h, i)] += count
	}
}

func (e *explicitBuckets) subtract(h *model.Histogram) {
	if !wellFormed(h) {
		return
	}
	e.cover(h.Bounds)
	for i, count := range h.Counts {
		at := e.Place(h, i)
		e.counts[at] -= min(e.counts[at], count)
	}
}

// Place returns the bucket with the same upper bound.
func (e *explicitBuckets) Place(h *model.Histogram, i int) int {
	switch {
	case i == len(h.Bounds):
		return len(e.bounds)
	case len(h.Bounds) == len(e.bounds):
		return i // the bounds are the same, for these hold those
	default:
		at, _ := slices.BinarySearch(e.bounds, h.Bounds[i])
		return at
	}
}

// cover adds the bounds that are not there yet.
func (e *explicitBuckets) cover(bounds []float64) {
	if e.counts != nil && slices.Equal(e.bounds, bounds) {
		return
	}
	old := *e
	union := append(slices.Clone(old.bounds), bounds...)
	slices.Sort(union)
	e.bounds = slices.Compact(union)
	e.counts = make([]uint64, len(e.bounds)+1)
	if old.counts == nil {
		return
	}
	was := &model.Histogram{Bounds: old.bounds}
	for i, count := range old.counts {
		e.counts[e.Place(was, i)] += count
	}
}

// list returns the buckets as PromQL's histogram_quantile takes them: the first
// one begins at 0 if its bound is above, and the last one is its lower bound.
func (e *explicitBuckets) list() []bucket {
	buckets := make([]bucket, len(e.counts))
	for i, count := range e.counts {
		b := bucket{count: count}
		b.high = e.bounds[min(i, len(e.bounds)-1)]
		switch {
		case i > 0:
			b.low = e.bounds[i-1]
		case b.high <= 0:
			b.low = b.high
		}
		buckets[i] = b
	}
	return buckets
}

func explicitReset(before, after *model.Histogram) bool {
	if !slices.Equal(before.Bounds, after.Bounds) || len(before.Counts) != len(after.Counts) {
		return true
	}
	for i := range before.Counts {
		if after.Counts[i] < before.Counts[i] {
			return true
		}
	}
	return false
}

// exponentialBuckets are those of exponential histograms, at the coarsest scale
// of all that were put together.
type exponentialBuckets struct {
	filled             bool
	scale              int64
	zero               uint64
	threshold          float64
	positive, negative map[int64]uint64
}

func (e *exponentialBuckets) add(h *model.ExponentialHistogram) {
	e.align(int64(h.Scale))
	e.zero += h.ZeroCount
	e.threshold = max(e.threshold, h.ZeroThreshold)
	e.each(h, func(side map[int64]uint64, index int64, count uint64) { side[index] += count })
}

func (e *exponentialBuckets) subtract(h *model.ExponentialHistogram) {
	e.align(int64(h.Scale))
	e.zero -= min(e.zero, h.ZeroCount)
	e.each(h, func(side map[int64]uint64, index int64, count uint64) {
		side[index] -= min(side[index], count)
	})
}

// each calls change for the buckets of h at the scale in use.
func (e *exponentialBuckets) each(h *model.ExponentialHistogram, change func(side map[int64]uint64, index int64, count uint64)) {
	shift := uint64(int64(h.Scale) - e.scale)
	sides := [...]map[int64]uint64{e.positive, e.negative}
	for i, buckets := range [...]model.Buckets{h.Positive, h.Negative} {
		for n, count := range buckets.Counts {
			if count > 0 {
				change(sides[i], (int64(buckets.Offset)+int64(n))>>shift, count)
			}
		}
	}
}

// align goes down to a scale: each step joins two neighbours.
func (e *exponentialBuckets) align(scale int64) {
	if !e.filled {
		e.filled, e.scale = true, scale
		e.positive, e.negative = map[int64]uint64{}, map[int64]uint64{}
	}
	if scale >= e.scale {
		return
	}
	shift := uint64(e.scale - scale)
	e.positive, e.negative = coarser(e.positive, shift), coarser(e.negative, shift)
	e.scale = scale
}

func coarser(side map[int64]uint64, shift uint64) map[int64]uint64 {
	joined := make(map[int64]uint64, len(side))
	for index, count := range side {
		joined[index>>shift] += count
	}
	return joined
}

// list returns the buckets from the most negative one up.
func (e *exponentialBuckets) list() []bucket {
	if !e.filled {
		return nil
	}
	var buckets []bucket
	for _, index := range slices.Backward(slices.Sorted(maps.Keys(e.negative))) {
		buckets = append(buckets, bucket{low: -e.bound(index + 1), high: -e.bound(index), count: e.negative[index], geometric: true})
	}
	buckets = append(buckets, e.zeroBucket())
	for _, index := range slices.Sorted(maps.Keys(e.positive)) {
		buckets = append(buckets, bucket{low: e.bound(index), high: e.bound(index + 1), count: e.positive[index], geometric: true})
	}
	return buckets
}

// zeroBucket lies on the side of 0 where the other observations are.
func (e *exponentialBuckets) zeroBucket() bucket {
	b := bucket{low: -e.threshold, high: e.threshold, count: e.zero}
	if len(e.negative) == 0 {
		b.low = 0
	} else if len(e.positive) == 0 {
		b.high = 0
	}
	return b
}

// bound is the lower bound of a bucket.
func (e *exponentialBuckets) bound(index int64) float64 {
	return math.Exp2(math.Ldexp(float64(index), int(-e.scale)))
}
