// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package emit

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestSeriesHaveABoundAndTheRestIsCountedTogether(t *testing.T) {
	const limit, other = 4, -1
	s, began := NewSeries[int, int](limit), time.Unix(100, 0)
	for key := range 10 {
		*s.Of(key, other, began, began)++
	}
	assert.Len(t, s.ByKey, limit+1)
	assert.Equal(t, 6, s.ByKey[other].Value, "nothing is lost")
	reported := 0
	report := func(int, *int, time.Time) { reported++ }
	s.Changed(began.Add(1), report)
	assert.Equal(t, limit+1, reported, "what grew at any time since the last report")
	s.Changed(began.Add(Idle+1), report)
	assert.Equal(t, limit+1, reported, "what did not grow is not reported")
	assert.Empty(t, s.ByKey, "and long after it is forgotten")
}

// A host that starts many programs must not hide the one that is busy now: what has not
// grown for the longest time makes room, though not before it was reported.
func TestANewSeriesReplacesTheIdleOnes(t *testing.T) {
	const limit, other = 3, -1
	s, now := NewSeries[int, int](limit), time.Unix(100, 0)
	reported := map[int]int{}
	report := func(key int, value *int, _ time.Time) { reported[key] = *value }
	for key := range 10 {
		*s.Of(other, other, now, now)++
		*s.Of(0, other, now, now) += 10
		*s.Of(1+key, other, now, now) += 100
		s.Changed(now, report)
		now = now.Add(time.Second)
	}
	assert.Len(t, s.ByKey, limit)
	assert.Equal(t, 10, reported[other], "no new key was folded")
	assert.Equal(t, 100, reported[0], "who grows all the time keeps its sums")
	assert.Equal(t, 100, reported[10])
	*s.Of(1, other, now, now)++
	s.Changed(now, func(key int, value *int, since time.Time) {
		assert.Equal(t, []any{1, 1, now}, []any{key, *value, since}, "a key that returns begins again")
	})
}

// Each bucket of the kernel becomes the one of the exponential histogram that has the
// same bounds: (2^i, 2^(i+1)] seconds.
func TestBucketsAreThoseOfAnExponentialHistogram(t *testing.T) {
	point := pmetric.NewExponentialHistogramDataPoint()
	h := Histogram{Sum: 2_500_000_000}
	h.Buckets[0], h.Buckets[20], h.Buckets[22] = 5, 3, 1
	h.put(point)
	assert.Equal(t, uint64(9), point.Count())
	assert.InDelta(t, 2.5, point.Sum(), 1e-9)
	assert.Equal(t, uint64(5), point.ZeroCount())
	assert.Equal(t, 1.0/(1<<20), point.ZeroThreshold())
	assert.Equal(t, []uint64{3, 0, 1}, point.Positive().BucketCounts().AsRaw())
	lower := math.Ldexp(1, int(point.Positive().Offset()))
	assert.Equal(t, 0.5, lower, "bucket 20 counts what is from 2^-1 to 2^0 seconds")

	empty := pmetric.NewExponentialHistogramDataPoint()
	(&Histogram{Buckets: [buckets]uint64{7}}).put(empty)
	assert.Equal(t, uint64(7), empty.ZeroCount())
	assert.Zero(t, empty.Positive().BucketCounts().Len())
}
