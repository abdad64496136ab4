// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// incident is a set of candidates that one cause explains, at the end of one bucket.
type incident struct {
	suspects []*suspect // candidates, the most likely cause first
	place    *place     // node or zone that is affected as a whole, nil for none
}

// incidents divides the candidates, by descending score: each joins the first incident that it is
// connected to. Two faults that only affect the same service stay separate, because each cause has
// anomalies that the other does not explain.
func (d *divider) incidents(suspects []*suspect) []*incident {
	var list []*incident
	hit, explained := unexplained(suspects)
	d.doubtPlaces(hit, explained)
	common := d.starvedPlace(alarmed(suspects))
	if common == nil {
		common = d.lookupPlace(suspects)
	}
	if common == nil {
		common = d.sliced(alarmed(suspects))
	}
	if common == nil {
		common = d.commonPlace(hit)
	}
	calls := d.graph.neighbors()
	for _, s := range suspects {
		if in := d.incidentWith(list, calls, common, s); in != nil {
			in.suspects = append(in.suspects, s)
			continue
		}
		list = append(list, &incident{suspects: []*suspect{s}})
	}
	for _, in := range list {
		in.inPlace(common)
	}
	return slices.DeleteFunc(list, func(in *incident) bool {
		return !in.suspects[0].alarm
	})
}

// incidentWith returns the incident that a candidate belongs to, nil for none. If it is connected to
// several, the first one whose cause it depends on.
func (d *divider) incidentWith(list []*incident, calls neighbors, common *place, s *suspect) *incident {
	var first *incident
	for _, in := range list {
		switch root := in.suspects[0]; {
		case common.joins(in, s):
			return in
		case !d.connected(calls, in, s):
		case d.topology.dependsOn(s.service, root.service):
			return in
		case first == nil:
			first = in
		}
	}
	return first
}

// connected reports whether the candidate may be an effect of the incident, or further evidence of it.
func (d *divider) connected(by neighbors, in *incident, s *suspect) bool {
	root := in.suspects[0]
	if !near(root.onset, s.onset) {
		return false
	}
	if root.independent() && s.independent() || d.apart(root, s) || d.unrelated(root, s) || d.separate(root, s) || root.overBefore(s, d.time.Dated()) || s.overBefore(root, d.time.Dated()) {
		return false
	}
	return slices.ContainsFunc(in.suspects, func(member *suspect) bool {
		return by.adjacent(member.service, s.service) || d.topology.samePlace(member.service, s.service) || d.graph.oneFault(by, member, s, d.time.Now, d.time.Dated())
	})
}

// overBefore reports whether the anomalies had ended by then. If so, they cause nothing that began
// later.
func overBefore(signs []*sign, then model.Nanos) bool {
	counted := 0
	for _, s := range signs {
		if s.opening() {
			counted++
			if s.until == 0 || s.until >= then {
				return false
			}
		}
	}
	return counted > 0
}

func (s *suspect) overBefore(later *suspect, dated model.Nanos) bool {
	return overBefore(s.signs, later.onset-min(later.onset, dated))
}

// overBefore reports whether the group's cause had ended before the candidate began to deviate.
func (g *group) overBefore(s *suspect, dated model.Nanos) bool {
	return s.service != g.cause() && overBefore(g.ofService(g.cause()), s.onset-min(s.onset, dated))
}

// countedEvery is the interval of metrics that is assumed for services that send no spans.
const countedEvery = 60 * model.Nanos(1e9)

// datedAt is the precision of onsets of a service. Those of metrics are known to an interval of them, also
// those of what only such services call.
func datedAt(t *topology, service string) model.Nanos {
	counted := func(name string) bool {
		s := t.serviceNamed(name)
		return s.counted != 0 && s.unseen(t.time.Now)
	}
	if counted(service) {
		return countedEvery + t.time.Dated()
	}
	if known := t.graph.services.Peek(service); known != nil && (*known).last != 0 {
		return t.time.Dated()
	}
	for key := range t.graph.calls.All() {
		if key.callee == service && counted(key.caller) {
			return countedEvery + t.time.Dated()
		}
	}
	return t.time.Dated()
}

// independent reports whether the candidate has a fault of its own that no other service can cause.
func (s *suspect) independent() bool { return slices.ContainsFunc(s.signs, (*sign).ofItself) }

// ofItself reports whether the anomaly is such a fault.
func (s *sign) ofItself() bool {
	return !s.effect() && (s.key.class == classKernel || s.key.class == classResource) && s.strength >= baseline.AlarmStrength
}

// apart reports whether two candidates are separate faults: neither calls the other, each exceeds the
// alarm threshold by anomalies of its own calls that no callee explains, and their onsets differ by
// more than the precision of spans.
func (d *divider) apart(a, b *suspect) bool {
	return a.alone() && b.alone() && max(a.onset, b.onset)-min(a.onset, b.onset) > d.time.Dated() && !d.topology.calls(a.service, b.service)
}

