// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// The requests of a service are compared by instance, pod, version, node and zone. The smallest part
// (slice) that explains an anomaly is where to look.

const (
	// sliceShare is the least share of the deviating requests that a slice must contain.
	sliceShare = 0.8
	// sliceApart is how many times more frequent they must be within the slice than outside.
	sliceApart = 4
	// minSlice is the least number of deviating requests within a slice, and of requests outside of it.
	minSlice = 3
)

// slice is a part of the instances of a service.
type slice struct {
	kind model.EntityKind
	key  string // the attribute that holds the value
	name string
	pod  string // the pod, if it is a single instance
	node string // the node on which all of it runs, "" for none
	zone string // the zone in which all of it runs
	// ownNode is set if the other instances are known to run on other nodes; ownZone, in other zones.
	ownNode, ownZone bool
	of               int // number of its instances
	all              int // number of instances of the service
	share            float64
}

// dimension is an attribute by which instances are compared.
type dimension struct {
	kind model.EntityKind
	key  string
	of   func(*instance) string
}

func dimensions() []dimension {
	return []dimension{
		{model.EntityPod, semconv.K8sPodName, func(i *instance) string { return i.pod }},
		{model.EntityProcess, origin.InstanceKey, func(i *instance) string { return i.id }},
		{model.EntityService, versionKey, func(i *instance) string { return i.version }},
		{model.EntityNode, semconv.K8sNodeName, func(i *instance) string { return i.node }},
		{model.EntityUnspecified, semconv.CloudAvailabilityZone, func(i *instance) string { return i.zone }},
	}
}

// failedRuns and slowRuns count the requests that deviate.
func failedRuns(c baseline.Count) float32 { return c.Hits }
func slowRuns(c baseline.Count) float32   { return c.Sum }

// sliceOf returns the smallest slice of a service that contains the requests that deviate since a
// bucket, nil if all instances deviate.
func (t *topology) sliceOf(service string, since int64, wrong func(baseline.Count) float32) *slice {
	instances := t.graph.instancesOf(service, t.time.Start(since))
	if len(instances) < 2 {
		return nil
	}
	counts := make([]baseline.Count, len(instances))
	var all baseline.Count
	for i, inst := range instances {
		c := inst.Since(since)
		counts[i] = baseline.Count{N: c.N, Hits: min(wrong(c), c.N)}
		all.N, all.Hits = all.N+counts[i].N, all.Hits+counts[i].Hits
	}
	var best *slice
	for _, d := range dimensions() {
		values := map[string]bool{"": true}
		for _, inst := range instances {
			value := d.of(inst)
			if values[value] {
				continue
			}
			values[value] = true
			if s := sliceWhere(instances, counts, all, d, value); s.narrower(best) {
				best = s
			}
		}
	}
	return best
}

// versionKey is the attribute that holds a release.
const versionKey = semconv.ServiceVersion

// narrower reports whether a slice is more specific than another: it is smaller, or of the same size
// and a version that only these instances run.
func (s *slice) narrower(than *slice) bool {
	switch {
	case s == nil || than == nil:
		return s != nil
	case s.key == versionKey:
		return s.of <= than.of
	}
	return s.of < than.of
}

// sliceWhere returns the slice with that value, nil if it does not explain the anomaly.
func sliceWhere(instances []*instance, counts []baseline.Count, all baseline.Count, d dimension, value string) *slice {
	s := &slice{kind: d.kind, key: d.key, name: value, all: len(instances)}
	var in baseline.Count
	for i, inst := range instances {
		if d.of(inst) != value {
			continue
		}
		in.N, in.Hits = in.N+counts[i].N, in.Hits+counts[i].Hits
		if s.of++; s.of == 1 {
			s.pod, s.node, s.zone = inst.pod, inst.node, inst.zone
			continue
		}
		s.pod = ""
		s.node, s.zone = common(s.node, inst.node), common(s.zone, inst.zone)
	}
	s.ownNode, s.ownZone = s.node != "", s.zone != ""
	for _, inst := range instances {
		if d.of(inst) != value {
			s.ownNode = s.ownNode && inst.node != "" && inst.node != s.node
			s.ownZone = s.ownZone && inst.zone != "" && inst.zone != s.zone
		}
	}
	out := baseline.Count{N: all.N - in.N, Hits: all.Hits - in.Hits}
	if in.Hits < minSlice || out.N < minSlice || in.Share() < sliceApart*out.Share() || float64(in.Hits) < sliceShare*float64(all.Hits) {
		return nil
	}
	ratio := 2 * (baseline.LogLikelihood(in.Hits, in.N) + baseline.LogLikelihood(out.Hits, out.N) - baseline.LogLikelihood(all.Hits, all.N))
	if ratio < baseline.HintStrength {
		return nil
	}
	s.share = in.Share()
	return s
}

