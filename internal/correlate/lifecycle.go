// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// The state of an incident depends on the requests that it affects, in event time: open, growing while
// more is affected, recovering, resolved. Without requests it depends on whether its anomalies are
// still seen.

const (
	// steadyFor is for how long requests must have recovered, and for how long no anomaly may have been
	// seen, until the incident is resolved.
	steadyFor = 30 * model.Nanos(1e9)
	// quietFor is for how long no anomaly may have been seen if there are no requests to judge by.
	quietFor = 60 * model.Nanos(1e9)
	// reopenWithin is for how long a resolved incident is reopened instead of opening a new one.
	reopenWithin = 600 * model.Nanos(1e9)
	// unknownFor is after how many CloseAfter an incident without traffic is closed.
	unknownFor = 6
	// maxResolved is how many resolved incidents are kept to be reopened.
	maxResolved = 8
)

// live updates the state of the group at the end of a bucket.
func (l *lifecycle) live(g *group, now model.Nanos) {
	if end := l.config.Asked.End; end != 0 { // there are no records after the requested range
		now = min(now, end)
	}
	newest := l.time.Complete(now)
	l.follow(g, newest)
	l.rate(g)
	switch {
	case g.kind != model.GroupIncident:
		l.liveQuietly(g, now)
	case len(g.entries()) > 0 && g.reasonOf(&g.ranking[0]).hours == 0: // a drift has become the baseline
		l.liveByRequests(g, now, newest)
	default:
		l.liveBySigns(g, now)
	}
}

// rate decides whether the group is an incident. An incident stays one.
func (l *lifecycle) rate(g *group) {
	kind := model.GroupObservation
	switch {
	case g.kind == model.GroupIncident:
		kind = model.GroupIncident
	case l.settling(g):
		kind = model.GroupChange
	case (g.affects() || l.harms(g) || harmReported(g)) && !g.settled(l.time.Now):
		kind = model.GroupIncident
	case l.planned(g):
		kind = model.GroupChange
	}
	if kind != g.kind {
		g.kind, g.changed = kind, true
	}
}

// enter changes the state.
func (g *group) enter(state model.GroupState) {
	if g.state != state {
		g.state, g.changed = state, true
	}
}

// liveByRequests uses the requests to the cause if there are any, else those of all affected
// operations.
func (l *lifecycle) liveByRequests(g *group, now model.Nanos, newest int64) {
	judged, idle := 0, 0
	well, mending := true, true
	for _, v := range g.judges() {
		switch {
		case v.idle(newest):
			idle++
			continue
		case l.book.affectedByOther(g, v):
			continue
		}
		judged++
		recovered := v.recovered || v.calm(newest)
		well = well && recovered
		mending = mending && (recovered || v.well >= better)
	}
	last := g.lastAffected(l.book)
	switch {
	case judged == 0 && idle > 0:
		l.liveUnknown(g, now, last)
	case well && last+steadyFor <= now:
		l.resolve(g, last)
	case mending && last+steadyFor/2 <= now:
		g.enter(model.GroupRecovering)
	default:
		g.enter(g.going())
	}
}

// judges returns the victims by which recovery is judged.
func (g *group) judges() []*victim {
	list, own := g.entries(), []*victim(nil)
	for _, v := range g.victims {
		if g.atCause(v.key) && !slices.Contains(list, v) {
			own = append(own, v)
		}
	}
	return append(list, own...)
}

// affectedByOther reports whether another incident explains that the requests are still affected,
// while those to this incident's cause have recovered.
func (b *incidentBook) affectedByOther(g *group, v *victim) bool {
	if v.recovered || g.atCause(v.key) {
		return false
	}
	causeIsWell := false
	for _, own := range g.victims {
		if g.atCause(own.key) {
			if !own.recovered {
				return false
			}
			causeIsWell = true
		}
	}
	return causeIsWell && slices.ContainsFunc(b.groups, func(o *group) bool {
		return o != g && o.into == "" && o.kind == model.GroupIncident && o.victims[v.key] != nil
	})
}