// alone reports whether the candidate is certainly slow by itself.
func (s *suspect) alone() bool {
	return s.alarm && !s.excused && s.strengthOf(classEdge, classSelf) >= baseline.AlarmStrength
}

// separate reports whether the later of two candidates is no effect of the other: it does not call it
// and is not called more often by it, or it was changed at that time.
func (d *divider) separate(a, b *suspect) bool {
	first, later := a, b
	if b.onset < a.onset {
		first, later = b, a
	}
	switch {
	case !first.alarm || !later.alarm || !first.exact() || !later.exact() || later.onset-first.onset <= d.time.Dated():
		return false
	case d.topology.changedAt(later.service, later.onset):
		return true
	case later.best[classLoad] != nil || d.topology.samePlace(first.service, later.service) || later.neighbour == first.service:
		return false
	}
	return !d.topology.dependsOn(later.service, first.service)
}

// exact reports whether the onset is known to a few seconds. That of spans and kernel events is, that
// of metrics is not.
func (s *suspect) exact() bool {
	if s.reason == nil {
		return false
	}
	switch s.reason.key.class {
	case classKernel, classPath, classError, classEdge, classSelf:
		return s.reason.unit != "per slot" || s.reason.kernel != nil
	default:
		return false
	}
}

// changedAt reports whether a release of the service began shortly before.
func (t *topology) changedAt(service string, onset model.Nanos) bool {
	r := &t.serviceNamed(service).release
	return r.known && r.since <= onset+t.time.Dated() && r.since+together >= onset
}

// dependsOn reports whether a service calls another, directly or indirectly.
func (t *topology) dependsOn(caller, callee string) bool {
	callees := map[string][]string{}
	for key := range t.graph.calls.All() {
		callees[key.caller] = append(callees[key.caller], key.callee)
	}
	seen, queue := map[string]bool{caller: true}, []string{caller}
	for len(queue) > 0 {
		next := callees[queue[0]]
		queue = queue[1:]
		for _, s := range next {
			if s == callee {
				return true
			}
			if !seen[s] {
				seen[s] = true
				queue = append(queue, s)
			}
		}
	}
	return false
}

func near(a, b model.Nanos) bool { return max(a, b)-min(a, b) <= together }

// neighbors lists, for each service, its callees and callers.
type neighbors map[string]map[string]bool

func (g *graph) neighbors() neighbors {
	n := neighbors{}
	link := func(a, b string) {
		if n[a] == nil {
			n[a] = map[string]bool{}
		}
		n[a][b] = true
	}
	for key := range g.calls.All() {
		link(key.caller, key.callee)
		link(key.callee, key.caller)
	}
	return n
}

// oneFault reports whether two services began to fail at the same time, while only metrics of their
// requests are known and no calls: one may well call the other.
func (g *graph) oneFault(by neighbors, a, b *suspect, now, dated model.Nanos) bool {
	onlyCounted := func(s *suspect) bool {
		known := g.services.Peek(s.service)
		return known != nil && (*known).counted != 0 && (*known).unseen(now) && len(by[s.service]) == 0
	}
	return a.alarm && b.alarm && a.reason != nil && b.reason != nil && a.reason.alike(b.reason) && onlyCounted(a) && onlyCounted(b) &&
		max(a.onset, b.onset)-min(a.onset, b.onset) <= dated
}

// adjacent reports whether one calls the other, directly or through one service in between.
func (n neighbors) adjacent(a, b string) bool {
	if n[a][b] {
		return true
	}
	few, many := n[a], n[b]
	if len(few) > len(many) {
		few, many = many, few
	}
	for service := range few {
		if many[service] {
			return true
		}
	}
	return false
}

func (t *topology) calls(a, b string) bool {
	return t.graph.calls.Peek(callKey{caller: a, callee: b}) != nil || t.graph.calls.Peek(callKey{caller: b, callee: a}) != nil
}

// samePlace reports whether two services share a pod or a cgroup. A common node is no evidence by
// itself, because many services share it.
func (t *topology) samePlace(a, b string) bool {
	x, y := t.graph.services.Peek(a), t.graph.services.Peek(b)
	if x == nil || y == nil {
		return false
	}
	return ((*x).pod != "" && (*x).pod == (*y).pod) || (t.graph.cgroups.contained(*x) && (*x).cgroup == (*y).cgroup)
}

// serviceNamed returns a service, also one that sent no telemetry itself.
func (t *topology) serviceNamed(name string) *service {
	if s := t.graph.services.Peek(name); s != nil {
		return *s
	}
	return &service{name: name}
}