func common(a, b string) string {
	if a == b {
		return a
	}
	return ""
}

// within restricts an anomaly to the slice.
func (s *sign) within(part *slice) {
	s.part = part
	if part == nil {
		return
	}
	s.pod, s.node = part.pod, part.node
}

// where returns the node, or the zone, in which all slices of a candidate's anomalies are; "" for
// none. A node on which other instances run as well does not count.
func (s *suspect) where(zone bool) string {
	found := ""
	for _, g := range s.signs {
		if g.part == nil || g.part.of == g.part.all {
			continue
		}
		name, own := g.part.node, g.part.ownNode
		if zone {
			name, own = g.part.zone, g.part.ownZone
		}
		if !own || found != "" && found != name {
			return ""
		}
		found = name
	}
	return found
}

// only returns the one instance that a service has, nil for none or several.
func (t *topology) onlyInstance(service string) *instance {
	list := t.graph.instancesOf(service, t.placedSince())
	names := map[string]*instance{}
	for _, i := range list {
		names[i.name()] = i
	}
	if len(names) != 1 {
		return nil
	}
	return slices.MaxFunc(list, func(a, b *instance) int { return cmp.Compare(a.last, b.last) })
}

// sliceIn returns the slice of the strongest anomaly that has one.
func sliceIn(own []*sign) *slice {
	for _, s := range own {
		if s.part != nil {
			return s.part
		}
	}
	return nil
}

// sendsSpans reports whether the instances of a service are known by their spans.
func (t *topology) sendsSpans(service string) bool {
	return len(t.graph.instancesOf(service, t.placedSince())) > 0
}

// sliced returns the place in which at least minHit strong candidates deviate while the same services
// are healthy elsewhere, nil for none. That is no chance of placement, because each service runs in
// several places. If it is two of them, neither of which calls the other, services that run there alone
// count too. Those that call what is affected there are effects and do not count against the place.
func (d *divider) sliced(alarmed []*suspect) *place {
	since := d.topology.placedSince()
	for _, zone := range [...]bool{false, true} {
		by, at := map[string][]*suspect{}, &place{zone: zone}
		for _, s := range alarmed {
			if name := s.where(zone); name != "" {
				by[name] = append(by[name], s)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(by)) {
			hit := by[name]
			if unrelatedIn(hit) >= minHit-1 {
				for _, s := range alarmed {
					if s.where(zone) == "" && at.of(d.topology.serviceNamed(s.service), since) == name {
						hit = append(hit, s)
					}
				}
			}
			if len(hit) < minHit || len(hit) <= besides(hit, alarmed) {
				continue
			}
			p := &place{zone: zone, name: name, inside: len(hit), sliced: true}
			for _, s := range hit {
				p.hit = append(p.hit, s.service)
			}
			p.key = p.attribute(d.topology.serviceNamed(p.hit[0]))
			slices.Sort(p.hit)
			d.topology.populate(p, since)
			return p
		}
	}
	return nil
}

// callsOne reports whether a candidate calls one of the others.
func callsOne(s *suspect, others []*suspect) bool {
	return slices.ContainsFunc(others, func(o *suspect) bool { return o != s && slices.Contains(s.callees, o.service) })
}

// unrelatedIn counts the candidates that call none of the others.
func unrelatedIn(list []*suspect) int {
	n := 0
	for _, s := range list {
		if !callsOne(s, list) {
			n++
		}
	}
	return n
}

// besides counts the candidates that a place did not affect and that do not call what it affected.
func besides(hit, all []*suspect) int {
	n := 0
	for _, s := range all {
		if !slices.Contains(hit, s) && !callsOne(s, hit) {
			n++
		}
	}
	return n
}