// going is the state of an incident that is not recovering.
func (g *group) going() model.GroupState {
	switch {
	case g.reopened:
		return model.GroupReopened
	case g.revision > 0 && g.grownAt > g.openedAt || g.state == model.GroupGrowing:
		return model.GroupGrowing
	case g.revision == 0:
		return model.GroupOpen
	case g.state == model.GroupRecovering || g.state == model.GroupUnknown:
		return model.GroupOpen
	}
	return g.state
}

// liveUnknown waits for requests, for a while.
func (l *lifecycle) liveUnknown(g *group, now, last model.Nanos) {
	if last+unknownFor*model.Nanos(l.config.CloseAfter) < now {
		g.over = last
		g.enter(model.GroupClosed)
		return
	}
	g.enter(model.GroupUnknown)
}

// Open returns the ids of the open groups.
func (e *Engine) Open() []string {
	ids := make([]string, 0, len(e.book.groups))
	for _, g := range e.book.groups {
		ids = append(ids, g.id)
	}
	return ids
}

// Close closes the open groups, because no more records will be observed. They are not resolved: there
// is no evidence that they are over.
func (e *Engine) Close() []model.Finding {
	for _, g := range e.book.groups {
		if g.into == "" {
			g.over, g.unobserved = g.lastShown(), true
			g.enter(model.GroupClosed)
		}
	}
	return e.report(e.time.Now)
}

// liveBySigns uses the anomalies: the incident is over when they are no longer seen while the services
// go on.
func (l *lifecycle) liveBySigns(g *group, now model.Nanos) {
	last := g.lastShown()
	switch {
	case last+quietFor > now:
		g.enter(g.going())
	case reportsEnded(g) || l.heardSince(g, last):
		l.resolve(g, last)
	default:
		l.liveUnknown(g, now, last)
	}
}

// liveQuietly ends a group without affected users when its anomalies are no longer seen.
func (l *lifecycle) liveQuietly(g *group, now model.Nanos) {
	if last := g.lastShown(); last+max(quietFor, model.Nanos(l.config.CloseAfter)/2) < now {
		g.over = last
		g.enter(model.GroupClosed)
		return
	}
	g.enter(g.going())
}

// lastShown is when an anomaly of the group was last seen.
func (g *group) lastShown() model.Nanos {
	last, opening := g.opened, slices.ContainsFunc(g.signs(), func(s *sign) bool { return s.opening() && !s.supports })
	for _, s := range g.members {
		if s.opening() && (!opening || !s.supports) || len(g.members) == 1 {
			last = max(last, s.shown())
		}
	}
	return last
}

// shown is when the anomaly was last seen.
func (s *sign) shown() model.Nanos {
	if s.until != 0 {
		return min(s.until, s.last)
	}
	return s.last
}

// heardSince reports whether a service of the group sent a record after a time.
func (l *lifecycle) heardSince(g *group, t model.Nanos) bool {
	return slices.ContainsFunc(g.ranking, func(r ranked) bool {
		return l.topology.serviceNamed(r.service).last > t+quietFor/2
	})
}

// resolve ends the incident. last is the time of the last affected request.
func (l *lifecycle) resolve(g *group, last model.Nanos) {
	g.over = max(last, g.span().Start)
	g.endedBy = l.endedBy(g)
	g.enter(model.GroupResolved)
}

// endedBy returns what changed when the incident ended, "" if unknown.
func (l *lifecycle) endedBy(g *group) string {
	for _, r := range g.ranking {
		release := &l.topology.serviceNamed(r.service).release
		if release.known && release.since > g.span().Start+l.time.Dated() && near(release.since, g.over) {
			version, _ := release.newest()
			return r.service + " " + version
		}
	}
	return ""
}

// lastAffected is the time of the last request affected by this incident and not by another. If such
// requests exist, the cause must not deviate either: they hide whether it still affects them.
func (g *group) lastAffected(b *incidentBook) model.Nanos {
	last, hidden := int64(0), false
	for _, v := range g.victims {
		if b.affectedByOther(g, v) {
			hidden = true
			continue
		}
		last = max(last, v.wellSince)
	}
	at := model.Nanos(0)
	if last != 0 {
		at = b.time.Start(last + 1)
	}
	if hidden {
		for _, s := range g.ofService(g.cause()) {
			at = max(at, s.shown())
		}
	}
	return at
}
