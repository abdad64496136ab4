// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// When services that do not call each other go wrong at once, and all of them run in
// one place while those elsewhere are well, the place is what they have in common: a
// node whose disk or network fails, a zone that is cut off. How it is told stands in
// placetext.go.

const (
	// minHit is how many services a place must hit. Two may be one that calls the
	// other in a way that nobody shows.
	minHit = 3
	// placeByChance is how probable it may be that so many that go wrong for another
	// reason all run in one place: the usual one in twenty, for what is tested here
	// is only where an incident is, which is beyond doubt by itself.
	placeByChance = 0.05
)

// place is a node or a zone in which services were hit.
type place struct {
	zone    bool   // else a node
	key     string // the attribute that names it
	name    string
	hit     []string    // by name
	inside  int         // services that run there
	outside int         // services that run elsewhere, none of which was hit
	names   string      // of the name server, if names are not resolved here alone
	short   *starvation // of CPU, nil for not known to be
	sliced  bool        // what was hit runs elsewhere too, and is well there
}

// of is where a service runs by now, "" if that is not known or not one place.
func (p *place) of(s *service, since model.Nanos) string {
	name, elsewhere := s.node, s.otherNode
	if p.zone {
		name, elsewhere = s.zone, s.otherZone
	}
	if elsewhere > since {
		return ""
	}
	return name
}

// attribute is that in which a service says where it runs.
func (p *place) attribute(s *service) string {
	switch {
	case p.zone:
		return semconv.CloudAvailabilityZone
	case s.onNode:
		return semconv.K8sNodeName
	}
	return semconv.HostName
}

// runsAt notes where a service runs. One that has replicas in several places is heard
// of from each in turn; of one without records of its own it is not known when.
func (s *service) runsAt(o *origin) {
	if o.node != "" && s.node != o.node {
		if s.node != "" {
			s.otherNode = cmp.Or(s.last, maxTime)
		}
		s.node, s.onNode = kept(o.node), o.onNode
	}
	if o.zone != "" && s.zone != o.zone {
		if s.zone != "" {
			s.otherZone = cmp.Or(s.last, maxTime)
		}
		s.zone = kept(o.zone)
	}
}

// placeOf is where what is wrong with a suspect is: where all of its slices are, which
// may be one of several places that the service runs in; else where the service runs.
func (e *Engine) placeOf(p *place, s *suspect, since model.Nanos) string {
	if name := s.where(p.zone); name != "" {
		return name
	}
	return p.of(e.serviceNamed(s.service), since)
}

