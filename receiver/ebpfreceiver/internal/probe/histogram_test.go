// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package probe

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

func TestSeriesHaveABoundAndTheRestIsCountedTogether(t *testing.T) {
	const limit, other = 4, -1
	s, began := newSeries[int, int](limit), time.Unix(100, 0)
	for key := range 10 {
		*s.of(key, other, began, began)++
	}
	assert.Len(t, s.byKey, limit+1)
	assert.Equal(t, 6, s.byKey[other].value, "nothing is lost")
	reported := 0
	report := func(int, *int, time.Time) { reported++ }
	s.changed(began.Add(1), report)
	assert.Equal(t, limit+1, reported, "what grew at any time since the last report")
	s.changed(began.Add(idle+1), report)
	assert.Equal(t, limit+1, reported, "what did not grow is not reported")
	assert.Empty(t, s.byKey, "and long after it is forgotten")
}

// A host that starts many programs must not hide the one that is busy now: what has not
// grown for the longest time makes room, though not before it was reported.
func TestANewSeriesReplacesTheIdleOnes(t *testing.T) {
	const limit, other = 3, -1
	s, now := newSeries[int, int](limit), time.Unix(100, 0)
	reported := map[int]int{}
	report := func(key int, value *int, _ time.Time) { reported[key] = *value }
	for key := range 10 {
		*s.of(other, other, now, now)++
		*s.of(0, other, now, now) += 10
		*s.of(1+key, other, now, now) += 100
		s.changed(now, report)
		now = now.Add(time.Second)
	}
	assert.Len(t, s.byKey, limit)
	assert.Equal(t, 10, reported[other], "no new key was folded")
	assert.Equal(t, 100, reported[0], "who grows all the time keeps its sums")
	assert.Equal(t, 100, reported[10])
	*s.of(1, other, now, now)++
	s.changed(now, func(key int, value *int, since time.Time) {
		assert.Equal(t, []any{1, 1, now}, []any{key, *value, since}, "a key that returns begins again")
	})
}

func TestCallsHaveNames(t *testing.T) {
	names := syscallNames()
	assert.Greater(t, len(names), 250)
	assert.Equal(t, "", names[100000])
	assert.Equal(t, "unknown", callName(names, noCall))
}

// Each bucket of the kernel becomes the one of the exponential histogram that has the
// same bounds: (2^i, 2^(i+1)] seconds.
func TestBucketsAreThoseOfAnExponentialHistogram(t *testing.T) {
	point := pmetric.NewExponentialHistogramDataPoint()
	h := histogram{Sum: 2_500_000_000}
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
	(&histogram{Buckets: [buckets]uint64{7}}).put(empty)
	assert.Equal(t, uint64(7), empty.ZeroCount())
	assert.Zero(t, empty.Positive().BucketCounts().Len())
}

func TestTheBusiestProgramsHaveSeriesOfTheirOwn(t *testing.T) {
	top, place := newTopPrograms(2), &identity.Place{}
	of := func(name string) program { return program{place: place, name: name} }
	top.rank(map[program]float64{of("a"): 100, of("b"): 10, of("c"): 1})
	assert.True(t, top.has(of("a")))
	assert.True(t, top.has(of("b")))
	assert.False(t, top.has(of("c")))
	top.rank(map[program]float64{of("a"): 100, of("b"): 10, of("c"): 15})
	assert.False(t, top.has(of("c")), "a little more is not enough")
	top.rank(map[program]float64{of("a"): 100, of("c"): 1000})
	assert.True(t, top.has(of("c")))
	assert.False(t, top.has(of("b")))
	for range 200 {
		top.rank(map[program]float64{of("c"): 10})
	}
	assert.False(t, top.has(of("a")), "who does nothing loses its place")
	assert.Len(t, top.scores, 1)
	assert.Equal(t, 1, top.named)
}

func TestTheProgramsThatAreComparedHaveABound(t *testing.T) {
	top, place := newTopPrograms(2), &identity.Place{}
	for n := range maxScores + 100 {
		top.rank(map[program]float64{{place: place, name: string(rune(n))}: 1})
	}
	assert.LessOrEqual(t, len(top.scores), maxScores)
}
