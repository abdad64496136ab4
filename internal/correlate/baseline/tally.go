// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

// MinKnown is the least number of known buckets to distinguish a rate from zero: three times the
// shortest change, because a service that always logs an error once a minute has no anomaly.
const MinKnown = 12

// Tally counts something by bucket, since the bucket from which on it could have been counted. It also
// keeps the logarithm of each count, because a tenfold count is the same change at every scale.
type Tally struct {
	Rate  History // n: number; sum, square: of ln(1 + n) of the whole bucket
	First int64
}

// Count adds n to a bucket.
func (t *Tally) Count(slot int64, n float32) {
	t.Rate.Advance(slot)
	had := t.Rate.At(slot).N
	before, after := math.Log1p(float64(had)), math.Log1p(float64(had+n))
	t.Rate.Observe(slot, Sample{N: n, Sum: float32(after - before), Square: float32(after*after - before*before)})
}

// level returns a bucket as one observation of the logarithm.
func (t *Tally) level(slot int64) Sample {
	s := t.Rate.At(slot)
	return Sample{N: 1, Sum: s.Sum, Square: s.Square}
}

// Tenfold finds when the count rose tenfold, or fell to a tenth, which is more than ordinary growth of
// the load explains. Counts come in bursts, so buckets are the observations, and their variance is
// estimated from themselves.
func (t *Tally) Tenfold(slot int64, up bool) ChangePoint {
	t.Rate.Advance(slot)
	before := Sample{N: Remembered(slot - Recent - t.First + 1), Sum: t.Rate.Old.Sum, Square: t.Rate.Old.Square}
	for at := max(t.First, slot-Recent+1); at <= slot; at++ {
		before.Add(t.level(at))
	}
	var best ChangePoint
	var after Sample
	active := 0
	for at := slot; at > slot-Recent && at > t.First; at-- {
		of := t.level(at)
		after.Add(of)
		before = before.Minus(of)
		if of.Sum > 0 {
			active++
		}
		if after.N < LeastAfter || (up && active < LeastAfter) {
			continue
		}
		if before.N < MinKnown {
			break
		}
		rise := after.Mean() - before.Mean()
		if (rise > 0) != up || math.Abs(rise) < math.Ln10 {
			continue
		}
		if ratio := riseRatio(before, after, rise); ratio > best.Ratio {
			best = ChangePoint{Bucket: at, Ratio: ratio, Before: before, After: after}
		}
	}
	return best
}

// Novelty finds since when something occurs that never occurred before, and how much that exceeds
// chance: by the likelihood ratio of two Poisson rates.
func (t *Tally) Novelty(slot int64) ChangePoint {
	if t.Rate.Old.N > 0 {
		return ChangePoint{}
	}
	since := t.Rate.Oldest()
	active := float32(0)
	for at := since; at <= slot; at++ {
		if t.Rate.At(at).N > 0 {
			active++
		}
	}
	span, rest := float64(slot-since+1), float64(since-t.First)
	if active < LeastAfter || rest < MinKnown {
		return ChangePoint{}
	}
	return ChangePoint{
		Bucket: since, Ratio: 2 * (Poisson(active, span) - Poisson(active, span+rest)),
		Before: Sample{N: float32(rest)}, After: Sample{N: float32(span), Sum: active},
	}
}

// Remembered returns as how many buckets that many older ones count; each half-life halves their
// weight.
func Remembered(slots int64) float32 {
	if slots <= 0 {
		return 0
	}
	return float32((1 - math.Exp2(-float64(slots)/HalfLife)) * HalfLife / math.Ln2)
}

// Poisson is the logarithm of the likelihood of n events in a span, at the most likely rate and without
// what does not depend on the rate.
func Poisson(n float32, span float64) float64 {
	if n <= 0 || span <= 0 {
		return 0
	}
	return float64(n) * (math.Log(float64(n)/span) - 1)
}
