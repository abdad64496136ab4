// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/model"
)

const (
	groupCost     = 64 << 10 // bytes of an open incident with its anomalies
	groupSignCost = 1024
	maxGroups     = 16
	maxGroupSigns = 48 // beyond this the weakest anomaly is dropped
	// reportEvery is how often an unchanged open group is reported again.
	reportEvery = 60 * 1_000_000_000
	// fading is the factor per bucket for the score of a candidate that no longer deviates: it halves in
	// two minutes.
	fading = 0.9715
)

// group is an incident over its life.
type group struct {
	id         string
	revision   uint64
	opened     model.Nanos
	last       model.Nanos // when the newest anomaly joined
	state      model.GroupState
	members    map[signKey]*sign
	blamed     map[signKey]string // the service that each anomaly counts for
	ranking    []ranked           // candidates, the most likely cause first; never empty once the group is open
	changed    bool
	reportedAt model.Nanos // value of last when the group was reported last
	into       string
	from       string      // id of the group that it was split from
	since      model.Nanos // anomalies that began earlier belong to the group `from`
	remark     string      // note about how it was split
	place      *place      // node or zone that all affected services have in common, nil for none
	further    bool        // only candidates that no other group ranks, see Engine.Further

	kind      model.GroupKind
	firstSeen model.Nanos // when it was opened, in the engine's time
	over      model.Nanos // when it ended, 0 while it is open
	reopened  bool
	// unobserved: it was closed because the engine stopped.
	unobserved bool
	endedBy    string // what changed when it ended
	victims    map[outcomeKey]*victim
	// reached holds the services that may be affected by the cause reachedFrom.
	reached     map[string]bool
	reachedFrom string
	// openedAt is the bucket in which it was opened, grownAt the newest one in which more was affected.
	openedAt, grownAt int64
	peak              float64 // largest share of requests affected within half a minute
	peakSlot          int64
	similar           []model.SimilarIncident
	similarCount      uint32
	doing             *doing // function of the cause whose cost grew; nil until a profile shows it
}

// ranked is a candidate for the cause.
type ranked struct {
	service string
	score   float64
	onset   model.Nanos
	reason  *sign
	spared  bool    // another service is to blame for a part of it
	most    float64 // the highest score so far
	own     bool    // it is at fault by evidence of its own, see suspect.ownFault
	shown   float64 // the weight of all its anomalies, explained or not
}

// Flush returns the findings that are due at the event time now, the watermark: the caller guarantees
// that older records are complete. A finding that has changed since it was returned is returned again
// with a higher revision. A call with an earlier time than before does nothing.
func (e *Engine) Flush(now model.Nanos) []model.Finding {
	if now <= e.time.Now || now > bucket.MaxTime {
		return nil
	}
	e.time.Now = now
	e.assembly.due(now-min(now, e.time.Width()), e.learner.learn)
	slot := e.time.Of(now) - 1
	if slot <= e.time.Judged || e.time.First == 0 {
		return nil
	}
	e.time.Judged = slot
	e.assembly.endSlot()
	e.logbook.lot.endSlot()
	e.kernel.pending = withoutOlder(e.kernel.pending, now-min(now, model.Nanos(baseline.Recent)*e.time.Width()))
	signs := e.detect(slot)
	e.requests.noteCallees()
	found := e.divider.incidents(e.ranker.suspects(signs))
	for _, g := range e.book.groups {
		g.fade()
	}
	e.admission.split(found)
	for _, in := range found {
		e.admission.admit(in)
	}
	e.admission.answer(signs)
	e.measures.nodes.note(e.book.groups)
	e.book.keepFaultsOut(signs)
	for _, g := range e.book.groups {
		if g.into == "" {
			e.lifecycle.live(g, now)
			e.describer.profiled(g)
		}
	}
	e.book.forgetResolved(now)
	return e.report(now)
}

// withoutOlder leaves out anomalies that were last seen before a time.
func withoutOlder(signs []*sign, than model.Nanos) []*sign {
	return slices.DeleteFunc(signs, func(s *sign) bool { return s.last < than })
}

// admit opens a group for an incident, or adds it to the group that it is a part of.
func (a *admission) admit(in *incident) {
	if g := a.home(in); g != nil {
		part := in.from(g.since)
		a.explainStill(g, part)
		g.take(part, a.time.Now)
		return
	}
	if a.lingers(in) {
		return
	}
	if g := a.book.returning(in); g != nil {
		a.reopen(g, in)
		return
	}
	if !a.waitsForCallee(in) && !a.waitsForCPU(in) {
		a.book.open(in)
	}
}

