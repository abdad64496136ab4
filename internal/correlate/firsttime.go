// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "github.com/tapio/tapio/internal/model"

// What is counted by slots sets in at the beginning of one. When an incident began is when
// it first showed, which is known for each of the recent slots.

// firstTimes are when something showed first in each of the recent slots.
type firstTimes [recentSlots]model.Nanos

// noteFirst notes that it showed at a time.
func (e *Engine) noteFirst(of *firstTimes, t model.Nanos) {
	slot := e.slotOf(t)
	if at := &of[slot%recentSlots]; e.slotOf(*at) < slot || e.slotOf(*at) == slot && t < *at {
		*at = t
	}
}

// firstIn is when it showed first in a slot; the beginning of the slot where that is not known.
func (e *Engine) firstIn(of *firstTimes, slot int64) model.Nanos {
	if at := of[slot%recentSlots]; e.slotOf(at) == slot {
		return at
	}
	return e.timeOf(slot)
}

// wellBetween is after how many requests that are not affected one that was is held to be of
// those that always are.
const wellBetween = 10

// noteHit notes that a request failed or was slow. It would have ended after as long as most
// requests take.
func (e *Engine) noteHit(o *outcomes, start, end model.Nanos) {
	slot, usual := e.slotOf(end), start+model.Nanos(o.middle*1e6)
	if o.well >= wellBetween {
		o.hits[slot%recentSlots] = 0
	}
	o.well = 0
	e.noteFirst(&o.hits, max(min(usual, end), e.timeOf(slot)))
}

// began is when the group showed first: where its evidence is counted by slots and requests
// are affected from about then on, when the first of them was.
func (e *Engine) began(g *group, span model.TimeRange) model.TimeRange {
	first := model.Nanos(0)
	for _, v := range g.victims {
		if v.first != 0 && (first == 0 || v.first < first) {
			first = v.first
		}
	}
	if first <= span.Start {
		first = firstKnown(g.members, span.Start, e.slotWidth())
	}
	if first <= span.Start || first > span.Start+e.dated() {
		return span
	}
	start := first
	for _, s := range g.members {
		if s.telling() && s.strength >= alarmStrength/2 && s.onset%e.slotWidth() != 0 {
			start = min(start, s.onset) // its time is known
		}
	}
	return model.TimeRange{Start: max(span.Start, start), End: max(span.End, start+1)}
}

// firstKnown is the earliest time of evidence that has one, such as a report of the kernel,
// in the slot that begins at start; 0 without any.
func firstKnown(members map[signKey]*sign, start, width model.Nanos) (first model.Nanos) {
	for _, s := range members {
		known := s.telling() && s.strength >= alarmStrength/2 && s.onset%width != 0
		if known && s.onset > start && s.onset < start+width && (first == 0 || s.onset < first) {
			first = s.onset
		}
	}
	return first
}
