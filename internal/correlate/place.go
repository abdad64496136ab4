// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// If services that do not call each other deviate at the same time, and all of them run in one place
// while services elsewhere are healthy, the place is their common cause: a node whose disk or network
// fails, or a zone that is cut off. The sentences about it are in placetext.go.

const (
	// minHit is the least number of affected services. Of two, one may call the other without any record
	// of the call.
	minHit = 3
	// placeByChance is the largest probability that all affected services run in one place by chance: the
	// conventional one in twenty. It suffices because the test decides only where an incident is, not
	// whether there is one.
	placeByChance = 0.05
)

// topology answers questions about the service graph: which service calls which, and where each runs.
type topology struct {
	time  *bucket.Time
	graph *graph
}

// place is a node or a zone in which services are affected.
type place struct {
	zone    bool   // a zone, else a node
	key     string // the attribute that holds its name
	name    string
	hit     []string    // affected services, by name
	inside  int         // number of services that run there
	outside int         // number of services that run elsewhere, none of them affected
	names   string      // the name server, if names are not resolved in this place only
	short   *starvation // CPU pressure of the node, nil if it is not short of CPU
	sliced  bool        // the affected services also run elsewhere, and are healthy there
}

// of returns where a service runs now, "" if that is unknown or more than one place.
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

// attribute is the attribute by which a service reports where it runs.
func (p *place) attribute(s *service) string {
	switch {
	case p.zone:
		return semconv.CloudAvailabilityZone
	case s.onNode:
		return semconv.K8sNodeName
	}
	return semconv.HostName
}

// runsAt records where a service runs. Records of a service with replicas in several places alternate
// between them; for a service without records of its own the time is unknown.
func (s *service) runsAt(o *origin.Origin) {
	if o.Node != "" && s.node != o.Node {
		if s.node != "" {
			s.otherNode = cmp.Or(s.last, bucket.MaxTime)
		}
		s.node, s.onNode = bound.Copy(o.Node), o.OnNode
	}
	if o.Zone != "" && s.zone != o.Zone {
		if s.zone != "" {
			s.otherZone = cmp.Or(s.last, bucket.MaxTime)
		}
		s.zone = bound.Copy(o.Zone)
	}
}

// placeOf returns where the anomalies of a candidate are: the place of its slices if they agree, which
// may be one of several places of the service, else the place of the service.
func (t *topology) placeOf(p *place, s *suspect, since model.Nanos) string {
	if name := s.where(p.zone); name != "" {
		return name
	}
	return p.of(t.serviceNamed(s.service), since)
}

// commonPlace returns the place that the affected services have in common, a node before a zone, nil
// for none.
func (d *divider) commonPlace(hit []*suspect) *place {
	if len(hit) < minHit || !allAlike(hit) {
		return nil
	}
	since := d.topology.placedSince()
	for _, zone := range [...]bool{false, true} {
		p := &place{zone: zone}
		p.key, p.name = p.attribute(d.topology.serviceNamed(hit[0].service)), d.topology.placeOf(p, hit[0], since)
		if p.name == "" || slices.ContainsFunc(hit, func(s *suspect) bool { return d.topology.placeOf(p, s, since) != p.name }) {
			continue
		}
		for _, s := range hit {
			p.hit = append(p.hit, s.service)
		}
		slices.Sort(p.hit)
		d.topology.populate(p, since)
		if p.chance() <= placeByChance {
			return p
		}
	}
	return nil
}

// placedSince is the time since which a service must have run in one place only: the time of the
// records that are compared with the baseline.
func (t *topology) placedSince() model.Nanos {
	window := model.Nanos(baseline.Recent) * t.time.Width()
	return t.time.Now - min(t.time.Now, window)
}

// populate counts the live services inside and outside of a place.
func (t *topology) populate(p *place, since model.Nanos) {
	p.inside, p.outside = 0, 0
	for _, s := range t.graph.services.All() {
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

// chance is the probability that as many services, chosen at random, all run where the first of them
// does.
func (p *place) chance() float64 {
	chance, all := 1.0, p.inside+p.outside
	for i := 1; i < len(p.hit); i++ {
		chance *= float64(p.inside-i) / float64(all-i)
	}
	return chance
}

// allAlike reports whether none of the services takes a resource from its neighbours; otherwise that
// service is the cause, not the place.
func allAlike(hit []*suspect) bool {
	faults := 0
	for _, s := range hit {
		if s.independent() {
			faults++
		}
	}
	return faults != 1
}

// alarmed returns the candidates that are strong enough for an incident and began together with the
// most likely one.
func alarmed(suspects []*suspect) []*suspect {
	var list []*suspect
	for _, s := range suspects {
		if s.alarm && near(s.onset, suspects[0].onset) {
			list = append(list, s)
		}
	}
	return list
}

// unexplained divides the candidates that are strong enough for an incident into those that began
// together with the most likely one and that neither callee nor neighbour explains, and the others.
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

// doubtPlaces withdraws the place of groups if new evidence contradicts it: services elsewhere are
// affected as well, or a callee explains an affected one.
func (d *divider) doubtPlaces(hit, explained []*suspect) {
	since := d.topology.placedSince()
	for _, g := range d.book.groups {
		p := g.place
		if p == nil {
			continue
		}
		if g.hasFaultBeside(p) {
			g.place, g.changed = nil, true
			continue
		}
		elsewhere := func(s *suspect) bool {
			return near(s.onset, g.opened) && d.topology.placeOf(p, s, since) != p.name
		}
		if p.sliced {
			continue // a callee already explained a part of it before
		}
		if slices.ContainsFunc(hit, elsewhere) || slices.ContainsFunc(explained, func(s *suspect) bool { return p.hits(s.service) }) {
			g.place, g.changed = nil, true
		}
	}
}

func (p *place) hits(service string) bool { return p != nil && slices.Contains(p.hit, service) }

// joins reports whether the place makes the candidate a part of the incident.
func (p *place) joins(in *incident, s *suspect) bool {
	return p.hits(s.service) && slices.ContainsFunc(in.suspects, func(member *suspect) bool { return p.hits(member.service) })
}

// hasFaultBeside reports whether the most likely cause is a service outside of the affected ones, with
// a fault that a place does not cause: it crashed, or refuses connections.
func (g *group) hasFaultBeside(p *place) bool {
	return len(g.ranking) > 0 && !p.hits(g.cause()) && slices.ContainsFunc(g.ofService(g.cause()), (*sign).ofItself)
}

// inPlace sets the place of an incident, unless its most likely cause has a fault of its own.
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

// stand takes over the place of an incident if more services are affected than in the known one: the
// first ones may have recovered.
func (g *group) stand(p *place) {
	if p == nil || g.hasFaultBeside(p) || g.place != nil && g.place.name == p.name && len(g.place.hit) >= len(p.hit) && (g.place.short != nil || p.short == nil) {
		return
	}
	g.place, g.changed = p, true
}

// contained reports whether a cgroup is that of a container or unit, whose processes belong together.
// Programs that people and builds start are in the cgroup of a session.
func contained(cgroup string) bool {
	switch cgroup {
	case "", "/", "/init.scope", "/system.slice", "/user.slice":
		return false
	}
	return !strings.Contains(cgroup, "user.slice") && !strings.Contains(cgroup, "session-")
}
