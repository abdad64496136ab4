// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

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
	if head-t.last > Recent {
		t.first = since
	}
	t.last = head
	if head-t.first > HalfLife {
		return head + 1
	}
	first = max(since, head-Recent+1)
	for slot := first; slot <= head; slot++ {
		t.places |= 1 << (slot % Recent)
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

// KeepOut keeps the durations since a bucket out of the baseline.
func (h *History) KeepOut(since int64) { h.fault.mark(since, h.Head) }

// KeepShare makes a part join the baseline with its baseline share of the whole, for the buckets from
// since on. The difference is stored in sum, which counts do not use.
func (h *History) KeepShare(since int64, whole *History, usual float64) {
	for slot := h.fault.mark(since, h.Head); slot <= h.Head; slot++ {
		part := &h.recent[slot%Recent]
		part.Sum = float32(usual)*whole.At(slot).N - part.N
	}
}

// past is what of a bucket joins the baseline.
func (h *History) past(place int64) Sample {
	s := h.recent[place]
	switch {
	case !h.fault.has(place):
		return s.atMost(h.Worth)
	case h.Worth > 0: // a history of durations
		return Sample{}
	default:
		return Sample{N: s.N + s.Sum}
	}
}
