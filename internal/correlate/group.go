// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

const (
	groupCost     = 64 << 10 // bytes of an open incident with its signs
	groupSignCost = 1024
	maxGroups     = 16
	maxGroupSigns = 48 // the weakest goes
	// tellEvery is how often a group that only lasts is told again.
	tellEvery = 60 * 1_000_000_000
	// fading halves the score of what shows no more in two minutes.
	fading = 0.9715
)

// group is an incident over its life.
type group struct {
	id       string
	revision uint64
	opened   model.Nanos
	last     model.Nanos // when something joined last
	state    model.GroupState
	members  map[signKey]*sign
	blamed   map[signKey]string // the service that a sign counts for
	ranking  []ranked           // the likeliest cause first; never empty once a group is open
	changed  bool
	told     model.Nanos // last, as it was told
	into     string
	from     string      // the group that it was a part of
	since    model.Nanos // what set in before is that group's
	remark   string      // on how it was split
	place    *place      // that all of it has in common, nil for none
	further  bool        // only next to be considered, see Engine.Further

	kind      model.GroupKind
	firstSeen model.Nanos // when it was opened, in the time of the engine
	over      model.Nanos // when it ended, 0 while it goes on
	reopened  bool
	// unobserved is that it was closed because the engine stopped.
	unobserved bool
	endedBy    string // what changed then
	victims    map[outcomeKey]*victim
	// reached are the services that may suffer from the cause, of the service reachedFrom.
	reached     map[string]bool
	reachedFrom string
	// openedAt is the slot in which it was opened, grownAt the newest in which more
	// was affected.
	openedAt, grownAt int64
	peak              float64 // share of requests affected in the worst half minute
	peakSlot          int64
	similar           []model.SimilarIncident
	similarCount      uint32
	doing             *doing // what the code of the cause does, nil as long as no profile shows it
}

// ranked is a candidate for the cause.
type ranked struct {
	service string
	score   float64
	onset   model.Nanos
	reason  *sign
	spared  bool    // others are to blame for some of it
	most    float64 // the highest score yet
	own     bool    // it is at fault by evidence of its own, see suspect.ownFault
	shown   float64 // the weight of its anomalies, explained or not
}

// Flush returns the findings that are due at the event time now, the watermark:
// the caller holds records older than that to be complete. A finding that was
// returned before comes again with a higher revision when it has changed. A
// time before that of an earlier call does nothing.
func (e *Engine) Flush(now model.Nanos) []model.Finding {
	if now <= e.now || now > maxTime {
		return nil
	}
	e.now = now
	e.assembly.due(now-min(now, e.slotWidth()), e.learn)
	slot := e.slotOf(now) - 1
	if slot <= e.judged || e.firstSlot == 0 {
		return nil
	}
	e.judged = slot
	e.assembly.endSlot()
	e.lot.endSlot()
	e.kernel = withoutOlder(e.kernel, now-min(now, model.Nanos(recentSlots)*e.slotWidth()))
	signs := e.detect(slot)
	e.noteCallees()
	found := e.incidents(e.suspects(signs))
	for _, g := range e.groups {
		g.fade()
	}
	e.split(found)
	for _, in := range found {
		e.admit(in)
	}
	e.answer(signs)
	e.nodes.note(e.groups)
	e.keepFaultsOut(signs)
	for _, g := range e.groups {
		if g.into == "" {
			e.live(g, now)
			e.profiled(g)
		}
	}
	e.forgetResolved(now)
	return e.report(now)
}

// withoutOlder leaves out what showed before a time.
func withoutOlder(signs []*sign, than model.Nanos) []*sign {
	return slices.DeleteFunc(signs, func(s *sign) bool { return s.last < than })
}

// admit makes an incident a group, or adds it to the group that it is part of.
func (e *Engine) admit(in *incident) {
	if g := e.home(in); g != nil {
		part := in.from(g.since)
		e.explainStill(g, part)
		g.take(part, e.now)
		return
	}
	if e.lingers(in) {
		return
	}
	if g := e.returning(in); g != nil {
		e.reopen(g, in)
		return
	}
	if !e.waitsForCallee(in) && !e.waitsForCPU(in) {
		e.open(in)
	}
}

// makeRoom ends an observation if there are too many groups to open another.
func (e *Engine) makeRoom() {
	for i, g := range e.groups {
		if len(e.groups) >= e.maxGroups && g.kind != model.GroupIncident && g.revision > 0 {
			e.groups = slices.Delete(e.groups, i, i+1)
			e.refusedIncidents++
			return
		}
	}
}

// open makes a group of the incident, nil if it has no suspect or there are too
// many groups.
func (e *Engine) open(in *incident) *group {
	if len(in.suspects) == 0 {
		return nil
	}
	if e.makeRoom(); len(e.groups) >= e.maxGroups {
		e.refusedIncidents++
		return nil
	}
	e.found++
	root := in.suspects[0]
	g := &group{
		id: idOf("g", uint64(root.onset), root.service+e.config.Salt, e.found), opened: root.onset, state: model.GroupOpen,
		members: map[signKey]*sign{}, blamed: map[signKey]string{}, changed: true,
		kind: model.GroupObservation, firstSeen: e.now, openedAt: e.slotOf(e.now),
	}
	e.groups = append(e.groups, g)
	g.take(in, e.now)
	return g
}

// take adds an incident to the group. Signs of it may acquit all candidates that
// there were; then its own suspects take their place.
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

// join adds a sign or keeps the stronger of two, and reports whether that is news.
func (g *group) join(s *sign, service string) bool {
	old := g.members[s.key]
	if old != nil && (old.strength > s.strength || s.until != 0 && s.until < old.last) {
		// Of two alike the newer has the figures, unless it is over by then.
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

// weakest is the member that makes room for another, nil for none. What was released is
// weak evidence by itself, and what people ask for first.
func (g *group) weakest() (weakest *sign) {
	for _, s := range g.signs() {
		if s.key.what != releaseWhat && (weakest == nil || strongest(s, weakest) > 0) {
			weakest = s
		}
	}
	return weakest
}

// signs lists the members, the earliest first.
func (g *group) signs() []*sign {
	list := make([]*sign, 0, len(g.members))
	for _, s := range g.members {
		list = append(list, s)
	}
	slices.SortFunc(list, compareSigns)
	return list
}

// rank keeps for each service the highest score that it ever had: evidence does
// not become untrue when the fault is over. But it may turn out that another is to
// blame.

// report ends what is over and returns what is new.
func (e *Engine) report(now model.Nanos) []model.Finding {
	var findings []model.Finding
	for _, g := range e.groups {
		if g.into != "" {
			g.state = model.GroupMerged
		}
		if g.changed || now > g.told+tellEvery {
			g.revision++
			g.changed, g.told = false, now
			findings = append(findings, e.describe(g)...)
		}
	}
	e.groups = slices.DeleteFunc(e.groups, func(g *group) bool {
		if g.state.Ended() {
			e.retire(g)
		}
		return g.state.Ended()
	})
	return findings
}

// groupOf returns the open group that concerns a service, "" for none.
func (e *Engine) groupOf(service string) string {
	for _, g := range e.groups {
		if g.concerns(service) {
			return g.id
		}
	}
	return ""
}
