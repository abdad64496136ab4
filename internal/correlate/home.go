// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/model"
)

// admission adds each set of candidates to an open incident, reopens one, or opens a new one.
type admission struct {
	time     *bucket.Time
	config   Config
	book     *incidentBook
	divider  *divider
	ranker   *ranker
	query    *query
	hosts    *hosts
	topology *topology
	requests *requests
}

// home returns the oldest open group that has a cause or an effect in common with the incident, or
// nil. If a second group has, too, it is merged into the first, unless both have faults of their own:
// then the incident belongs to the one that is closer to its cause.
func (a *admission) home(in *incident) *group {
	var best *group
	root := in.suspects[0]
	for _, g := range a.book.groups {
		// What begins long after the group's last anomaly is another incident.
		if g.into != "" || !g.shares(in.from(g.since)) || root.onset > g.last+together || a.divider.unrelatedTo(g, root) {
			continue
		}
		if root.cache != g.cause() && (g.overBefore(root, datedAt(a.topology, root.service)) || a.ownOnset(g, root)) {
			continue
		}
		switch {
		case best == nil:
			best = g
		case !a.divider.apartGroups(g, best), in.place.hits(g.cause()) && in.place.hits(best.cause()):
			best.swallow(g)
		case g.closeness(root.service) > best.closeness(root.service):
			best = g
		}
	}
	return best
}

// ownOnset reports whether the candidate began to deviate so long after the group's cause that it is
// no effect of it, with an anomaly that the group does not have.
func (a *admission) ownOnset(g *group, s *suspect) bool {
	cause := g.ranking[0]
	if s.service == cause.service || g.place.hits(s.service) || !s.alarm || !s.exact() || s.reason == nil {
		return false
	}
	// An anomaly that the group has already, and that has not ended, is not new because it grows.
	// Failures of a release are an exception: they were weak when they joined.
	released := s.reason.itsOwn() && a.topology.changedAt(s.service, s.onset)
	if known := g.members[s.reason.key]; known != nil && !released && (near(known.onset, s.reason.onset) || known.last+together > s.reason.onset) {
		return false
	}
	after := s.onset - min(s.onset, cause.onset)
	switch {
	case after <= a.time.Dated():
		return false
	case a.topology.changedAt(s.service, s.onset):
		return true
	case !a.topology.dependsOn(s.service, cause.service):
		return s.best[classLoad] == nil && !a.topology.samePlace(s.service, cause.service)
	}
	// Effects on callers follow within moments; a later anomaly has another reason.
	return after > together/2 && s.reason.key.class == classError
}

// fade reduces the score of candidates that no longer deviate, because a cause explains what happens
// now. Kernel events are facts and keep their score.
func (g *group) fade() {
	for i := range g.ranking {
		if r := &g.ranking[i]; r.reason.key.class != classKernel {
			r.score *= fading
		}
	}
	g.sortRanking()
}

// swallow merges another group of the same fault into g.
func (g *group) swallow(o *group) {
	o.into, o.changed = g.id, true
	for _, s := range o.signs() {
		g.join(s, o.blamed[s.key])
	}
	for key, v := range o.victims {
		if g.victims == nil {
			g.victims = map[outcomeKey]*victim{}
		}
		if g.victims[key] == nil {
			g.victims[key] = v
		}
	}
	if o.kind == model.GroupIncident {
		g.kind = o.kind
	}
	for i := range o.ranking {
		g.enlist(&o.ranking[i])
	}
	g.sortRanking()
}

// shares reports whether group and incident have a cause in common, or all of the incident is an
// effect that the group has already.
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
