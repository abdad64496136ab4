// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

// ShareChange finds when the share of executions (whole) with a feature (part) changed. It maximizes
// the generalized likelihood ratio of two binomial distributions over all recent buckets. up selects
// the direction: a rise or a fall.
func ShareChange(whole, part *History, up bool) ChangePoint {
	var best ChangePoint
	part.Advance(whole.Head)
	whole.Advance(part.Head)
	allWhole, allPart := whole.Total(), part.Total()
	var after, hits, most, mostHits Sample // most, mostHits: the bucket that contributes most to a rise
	for slot := whole.Head; slot > whole.Head-Recent; slot-- {
		of := whole.At(slot)
		after.Add(of)
		hits.Add(part.At(slot))
		if at := part.At(slot); at.N > mostHits.N {
			most, mostHits = of, at
		}
		if of.N == 0 || after.N < LeastAfter {
			continue
		}
		before, earlier := allWhole.Minus(after), allPart.Minus(hits)
		if before.N < LeastAfter {
			break
		}
		p, q := Share(earlier.N, before.N), Share(hits.N, after.N)
		if (q > p) != up {
			continue
		}
		ratio := 2 * (ShareLikelihood(earlier.N, before.N) + ShareLikelihood(hits.N, after.N) -
			ShareLikelihood(allPart.N, allWhole.N))
		if up { // a single bucket is not enough, see RiseOf
			rest, restHits := after.Minus(most), hits.Minus(mostHits)
			ratio = min(ratio, 2*riseOfShare(before.N, earlier.N, rest.N, restHits.N))
		}
		if ratio > best.Ratio {
			best = ChangePoint{
				Bucket: slot, Ratio: ratio,
				Before: Sample{N: before.N, Sum: earlier.N}, After: Sample{N: after.N, Sum: hits.N},
			}
		}
	}
	return best
}

// riseOfShare is twice the log-likelihood ratio for a share that rose, 0 if it did not.
func riseOfShare(n, hits, after, afterHits float32) float64 {
	if after < 0.5 || Share(afterHits, after) <= Share(hits, n) {
		return 0
	}
	return 2 * (ShareLikelihood(hits, n) + ShareLikelihood(afterHits, after) - ShareLikelihood(hits+afterHits, n+after))
}

// Share is a part of a whole, 0 to 1.
func Share(part, whole float32) float64 {
	if whole <= 0 {
		return 0
	}
	return min(max(float64(part)/float64(whole), 0), 1)
}

// ShareLikelihood returns the log-likelihood of k hits in n trials at the rate k/n.
func ShareLikelihood(k, n float32) float64 {
	p := Share(k, n)
	if n <= 0 || p <= 0 || p >= 1 {
		return 0
	}
	return float64(k)*math.Log(p) + float64(n-k)*math.Log(1-p)
}

const (
	// PriorSpread and priorWeight are the prior of a duration's variance: durations of one operation
	// commonly vary by a factor of two (a standard deviation of ln 2). The prior weighs as much as 4
	// observations.
	PriorSpread = math.Ln2 * math.Ln2
	priorWeight = 4
	// priorBefore stands for observations of a baseline that is just known.
	minBeforeTimes = 1
)

// RiseOf finds when the mean of a logarithmic quantity rose, by the generalized likelihood ratio of
// two normal distributions with equal variance. It is used until enough is known for a baseline.Tail.
// A single bucket cannot cause a rise: without the bucket that contributes most, the others must still
// reach half of the ratio.
func RiseOf(h *History) ChangePoint {
	var best ChangePoint
	all := h.Total()
	var after, most Sample
	for slot := h.Head; slot > h.Head-Recent; slot-- {
		of := h.At(slot)
		after.Add(of)
		if center := all.Mean(); float64(of.Sum)-center*float64(of.N) > float64(most.Sum)-center*float64(most.N) {
			most = of
		}
		if of.N == 0 || after.N < LeastAfter {
			continue
		}
		before := all.Minus(after)
		if before.N < minBeforeTimes-0.5 {
			break
		}
		rise := after.Mean() - before.Mean()
		if rise <= 0 {
			continue
		}
		ratio, rest := riseRatio(before, after, rise), after.Minus(most)
		if left := rest.Mean() - before.Mean(); rest.N < 0.5 || left <= 0 {
			ratio = 0
		} else {
			ratio = min(ratio, 2*riseRatio(before, rest, left))
		}
		if ratio > best.Ratio {
			best = ChangePoint{Bucket: slot, Ratio: ratio, Before: before, After: after}
		}
	}
	return best
}

func riseRatio(before, after Sample, rise float64) float64 {
	inner := deviation(before) + deviation(after) + PriorSpread*priorWeight
	n1, n2 := float64(before.N), float64(after.N)
	n := n1 + n2 + priorWeight
	between := rise * rise * n1 * n2 / (n1 + n2)
	return n * math.Log1p(between/inner)
}

// deviation is the sum of squared deviations from the mean.
func deviation(s Sample) float64 {
	return max(0, float64(s.Square)-float64(s.Sum)*s.Mean())
}
