// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

const (
	groupCost     = 64 << 10 // bytes of an open incident with its signs
	groupSignCost = 1024
	maxGroups     = 8
	maxGroupSigns = 48 // the weakest goes
	// tellEvery is how often a group that only lasts is told again.
	tellEvery = 60 * 1_000_000_000
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
}

// ranked is a candidate for the cause.
type ranked struct {
	service string
	score   float64
	onset   model.Nanos
	reason  *sign
	spared  bool // others are to blame for some of it
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
	e.forgetKernel(now)
	signs := e.detect(slot)
	found := e.incidents(e.suspects(signs))
	e.split(found)
	for _, in := range found {
		e.admit(in)
	}
	e.answer(signs)
	e.keepFaultsOut(signs)
	return e.report(now)
}

func (e *Engine) forgetKernel(now model.Nanos) {
	window := model.Nanos(recentSlots) * e.slotWidth()
	e.kernel = slices.DeleteFunc(e.kernel, func(s *sign) bool { return s.last+window < now })
}

// admit makes an incident a group, or adds it to the group that it is part of.
func (e *Engine) admit(in *incident) {
	if g := e.home(in); g != nil {
		g.take(in.from(g.since), e.now)
		return
	}
	e.open(in)
}

// open makes a group of the incident, nil if it has no suspect or there are too
// many groups.
func (e *Engine) open(in *incident) *group {
	if len(in.suspects) == 0 {
		return nil
	}
	if len(e.groups) >= e.maxGroups {
		e.refusedIncidents++
		return nil
	}
	e.found++
	root := in.suspects[0]
	g := &group{
		id: idOf("g", uint64(root.onset), root.service, e.found), opened: root.onset, state: model.GroupOpen,
		members: map[signKey]*sign{}, blamed: map[signKey]string{}, changed: true,
	}
	e.groups = append(e.groups, g)
	g.take(in, e.now)
	return g
}

// home is the oldest open group that shares something with the incident. A second
// one is merged into it, unless both are faults of their own: then the incident
// belongs to the one that is closer to its cause.
func (e *Engine) home(in *incident) *group {
	var best *group
	root := in.suspects[0]
	for _, g := range e.groups {
		// What sets in long after the group's last sign is another incident.
		if g.into != "" || !g.shares(in.from(g.since)) || root.onset > g.last+together || g.overBefore(root, e.dated()) {
			continue
		}
		switch {
		case best == nil:
			best = g
		case !g.apart(best), in.place.hits(g.cause()) && in.place.hits(best.cause()):
			best.swallow(g)
		case g.closeness(root.service) > best.closeness(root.service):
			best = g
		}
	}
	return best
}

// swallow takes over all of a group that turns out to be of the same fault.
func (g *group) swallow(o *group) {
	o.into, o.changed = g.id, true
	for _, s := range o.signs() {
		g.join(s, o.blamed[s.key])
	}
	for i := range o.ranking {
		g.enlist(&o.ranking[i])
	}
	g.sortRanking()
}

// shares reports whether group and incident have a cause in common, or the
// incident is no more than an effect that the group has seen already.
func (g *group) shares(in *incident) bool {
	for _, s := range in.suspects {
		for _, sign := range s.signs {
			if _, known := g.members[sign.key]; known && sign.key.class != classLoad || g.wronged(sign) != nil {
				return true
			}
		}
	}
	return len(in.suspects) > 0 && g.concerns(in.suspects[0].service)
}

func (g *group) concerns(service string) bool {
	return slices.ContainsFunc(g.ranking, func(r ranked) bool { return r.service == service })
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
		weakest := slices.MaxFunc(g.signs(), strongest)
		if strongest(weakest, s) <= 0 {
			return false
		}
		delete(g.members, weakest.key)
		delete(g.blamed, weakest.key)
	}
	if old != nil {
		s.onset = min(s.onset, old.onset)
	}
	g.members[s.key] = s
	g.blamed[s.key] = service
	return old == nil || s.strength > 1.5*old.strength
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
func (g *group) rank(in *incident) {
	for _, s := range in.suspects {
		g.enlist(&ranked{service: s.service, score: s.score, onset: s.onset, reason: s.reason, spared: s.spared})
	}
	g.sortRanking()
}

func (g *group) enlist(r *ranked) {
	at := slices.IndexFunc(g.ranking, func(old ranked) bool { return old.service == r.service })
	switch {
	case at < 0:
		g.ranking = append(g.ranking, *r)
		g.changed = true
	case r.spared && !g.ranking[at].spared:
		// What is to blame shows only now.
		g.ranking[at] = *r
		g.changed = true
	case r.score > g.ranking[at].score:
		g.changed = g.changed || r.score > 1.2*g.ranking[at].score
		g.ranking[at] = *r
	}
}

// refresh lets the candidates be told by the newest figures: those of the first
// moment are of few observations, and some of them from before.
func (g *group) refresh() {
	for i := range g.ranking {
		if newest := g.members[g.ranking[i].reason.key]; newest != nil {
			g.ranking[i].reason = newest
		}
	}
}

func (g *group) sortRanking() {
	slices.SortStableFunc(g.ranking, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.onset, b.onset), cmp.Compare(a.service, b.service))
	})
	g.ranking = g.ranking[:min(len(g.ranking), maxGroupSigns)]
}

// report ends what is over and returns what is new.
func (e *Engine) report(now model.Nanos) []model.Finding {
	var findings []model.Finding
	for _, g := range e.groups {
		switch {
		case g.into != "":
			g.state = model.GroupMerged
		case g.last+model.Nanos(e.config.CloseAfter) < now:
			g.state, g.changed = model.GroupClosed, true
		case g.revision > 0:
			g.state = model.GroupGrowing
		}
		if g.changed || g.last > g.told+tellEvery {
			g.revision++
			g.changed, g.told = false, g.last
			findings = append(findings, e.describe(g)...)
		}
	}
	e.groups = slices.DeleteFunc(e.groups, func(g *group) bool {
		return g.state == model.GroupMerged || g.state == model.GroupClosed
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
