// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "math"

// shareChange finds when the share of executions (whole) with a feature (part) changed. It maximizes
// the generalized likelihood ratio of two binomial distributions over all recent buckets. up selects
// the direction: a rise or a fall.
func shareChange(whole, part *history, up bool) change {
	var best change
	part.advance(whole.head)
	whole.advance(part.head)
	allWhole, allPart := whole.total(), part.total()
	var after, hits, most, mostHits sample // most, mostHits: the bucket that contributes most to a rise
	for slot := whole.head; slot > whole.head-recentSlots; slot-- {
		of := whole.at(slot)
		after.add(of)
		hits.add(part.at(slot))
		if at := part.at(slot); at.n > mostHits.n {
			most, mostHits = of, at
		}
		if of.n == 0 || after.n < minAfter {
			continue
		}
		before, earlier := allWhole.minus(after), allPart.minus(hits)
		if before.n < minAfter {
			break
		}
		p, q := share(earlier.n, before.n), share(hits.n, after.n)
		if (q > p) != up {
			continue
		}
		ratio := 2 * (logLikelihood(earlier.n, before.n) + logLikelihood(hits.n, after.n) -
			logLikelihood(allPart.n, allWhole.n))
		if up { // a single bucket is not enough, see riseOf
			rest, restHits := after.minus(most), hits.minus(mostHits)
			ratio = min(ratio, 2*riseOfShare(before.n, earlier.n, rest.n, restHits.n))
		}
		if ratio > best.ratio {
			best = change{
				slot: slot, ratio: ratio,
				before: sample{n: before.n, sum: earlier.n}, after: sample{n: after.n, sum: hits.n},
			}
		}
	}
	return best
}

// riseOfShare is twice the log-likelihood ratio for a share that rose, 0 if it did not.
func riseOfShare(n, hits, after, afterHits float32) float64 {
	if after < 0.5 || share(afterHits, after) <= share(hits, n) {
		return 0
	}
	return 2 * (logLikelihood(hits, n) + logLikelihood(afterHits, after) - logLikelihood(hits+afterHits, n+after))
}

func share(part, whole float32) float64 {
	if whole <= 0 {
		return 0
	}
	return min(max(float64(part)/float64(whole), 0), 1)
}

// logLikelihood returns the log-likelihood of k hits in n trials at the rate k/n.
func logLikelihood(k, n float32) float64 {
	p := share(k, n)
	if n <= 0 || p <= 0 || p >= 1 {
		return 0
	}
	return float64(k)*math.Log(p) + float64(n-k)*math.Log(1-p)
}

const (
	// priorSpread and priorWeight are the prior of a duration's variance: durations of one operation
	// commonly vary by a factor of two (a standard deviation of ln 2). The prior weighs as much as 4
	// observations.
	priorSpread = math.Ln2 * math.Ln2
	priorWeight = 4
	// priorBefore stands for observations of a baseline that is just known.
	minBeforeTimes = 1
)

// riseOf finds when the mean of a logarithmic quantity rose, by the generalized likelihood ratio of
// two normal distributions with equal variance. It is used until enough is known for a baseline.Tail.
// A single bucket cannot cause a rise: without the bucket that contributes most, the others must still
// reach half of the ratio.
func riseOf(h *history) change {
	var best change
	all := h.total()
	var after, most sample
	for slot := h.head; slot > h.head-recentSlots; slot-- {
		of := h.at(slot)
		after.add(of)
		if center := all.mean(); float64(of.sum)-center*float64(of.n) > float64(most.sum)-center*float64(most.n) {
			most = of
		}
		if of.n == 0 || after.n < minAfter {
			continue
		}
		before := all.minus(after)
		if before.n < minBeforeTimes-0.5 {
			break
		}
		rise := after.mean() - before.mean()
		if rise <= 0 {
			continue
		}
		ratio, rest := riseRatio(before, after, rise), after.minus(most)
		if left := rest.mean() - before.mean(); rest.n < 0.5 || left <= 0 {
			ratio = 0
		} else {
			ratio = min(ratio, 2*riseRatio(before, rest, left))
		}
		if ratio > best.ratio {
			best = change{slot: slot, ratio: ratio, before: before, after: after}
		}
	}
	return best
}

func riseRatio(before, after sample, rise float64) float64 {
	inner := deviation(before) + deviation(after) + priorSpread*priorWeight
	n1, n2 := float64(before.n), float64(after.n)
	n := n1 + n2 + priorWeight
	between := rise * rise * n1 * n2 / (n1 + n2)
	return n * math.Log1p(between/inner)
}

// deviation is the sum of squared deviations from the mean.
func deviation(s sample) float64 {
	return max(0, float64(s.square)-float64(s.sum)*s.mean())
}
