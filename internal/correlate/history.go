// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "math"

const (
	// recentSlots is how many slots are kept apart, so that a change can be
	// dated within them: three minutes of five-second slots.
	recentSlots = 36
	// halfLifeSlots is after how many slots what is older counts half: an hour,
	// so that the baseline follows the time of day.
	halfLifeSlots = 720
	// slotWorth is as how many observations the durations of one slot count at
	// most: what delays one call delays those beside it, so that a hundred calls
	// of one bad moment are no hundred witnesses.
	slotWorth = 4
)

// sample is a count with the moments of what was counted.
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

// atMost weighs a sample as so many observations at most.
func (s sample) atMost(n float32) sample {
	if n == 0 || s.n <= n {
		return s
	}
	part := n / s.n
	return sample{n: n, sum: s.sum * part, square: s.square * part}
}

// history is one quantity over time: recent slots apart, what is older in one.
type history struct {
	// worth is as how many observations a slot counts at most, 0 for all.
	worth  float32
	old    sample
	recent [recentSlots]sample
	head   int64 // the newest slot
	fault  told  // what of the recent slots was told as a fault
}

// observe adds to a slot. What is older than the recent slots joins the old.
func (h *history) observe(slot int64, s sample) {
	h.advance(slot)
	if slot <= h.head-recentSlots {
		h.old.add(s)
		return
	}
	h.recent[slot%recentSlots].add(s)
}

// advance makes the slot the newest, if it is newer.
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

// addAll adds what another one remembers, which must have the same worth.
func (h *history) addAll(o *history) {
	o.advance(h.head)
	h.advance(o.head)
	h.old.add(o.old)
	for i := range h.recent {
		h.recent[i].add(o.recent[i])
	}
}

// total is all that is remembered.
func (h *history) total() sample {
	total := h.old
	for i := range h.recent {
		total.add(h.recent[i].atMost(h.worth))
	}
	return total
}

// at returns a recent slot.
func (h *history) at(slot int64) sample {
	if slot > h.head || slot <= h.head-recentSlots || slot < 0 {
		return sample{}
	}
	return h.recent[slot%recentSlots].atMost(h.worth)
}

// oldest is the first of the recent slots in which something was observed.
func (h *history) oldest() int64 {
	for slot := h.head - recentSlots + 1; slot < h.head; slot++ {
		if h.at(slot).n > 0 {
			return slot
		}
	}
	return h.head
}

// newest is the last of the recent slots that shows something, 0 for none.
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
	slot          int64   // the first slot after it
	ratio         float64 // twice the logarithm of the likelihood ratio
	before, after sample
}

const (
	minBefore = 5 // observations that a baseline needs
	minAfter  = 3 // observations that a change needs
)
