// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "slices"

// What was told as a fault is not what is usual, and must not become it: the next
// fault of its kind would be none. So the slots in which it shows join the past as
// if they had been like those before. What lasts for as long as a baseline does is
// usual all the same.

// told says which of the recent slots of a history show a fault.
type told struct {
	places      uint64 // of the slots, a bit each
	first, last int64  // slots of the fault, as long as it goes on
}

// tell notes the slots from since on, and returns the first of them; none are left
// when the fault has lasted for long.
func (t *told) tell(since, head int64) (first int64) {
	if head-t.last > recentSlots {
		t.first = since
	}
	t.last = head
	if head-t.first > halfLifeSlots {
		return head + 1
	}
	first = max(since, head-recentSlots+1)
	for slot := first; slot <= head; slot++ {
		t.places |= 1 << (slot % recentSlots)
	}
	return first
}

// has reports whether the slot at a place shows a fault, and forgets it.
func (t *told) has(place int64) bool {
	bit := uint64(1) << place
	had := t.places&bit != 0
	t.places &^= bit
	return had
}

// keepOut keeps durations since a slot out of the past.
func (h *history) keepOut(since int64) { h.fault.tell(since, h.head) }

// keepShare lets a part of the whole be in the past, of the slots from since on, what
// it usually is. What there is more or less is noted in the sum, which counts do not
// have.
func (h *history) keepShare(since int64, whole *history, usual float64) {
	for slot := h.fault.tell(since, h.head); slot <= h.head; slot++ {
		part := &h.recent[slot%recentSlots]
		part.sum = float32(usual)*whole.at(slot).n - part.n
	}
}

// past is what of a slot joins the past.
func (h *history) past(place int64) sample {
	s := h.recent[place]
	switch {
	case !h.fault.has(place):
		return s.atMost(h.worth)
	case h.worth > 0: // durations
		return sample{}
	default:
		return sample{n: s.n + s.sum}
	}
}

// keepFaultsOut keeps what a group tells out of what is usual.
func (e *Engine) keepFaultsOut(signs []*sign) {
	for _, s := range signs {
		told := func(g *group) bool { return g.members[s.key] != nil && !g.further }
		if s.keepOut != nil && slices.ContainsFunc(e.groups, told) {
			s.keepOut()
		}
		s.keepOut = nil // a member of a group must not hold what it is of
	}
}
