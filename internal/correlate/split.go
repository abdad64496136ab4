// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"

	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/model"
)

// split separates from a group a service that was considered an effect of its cause, but has a fault
// of its own, as the cause has. It does not split groups because a connection between them has ended,
// or because onsets were estimated differently.
func (a *admission) split(found []*incident) {
	for _, in := range found {
		root := in.suspects[0]
		if !root.independent() || a.lingers(in) {
			continue
		}
		g := a.book.heldAsEffect(root.service)
		if g == nil || a.follows(root, g.ranking[0]) {
			continue
		}
		if earlier := a.book.returning(in); earlier != nil {
			a.reopen(earlier, in) // it was split off before
			continue
		}
		a.part(g, in)
	}
}

// follows reports whether a service that depends on the cause deviates only since the cause does: a
// caller whose callee refuses connections ends its requests early and leaves out calls, which is no
// fault of its own.
func (a *admission) follows(s *suspect, cause ranked) bool {
	return s.service != cause.service && a.topology.dependsOn(s.service, cause.service) && s.faultSince() <= cause.onset+a.time.Dated()
}

// heldAsEffect returns the group that was reported with the service as an effect of a cause that has a
// fault of its own; nil for none, or if the service is a cause already.
func (b *incidentBook) heldAsEffect(service string) *group {
	var holder *group
	for _, g := range b.groups {
		switch {
		case g.into != "" || g.revision == 0 || g.further:
		case g.cause() == service || g.place.hits(service):
			return nil
		case holder == nil && g.concerns(service) && g.independent():
			holder = g
		}
	}
	return holder
}

func (g *group) cause() string { return g.ranking[0].service }

// independent reports whether the cause has a fault of its own, see suspect.independent.
func (g *group) independent() bool {
	return slices.ContainsFunc(g.ofService(g.cause()), (*sign).ofItself)
}

// part makes a new group of the anomalies that began with the new fault. Older ones stay, as do
// callers and callees of the old cause, which both may affect.
func (a *admission) part(g *group, in *incident) {
	since := in.suspects[0].faultSince()
	since -= min(since, a.time.Dated())
	in = in.from(since)
	made := a.book.open(in)
	if made == nil {
		return
	}
	made.from, made.since, g.changed = g.id, since, true
	g.remark = fmt.Sprintf("what %s shows since %s turned out to be another incident, %s", made.cause(), clock(made.opened), made.id)
	old := g.cause()
	for _, s := range in.suspects {
		related := s.service == old || a.topology.calls(old, s.service) || a.topology.samePlace(old, s.service)
		if s.service == made.cause() || !related {
			g.handOver(made, s.service)
		}
	}
}

// faultSince is when the candidate's own fault began.
func (s *suspect) faultSince() model.Nanos {
	since := model.Nanos(bucket.MaxTime)
	for _, sign := range s.signs {
		if sign.ofItself() {
			since = min(since, sign.onset)
		}
	}
	return since
}

// handOver moves the anomalies of a service since the new fault to its group. Earlier ones remain
// effects. The service may be missing from the ranking, which holds at most maxGroupSigns; the ranking
// never becomes empty.
func (g *group) handOver(to *group, service string) {
	for key, blamed := range g.blamed {
		if s := g.members[key]; blamed == service && s.onset >= to.since {
			to.join(s, blamed)
			delete(g.members, key)
			delete(g.blamed, key)
		}
	}
	at := slices.IndexFunc(g.ranking, func(r ranked) bool { return r.service == service })
	if at < 0 {
		return
	}
	left := g.ofService(service)
	if len(left) == 0 {
		if len(g.ranking) > 1 {
			g.ranking = slices.Delete(g.ranking, at, at+1)
		}
		return
	}
	g.ranking[at] = ranked{service: service, onset: left[0].onset, reason: left[0], score: inherited * left[0].weight(), spared: true}
	g.sortRanking()
}

// from returns the incident without anomalies that began before a time.
func (in *incident) from(since model.Nanos) *incident {
	if since == 0 {
		return in
	}
	part := &incident{place: in.place}
	for _, old := range in.suspects {
		s := &suspect{service: old.service, score: old.score, spared: old.spared}
		for _, sign := range old.signs {
			if sign.onset >= since {
				s.take(sign)
				if s.reason == nil || sign.weight() > s.reason.weight() || sign == old.reason {
					s.reason = sign
				}
			}
		}
		if s.date(); len(s.signs) > 0 {
			part.suspects = append(part.suspects, s)
		}
	}
	return part
}

// apart reports whether two groups are different faults, so that an affected service in common does
// not merge them.
func (g *group) apart(o *group) bool {
	return g.cause() != o.cause() && g.independent() && o.independent()
}

// closeness is how closely an incident with this cause belongs to the group.
func (g *group) closeness(service string) int {
	switch {
	case g.cause() == service:
		return 2
	case g.concerns(service):
		return 1
	}
	return 0
}
