// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

const (
	// HalfLife is the half-life of older buckets in the baseline: one hour, so that the baseline
	// follows the time of day.
	HalfLife = 720
	// DurationsWorth is the most observations that the durations of one bucket count for. Calls at the same
	// moment are delayed together, so a hundred slow calls in one bucket are not a hundred independent
	// observations.
	DurationsWorth = 4
)

// Sample is a count, with the sum and the sum of squares of what was counted.
type Sample struct{ N, Sum, Square float32 }

// Add adds another sample.
func (s *Sample) Add(o Sample) {
	s.N += o.N
	s.Sum += o.Sum
	s.Square += o.Square
}

// Minus is what is left without a part.
func (s Sample) Minus(o Sample) Sample {
	return Sample{N: s.N - o.N, Sum: s.Sum - o.Sum, Square: s.Square - o.Square}
}

// Mean is the mean of what was counted, 0 for nothing.
func (s Sample) Mean() float64 {
	if s.N <= 0 {
		return 0
	}
	return float64(s.Sum) / float64(s.N)
}

// atMost scales a sample down to n observations.
func (s Sample) atMost(n float32) Sample {
	if n == 0 || s.N <= n {
		return s
	}
	part := n / s.N
	return Sample{N: n, Sum: s.Sum * part, Square: s.Square * part}
}

// History is a quantity over time: recent buckets individually, older ones decayed into one sample.
type History struct {
	// worth is the most observations that a bucket counts for, 0 for no bound.
	Worth  float32
	Old    Sample
	recent [Recent]Sample
	Head   int64        // the newest bucket
	fault  faultBuckets // which of the recent buckets were reported as a fault
}

// Observe adds to a bucket. Buckets older than the recent ones are added to the baseline.
func (h *History) Observe(slot int64, s Sample) {
	h.Advance(slot)
	if slot <= h.Head-Recent {
		h.Old.Add(s)
		return
	}
	h.recent[slot%Recent].Add(s)
}

// Advance makes a bucket the newest, if it is newer.
func (h *History) Advance(slot int64) {
	if h.Head == 0 {
		h.Head = slot
		return
	}
	steps := slot - h.Head
	if steps <= 0 {
		return
	}
	for i := range min(steps, Recent) {
		place := (h.Head + 1 + i) % Recent
		h.Old.Add(h.past(place))
		h.recent[place] = Sample{}
	}
	keep := float32(math.Exp2(-float64(steps) / HalfLife))
	h.Old.N *= keep
	h.Old.Sum *= keep
	h.Old.Square *= keep
	h.Head = slot
}

// AddAll adds another history, which must have the same worth.
func (h *History) AddAll(o *History) {
	o.Advance(h.Head)
	h.Advance(o.Head)
	h.Old.Add(o.Old)
	for i := range h.recent {
		h.recent[i].Add(o.recent[i])
	}
}

// Total is the sum of all buckets and the baseline.
func (h *History) Total() Sample {
	total := h.Old
	for i := range h.recent {
		total.Add(h.recent[i].atMost(h.Worth))
	}
	return total
}

// At returns a recent bucket.
func (h *History) At(slot int64) Sample {
	if slot > h.Head || slot <= h.Head-Recent || slot < 0 {
		return Sample{}
	}
	return h.recent[slot%Recent].atMost(h.Worth)
}

// Oldest returns the first recent bucket with an observation.
func (h *History) Oldest() int64 {
	for slot := h.Head - Recent + 1; slot < h.Head; slot++ {
		if h.At(slot).N > 0 {
			return slot
		}
	}
	return h.Head
}

// Newest returns the last recent bucket for which shows is true, 0 for none.
func (h *History) Newest(shows func(slot int64) bool) int64 {
	for slot := h.Head; slot > h.Head-Recent; slot-- {
		if shows(slot) {
			return slot
		}
	}
	return 0
}

// ChangePoint is the most likely moment at which a quantity changed.
type ChangePoint struct {
	Bucket        int64   // first bucket after the change
	Ratio         float64 // twice the log-likelihood ratio
	Before, After Sample
}

// Changes need this many observations, or chance is too likely.
const (
	LeastBefore = 5 // least observations for a baseline
	LeastAfter  = 3 // least observations for a change
)
