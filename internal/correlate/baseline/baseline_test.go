// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const alarm = 33

func runsOf(t *Tail, rng *rand.Rand, bucket int64, n int, millis float64) {
	for range n {
		t.Take(bucket, math.Log1p(millis*math.Exp(0.4*rng.NormFloat64())), 1)
	}
}

func knownTail(rng *rand.Rand) *Tail {
	t := &Tail{}
	for bucket := range int64(300) {
		runsOf(t, rng, 1000+bucket, 4, 20)
	}
	return t
}

func TestTailKnowsWhatOneOfAHundredRunsExceeds(t *testing.T) {
	tail := knownTail(rand.New(rand.NewPCG(1, 1)))
	require.True(t, tail.Ready())
	assert.InDelta(t, math.Log1p(20*math.Exp(0.4*2.326)), tail.Limit(), sketchWidth)
	assert.InDelta(t, math.Log1p(20), tail.Center(), 0.1)
	assert.Less(t, tail.Rise().Ratio, 10.0)
}

func TestSlowRunsAreSeenWithinBuckets(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	tail := knownTail(rng)
	runsOf(tail, rng, 1300, 4, 300)
	assert.Less(t, tail.Rise().Ratio, float64(alarm), "one moment is none")
	for bucket := range int64(4) {
		runsOf(tail, rng, 1301+bucket, 4, 300)
	}
	ch := tail.Rise()
	assert.Greater(t, ch.Ratio, float64(alarm))
	assert.InDelta(t, 1300, ch.Bucket, 1)
	assert.InDelta(t, 1, ch.After.Share(), 0.01)
}

func TestAQuarterOfTheRunsIsSeen(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	tail := knownTail(rng)
	for bucket := range int64(24) {
		runsOf(tail, rng, 1300+bucket, 3, 20)
		runsOf(tail, rng, 1300+bucket, 1, 370)
	}
	assert.Greater(t, tail.Rise().Ratio, float64(alarm))
}

func TestPausesThatAlwaysCameAreUsual(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	tail := &Tail{}
	for bucket := range int64(2000) {
		millis := 20.0
		if rng.IntN(30) == 0 { // a collector of garbage stops all
			millis = 700
		}
		runsOf(tail, rng, 1000+bucket, 8, millis)
		if bucket > 300 {
			require.Less(t, tail.Rise().Ratio, float64(alarm), bucket)
		}
	}
	assert.Greater(t, tail.Dispersion(), 2.0)
}

func TestAFaultIsKeptOutOfTheBaseline(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	tail := knownTail(rng)
	before := tail.Limit()
	for bucket := range int64(100) {
		runsOf(tail, rng, 1300+bucket, 4, 500)
		if ch := tail.Rise(); ch.Ratio > alarm {
			tail.Exclude(ch.Bucket)
		}
	}
	runsOf(tail, rng, 1400, 4, 20)
	assert.InDelta(t, before, tail.Limit(), sketchWidth)
	assert.Greater(t, tail.Rise().Ratio, float64(alarm))
}

func TestASingleBucketOfFailuresIsNoRise(t *testing.T) {
	var s Shares
	for bucket := range int64(200) {
		s.Observe(1000+bucket, Count{N: 10})
	}
	s.Observe(1200, Count{N: 10, Hits: 10})
	s.Observe(1201, Count{N: 10})
	assert.Zero(t, s.Rise().Ratio)
	s.Observe(1202, Count{N: 10, Hits: 10})
	s.Observe(1203, Count{N: 10, Hits: 10})
	assert.Greater(t, s.Rise().Ratio, float64(alarm))
	assert.EqualValues(t, 1203, s.Newest())
}

func TestWhatIsOlderThanTheBaselineIsForgotten(t *testing.T) {
	var s Shares
	s.Observe(1000, Count{N: 10, Hits: 5})
	s.Advance(1000 + 20*HalfLife)
	assert.Less(t, s.Known(), 0.01)
	s.Observe(5, Count{N: 1}) // long ago
	assert.Equal(t, Count{}, s.At(5))
}

func TestWhatRecursInEqualPeriodsIsExpected(t *testing.T) {
	var h Habit
	const quarter = 180
	for i := range int64(3) {
		assert.False(t, h.Expects(1000+i*quarter, 1), "it came %d times", i)
		h.Deviates(1000+i*quarter, 1)
	}
	assert.True(t, h.Expects(1000+3*quarter, 1))
	assert.False(t, h.Expects(1000+3*quarter, 3), "it is far more than usual")
	assert.False(t, h.Expects(1000+2*quarter+quarter/2, 1), "it is not due")
}

func TestWhatComesAtOddTimesIsNotExpected(t *testing.T) {
	var h Habit
	for _, at := range []int64{1000, 1100, 1700, 1790} {
		h.Deviates(at, 1)
	}
	assert.False(t, h.Expects(2500, 1))
}

// drifted is a day of hours that rise by a factor each from an hour on.
func drifted(from int, factor float64, load func(hour int) float32) *Drift {
	d := &Drift{}
	x := math.Log(20)
	for hour := range 48 {
		if hour >= from {
			x += math.Log(factor)
		}
		d.Take(int64(1000+hour), x, load(hour))
	}
	return d
}

func TestACreepIsSeen(t *testing.T) {
	steady := func(int) float32 { return 100 }
	hours, from, to, _, ok := drifted(36, 1.2, steady).Rising()
	require.True(t, ok)
	assert.GreaterOrEqual(t, hours, minDrift)
	assert.Greater(t, to-from, driftRise)
	_, _, _, _, ok = drifted(48, 1.2, steady).Rising()
	assert.False(t, ok, "it does not rise")
	_, _, _, _, ok = drifted(44, 1.2, steady).Rising()
	assert.False(t, ok, "it has not risen for long")
	_, _, _, _, ok = drifted(36, 1.2, func(hour int) float32 { return float32(100 * math.Exp2(float64(hour-36)/4)) }).Rising()
	assert.False(t, ok, "there is more to do")
}
