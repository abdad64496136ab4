// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "slices"

// Values that were reported as a fault must not join the baseline, or the next fault of the same kind
// would be within it. So their buckets join the baseline as if they had been like those before. A
// deviation that lasts as long as the half-life of a baseline joins nevertheless.

// faultBuckets marks which recent buckets of a history belong to a reported fault.
type faultBuckets struct {
	places      uint64 // the buckets, one bit each
	first, last int64  // first and last bucket of the fault
}

// mark marks the buckets from since on, and returns the first marked one. Once the fault has lasted
// too long, none are marked.
func (t *faultBuckets) mark(since, head int64) (first int64) {
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

// has reports whether a bucket is marked, and removes the mark.
func (t *faultBuckets) has(place int64) bool {
	bit := uint64(1) << place
	had := t.places&bit != 0
	t.places &^= bit
	return had
}

// keepOut keeps the durations since a bucket out of the baseline.
func (h *history) keepOut(since int64) { h.fault.mark(since, h.head) }

// keepShare makes a part join the baseline with its baseline share of the whole, for the buckets from
// since on. The difference is stored in sum, which counts do not use.
func (h *history) keepShare(since int64, whole *history, usual float64) {
	for slot := h.fault.mark(since, h.head); slot <= h.head; slot++ {
		part := &h.recent[slot%recentSlots]
		part.sum = float32(usual)*whole.at(slot).n - part.n
	}
}

// past is what of a bucket joins the baseline.
func (h *history) past(place int64) sample {
	s := h.recent[place]
	switch {
	case !h.fault.has(place):
		return s.atMost(h.worth)
	case h.worth > 0: // a history of durations
		return sample{}
	default:
		return sample{n: s.n + s.sum}
	}
}

// keepFaultsOut keeps the values that an open group reports out of the baselines.
func (e *Engine) keepFaultsOut(signs []*sign) {
	for _, s := range signs {
		reported := func(g *group) bool { return g.members[s.key] != nil && !g.further }
		if s.keepOut != nil && slices.ContainsFunc(e.groups, reported) {
			s.keepOut()
		}
		s.keepOut = nil // a member of a group must not keep the operation or edge in memory
	}
}