// sliced finds the place that at least minHit of the suspects that are reason enough
// for an incident are wrong in, and well elsewhere, nil for none. It need not be chance
// that a service runs there: it runs in several places, and is wrong in this one.
func (e *Engine) sliced(alarmed []*suspect) *place {
	for _, zone := range [...]bool{false, true} {
		by := map[string][]string{}
		for _, s := range alarmed {
			if name := s.where(zone); name != "" {
				by[name] = append(by[name], s.service)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(by)) {
			if hit := by[name]; len(hit) >= minHit && len(hit) > len(alarmed)/2 {
				p := &place{zone: zone, name: name, hit: hit, inside: len(hit), sliced: true}
				p.key = p.attribute(e.serviceNamed(hit[0]))
				slices.Sort(p.hit)
				e.populate(p, e.placedSince())
				return p
			}
		}
	}
	return nil
}

// commonPlace finds the place that the services hit have in common, the narrower one
// first, nil for none.
func (e *Engine) commonPlace(hit []*suspect) *place {
	if len(hit) < minHit || !allAlike(hit) {
		return nil
	}
	since := e.placedSince()
	for _, zone := range [...]bool{false, true} {
		p := &place{zone: zone}
		p.key, p.name = p.attribute(e.serviceNamed(hit[0].service)), e.placeOf(p, hit[0], since)
		if p.name == "" || slices.ContainsFunc(hit, func(s *suspect) bool { return e.placeOf(p, s, since) != p.name }) {
			continue
		}
		for _, s := range hit {
			p.hit = append(p.hit, s.service)
		}
		slices.Sort(p.hit)
		e.populate(p, since)
		if p.chance() <= placeByChance {
			return p
		}
	}
	return nil
}

// placedSince is since when a service must have been nowhere else: the time whose
// records are compared with what was before.
func (e *Engine) placedSince() model.Nanos {
	window := model.Nanos(recentSlots) * e.slotWidth()
	return e.now - min(e.now, window)
}

// populate counts the services that are alive inside and outside of a place.
func (e *Engine) populate(p *place, since model.Nanos) {
	p.inside, p.outside = 0, 0
	for _, s := range e.graph.services.all() {
		gone := (*s).last != 0 && (*s).last < since
		switch where := p.of(*s, since); {
		case p.hits((*s).name):
			p.inside++
		case where == "" || gone:
		case where == p.name:
			p.inside++
		default:
			p.outside++
		}
	}
}

// chance is the probability that as many services, chosen without regard to where
// they run, all run where the first of them does.
func (p *place) chance() float64 {
	chance, all := 1.0, p.inside+p.outside
	for i := 1; i < len(p.hit); i++ {
		chance *= float64(p.inside-i) / float64(all-i)
	}
	return chance
}

// allAlike reports whether it is not one of them that takes from its neighbours what
// they need: then that one is the cause, not the place.
func allAlike(hit []*suspect) bool {
	faults := 0
	for _, s := range hit {
		if s.independent() {
			faults++
		}
	}
	return faults != 1
}

// alarmed are the suspects that are reason enough for an incident and set in with the
// likeliest of them.
func alarmed(suspects []*suspect) []*suspect {
	var list []*suspect
	for _, s := range suspects {
		if s.alarm && near(s.onset, suspects[0].onset) {
			list = append(list, s)
		}
	}
	return list
}

// unexplained are the suspects that are reason enough for an incident, set in with
// the likeliest of them, and that neither a callee nor a neighbour explains; the
// others that are reason enough are explained.
func unexplained(suspects []*suspect) (hit, explained []*suspect) {
	alarmed := map[string]bool{}
	for _, s := range suspects {
		alarmed[s.service] = s.alarm && near(s.onset, suspects[0].onset)
	}
	for _, s := range suspects {
		switch {
		case !alarmed[s.service]:
		case s.neighbour != "" || slices.ContainsFunc(s.callees, func(callee string) bool { return alarmed[callee] }):
			explained = append(explained, s)
		default:
			hit = append(hit, s)
		}
	}
	return hit, explained
}

// doubtPlaces takes a place back when what shows by now speaks against it: others
// went wrong with it elsewhere, or a callee explains one that it hit.
func (e *Engine) doubtPlaces(hit, explained []*suspect) {
	since := e.placedSince()
	for _, g := range e.groups {
		p := g.place
		if p == nil {
			continue
		}
		if g.hasFaultBeside(p) {
			g.place, g.changed = nil, true
			continue
		}
		elsewhere := func(s *suspect) bool {
			return near(s.onset, g.opened) && e.placeOf(p, s, since) != p.name
		}
		if p.sliced {
			continue // that callees explain some of it is no news
		}
		if slices.ContainsFunc(hit, elsewhere) || slices.ContainsFunc(explained, func(s *suspect) bool { return p.hits(s.service) }) {
			g.place, g.changed = nil, true
		}
	}
}

func (p *place) hits(service string) bool { return p != nil && slices.Contains(p.hit, service) }

// joins reports whether the place makes the suspect a part of the incident.
func (p *place) joins(in *incident, s *suspect) bool {
	return p.hits(s.service) && slices.ContainsFunc(in.suspects, func(member *suspect) bool { return p.hits(member.service) })
}

// hasFaultBeside reports whether the likeliest cause is a service that the place did not
// hit, with a fault of its own that no place gives it: it crashed, or refuses connections.
func (g *group) hasFaultBeside(p *place) bool {
	return len(g.ranking) > 0 && !p.hits(g.cause()) && slices.ContainsFunc(g.ofService(g.cause()), (*sign).ofItself)
}

// inPlace sets the place of an incident that has all that it hit, unless a fault of its own
// is the likelier cause.
func (in *incident) inPlace(p *place) {
	hits := 0
	for _, s := range in.suspects {
		if p.hits(s.service) {
			hits++
		}
	}
	if root := in.suspects[0]; p != nil && hits == len(p.hit) && (p.hits(root.service) || !root.independent()) {
		in.place = p
	}
}

// stand takes over the place of an incident: the one that more was hit in, for what
// was hit first may be well again.
func (g *group) stand(p *place) {
	if p == nil || g.hasFaultBeside(p) || g.place != nil && g.place.name == p.name && len(g.place.hit) >= len(p.hit) && (g.place.short != nil || p.short == nil) {
		return
	}
	g.place, g.changed = p, true
}

// contained reports whether a cgroup is that of a container or a unit, whose processes
// belong together. All that people and builds start on a host is in one of a session.
func contained(cgroup string) bool {
	switch cgroup {
	case "", "/", "/init.scope", "/system.slice", "/user.slice":
		return false
	}
	return !strings.Contains(cgroup, "user.slice") && !strings.Contains(cgroup, "session-")
}
