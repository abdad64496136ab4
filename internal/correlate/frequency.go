// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "math"

// tally counts something by bucket, since the bucket from which on it could have been counted. It also
// keeps the logarithm of each count, because a tenfold count is the same change at every scale.
type tally struct {
	rate  history // n: number; sum, square: of ln(1 + n) of the whole bucket
	first int64
}

// count adds n to a bucket.
func (t *tally) count(slot int64, n float32) {
	t.rate.advance(slot)
	had := t.rate.at(slot).n
	before, after := math.Log1p(float64(had)), math.Log1p(float64(had+n))
	t.rate.observe(slot, sample{n: n, sum: float32(after - before), square: float32(after*after - before*before)})
}

// level returns a bucket as one observation of the logarithm.
func (t *tally) level(slot int64) sample {
	s := t.rate.at(slot)
	return sample{n: 1, sum: s.sum, square: s.square}
}

// tenfold finds when the count rose tenfold, or fell to a tenth, which is more than ordinary growth of
// the load explains. Counts come in bursts, so buckets are the observations, and their variance is
// estimated from themselves.
func (t *tally) tenfold(slot int64, up bool) change {
	t.rate.advance(slot)
	before := sample{n: remembered(slot - recentSlots - t.first + 1), sum: t.rate.old.sum, square: t.rate.old.square}
	for at := max(t.first, slot-recentSlots+1); at <= slot; at++ {
		before.add(t.level(at))
	}
	var best change
	var after sample
	active := 0
	for at := slot; at > slot-recentSlots && at > t.first; at-- {
		of := t.level(at)
		after.add(of)
		before = before.minus(of)
		if of.sum > 0 {
			active++
		}
		if after.n < minAfter || (up && active < minAfter) {
			continue
		}
		if before.n < minKnown {
			break
		}
		rise := after.mean() - before.mean()
		if (rise > 0) != up || math.Abs(rise) < math.Ln10 {
			continue
		}
		if ratio := riseRatio(before, after, rise); ratio > best.ratio {
			best = change{slot: at, ratio: ratio, before: before, after: after}
		}
	}
	return best
}

// novelty finds since when something occurs that never occurred before, and how much that exceeds
// chance: by the likelihood ratio of two Poisson rates.
func (t *tally) novelty(slot int64) change {
	if t.rate.old.n > 0 {
		return change{}
	}
	since := t.rate.oldest()
	active := float32(0)
	for at := since; at <= slot; at++ {
		if t.rate.at(at).n > 0 {
			active++
		}
	}
	span, rest := float64(slot-since+1), float64(since-t.first)
	if active < minAfter || rest < minKnown {
		return change{}
	}
	return change{
		slot: since, ratio: 2 * (poisson(active, span) - poisson(active, span+rest)),
		before: sample{n: float32(rest)}, after: sample{n: float32(span), sum: active},
	}
}

// remembered returns as how many buckets that many older ones count; each half-life halves their
// weight.
func remembered(slots int64) float32 {
	if slots <= 0 {
		return 0
	}
	return float32((1 - math.Exp2(-float64(slots)/halfLifeSlots)) * halfLifeSlots / math.Ln2)
}
