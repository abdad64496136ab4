// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "github.com/tapio/tapio/internal/model"

// Counts are kept by bucket, so they only show in which bucket an anomaly began. firstTimes keeps the
// exact time for each recent bucket.

// firstTimes holds, for each recent bucket, when something occurred first.
type firstTimes [recentSlots]model.Nanos

// noteFirst records an occurrence.
func (e *Engine) noteFirst(of *firstTimes, t model.Nanos) {
	slot := e.slotOf(t)
	if at := &of[slot%recentSlots]; e.slotOf(*at) < slot || e.slotOf(*at) == slot && t < *at {
		*at = t
	}
}

// firstIn returns when it occurred first in a bucket, or the start of the bucket if that is not known.
func (e *Engine) firstIn(of *firstTimes, slot int64) model.Nanos {
	if at := of[slot%recentSlots]; e.slotOf(at) == slot {
		return at
	}
	return e.timeOf(slot)
}

// wellBetween: an affected request that this many unaffected ones follow counts as one of those that
// are always affected, not as the beginning of an incident.
const wellBetween = 10

// noteHit records a request that failed or was slow. A slow one counts from the time at which most
// requests would have ended.
func (e *Engine) noteHit(o *outcomes, start, end model.Nanos) {
	slot, usual := e.slotOf(end), start+model.Nanos(o.middle*1e6)
	if o.well >= wellBetween {
		o.hits[slot%recentSlots] = 0
	}
	o.well = 0
	e.noteFirst(&o.hits, max(min(usual, end), e.timeOf(slot)))
}

// began returns when the group began. If its evidence is counted by bucket and requests are affected
// from about that time, it is the time of the first affected request.
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
		if s.opening() && s.strength >= alarmStrength/2 && s.onset%e.slotWidth() != 0 {
			start = min(start, s.onset) // the exact time is known
		}
	}
	return model.TimeRange{Start: max(span.Start, start), End: max(span.End, start+1)}
}

// firstKnown returns the earliest time of evidence with an exact time, such as a kernel event, within
// the bucket that begins at start; 0 for none.
func firstKnown(members map[signKey]*sign, start, width model.Nanos) (first model.Nanos) {
	for _, s := range members {
		known := s.opening() && s.strength >= alarmStrength/2 && s.onset%width != 0
		if known && s.onset > start && s.onset < start+width && (first == 0 || s.onset < first) {
			first = s.onset
		}
	}
	return first
}
