// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// wellBetween: an affected request that this many unaffected ones follow counts as one of those that
// are always affected, not as the beginning of an incident.
const wellBetween = 10

// noteHit records a request that failed or was slow. A slow one counts from the time at which most
// requests would have ended.
func (r *requests) noteHit(o *outcomes, start, end model.Nanos) {
	slot, usual := r.time.Of(end), start+model.Nanos(o.middle*1e6)
	if o.well >= wellBetween {
		o.hits[slot%baseline.Recent] = 0
	}
	o.well = 0
	r.time.NoteFirst(&o.hits, max(min(usual, end), r.time.Start(slot)))
}

// began returns when the group began. If its evidence is counted by bucket and requests are affected
// from about that time, it is the time of the first affected request.
func (b *incidentBook) began(g *group, span model.TimeRange) model.TimeRange {
	first := model.Nanos(0)
	for _, v := range g.victims {
		if v.first != 0 && (first == 0 || v.first < first) {
			first = v.first
		}
	}
	if first <= span.Start {
		first = firstKnown(g.members, span.Start, b.time.Width())
	}
	if first <= span.Start || first > span.Start+b.time.Dated() {
		return span
	}
	start := first
	for _, s := range g.members {
		if s.opening() && s.strength >= baseline.AlarmStrength/2 && s.onset%b.time.Width() != 0 {
			start = min(start, s.onset) // the exact time is known
		}
	}
	return model.TimeRange{Start: max(span.Start, start), End: max(span.End, start+1)}
}

// firstKnown returns the earliest time of evidence with an exact time, such as a kernel event, within
// the bucket that begins at start; 0 for none.
func firstKnown(members map[signKey]*sign, start, width model.Nanos) (first model.Nanos) {
	for _, s := range members {
		known := s.opening() && s.strength >= baseline.AlarmStrength/2 && s.onset%width != 0
		if known && s.onset > start && s.onset < start+width && (first == 0 || s.onset < first) {
			first = s.onset
		}
	}
	return first
}