// makeRoom ends an observation if too many groups are open to open another one.
func (b *incidentBook) makeRoom() {
	for i, g := range b.groups {
		if len(b.groups) >= b.maxGroups && g.kind != model.GroupIncident && g.revision > 0 {
			b.groups = slices.Delete(b.groups, i, i+1)
			b.refusedIncidents++
			return
		}
	}
}

// open makes a group of the incident. It returns nil if the incident has no candidate or too many
// groups are open.
func (b *incidentBook) open(in *incident) *group {
	if len(in.suspects) == 0 {
		return nil
	}
	if b.makeRoom(); len(b.groups) >= b.maxGroups {
		b.refusedIncidents++
		return nil
	}
	b.found++
	root := in.suspects[0]
	g := &group{
		id: idOf("g", uint64(root.onset), root.service+b.config.Salt, b.found), opened: root.onset, state: model.GroupOpen,
		members: map[signKey]*sign{}, blamed: map[signKey]string{}, changed: true,
		kind: model.GroupObservation, firstSeen: b.time.Now, openedAt: b.time.Of(b.time.Now),
	}
	b.groups = append(b.groups, g)
	g.take(in, b.time.Now)
	return g
}

// take adds an incident to the group. Its anomalies may exonerate all previous candidates; then its
// own candidates replace them.
func (g *group) take(in *incident, now model.Nanos) {
	if len(in.suspects) == 0 {
		return
	}
	g.stand(in.place)
	for _, s := range in.suspects {
		for _, sign := range s.signs {
			g.acquit(sign)
			if g.join(sign, s.service) {
				g.changed = true
			}
		}
	}
	g.rank(in)
	g.refresh()
	g.last = now
}

// join adds an anomaly, or keeps the stronger one of two with the same key, and reports whether the
// group changed.
func (g *group) join(s *sign, service string) bool {
	old := g.members[s.key]
	if old != nil && (old.strength > s.strength || s.until != 0 && s.until < old.last) {
		// Of two with the same key the newer has the current figures, unless it is over.
		old.last, old.until = max(old.last, s.last), s.until
		return false
	}
	if old == nil && len(g.members) >= maxGroupSigns {
		weakest := g.weakest()
		if weakest == nil || s.key.what != releaseWhat && strongest(weakest, s) <= 0 {
			return false
		}
		delete(g.members, weakest.key)
		delete(g.blamed, weakest.key)
	}
	if old != nil {
		s.onset, s.hours = min(s.onset, old.onset), max(s.hours, old.hours)
	}
	g.members[s.key] = s
	g.blamed[s.key] = service
	return old == nil || s.strength > 1.5*old.strength
}

// weakest returns the anomaly to drop when the group is full, nil for none. Releases are kept although
// they are weak evidence, because people look for them first.
func (g *group) weakest() (weakest *sign) {
	for _, s := range g.signs() {
		if s.key.what != releaseWhat && (weakest == nil || strongest(s, weakest) > 0) {
			weakest = s
		}
	}
	return weakest
}

// signs lists the group's anomalies by onset.
func (g *group) signs() []*sign {
	list := make([]*sign, 0, len(g.members))
	for _, s := range g.members {
		list = append(list, s)
	}
	slices.SortFunc(list, compareSigns)
	return list
}

// rank keeps the highest score that each service ever had, because evidence stays true after the fault
// is over. Only if another service turns out to be the cause does a score decrease.

// report ends groups that are over, and returns the findings that changed.
func (e *Engine) report(now model.Nanos) []model.Finding {
	var findings []model.Finding
	for _, g := range e.book.groups {
		if g.into != "" {
			g.state = model.GroupMerged
		}
		if g.changed || now > g.reportedAt+reportEvery {
			g.revision++
			g.changed, g.reportedAt = false, now
			findings = append(findings, e.describer.describe(g)...)
		}
	}
	e.book.groups = slices.DeleteFunc(e.book.groups, func(g *group) bool {
		if g.state.Ended() {
			e.admission.retire(g)
		}
		return g.state.Ended()
	})
	return findings
}

// groupOf returns the id of the open group that concerns a service, "" for none.
func (b *incidentBook) groupOf(service string) string {
	for _, g := range b.groups {
		if g.concerns(service) {
			return g.id
		}
	}
	return ""
}
