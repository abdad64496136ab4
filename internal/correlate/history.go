// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "math"

const (
	// recentSlots is the number of buckets that are kept individually, so that a change can be dated:
	// three minutes of five-second buckets.
	recentSlots = 36
	// halfLifeSlots is the half-life of older buckets in the baseline: one hour, so that the baseline
	// follows the time of day.
	halfLifeSlots = 720
	// slotWorth is the most observations that the durations of one bucket count for. Calls at the same
	// moment are delayed together, so a hundred slow calls in one bucket are not a hundred independent
	// observations.
	slotWorth = 4
)

// sample is a count, with the sum and the sum of squares of what was counted.
type sample struct{ n, sum, square float32 }

func (s *sample) add(o sample) {
	s.n += o.n
	s.sum += o.sum
	s.square += o.square
}

func (s sample) minus(o sample) sample {
	return sample{n: s.n - o.n, sum: s.sum - o.sum, square: s.square - o.square}
}

func (s sample) mean() float64 {
	if s.n <= 0 {
		return 0
	}
	return float64(s.sum) / float64(s.n)
}

// atMost scales a sample down to n observations.
func (s sample) atMost(n float32) sample {
	if n == 0 || s.n <= n {
		return s
	}
	part := n / s.n
	return sample{n: n, sum: s.sum * part, square: s.square * part}
}

// history is a quantity over time: recent buckets individually, older ones decayed into one sample.
type history struct {
	// worth is the most observations that a bucket counts for, 0 for no bound.
	worth  float32
	old    sample
	recent [recentSlots]sample
	head   int64        // the newest bucket
	fault  faultBuckets // which of the recent buckets were reported as a fault
}

// observe adds to a bucket. Buckets older than the recent ones are added to the baseline.
func (h *history) observe(slot int64, s sample) {
	h.advance(slot)
	if slot <= h.head-recentSlots {
		h.old.add(s)
		return
	}
	h.recent[slot%recentSlots].add(s)
}

// advance makes a bucket the newest, if it is newer.
func (h *history) advance(slot int64) {
	if h.head == 0 {
		h.head = slot
		return
	}
	steps := slot - h.head
	if steps <= 0 {
		return
	}
	for i := range min(steps, recentSlots) {
		place := (h.head + 1 + i) % recentSlots
		h.old.add(h.past(place))
		h.recent[place] = sample{}
	}
	keep := float32(math.Exp2(-float64(steps) / halfLifeSlots))
	h.old.n *= keep
	h.old.sum *= keep
	h.old.square *= keep
	h.head = slot
}

// addAll adds another history, which must have the same worth.
func (h *history) addAll(o *history) {
	o.advance(h.head)
	h.advance(o.head)
	h.old.add(o.old)
	for i := range h.recent {
		h.recent[i].add(o.recent[i])
	}
}

// total is the sum of all buckets and the baseline.
func (h *history) total() sample {
	total := h.old
	for i := range h.recent {
		total.add(h.recent[i].atMost(h.worth))
	}
	return total
}

// at returns a recent bucket.
func (h *history) at(slot int64) sample {
	if slot > h.head || slot <= h.head-recentSlots || slot < 0 {
		return sample{}
	}
	return h.recent[slot%recentSlots].atMost(h.worth)
}

// oldest returns the first recent bucket with an observation.
func (h *history) oldest() int64 {
	for slot := h.head - recentSlots + 1; slot < h.head; slot++ {
		if h.at(slot).n > 0 {
			return slot
		}
	}
	return h.head
}

// newest returns the last recent bucket for which shows is true, 0 for none.
func (h *history) newest(shows func(slot int64) bool) int64 {
	for slot := h.head; slot > h.head-recentSlots; slot-- {
		if shows(slot) {
			return slot
		}
	}
	return 0
}

// change is the most likely moment at which a quantity changed.
type change struct {
	slot          int64   // first bucket after the change
	ratio         float64 // twice the log-likelihood ratio
	before, after sample
}

const (
	minBefore = 5 // least observations for a baseline
	minAfter  = 3 // least observations for a change
)
