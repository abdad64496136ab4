// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// The requests of a service are sliced by instance, pod, version, node and zone. The
// smallest slice that explains what is wrong is where to look.

const (
	// sliceShare is how much of what is wrong a slice must explain.
	sliceShare = 0.8
	// sliceApart is how many times more often it must be wrong within than outside.
	sliceApart = 4
	// minSlice is how many requests a slice must have to be compared, or not wrong.
	minSlice = 3
)

// slice is a part of the instances of a service.
type slice struct {
	kind model.EntityKind
	key  string // the attribute that names it
	name string
	pod  string // of the only instance of it, "" for none or several
	node string // on which all of it run, "" for none
	zone string // in which all of it run
	// ownNode is set if the other instances are known to run on other nodes; ownZone in
	// other zones.
	ownNode, ownZone bool
	of               int // instances in it
	all              int // instances of the service
	share            float64
}

// dimension is one way to slice.
type dimension struct {
	kind model.EntityKind
	key  string
	of   func(*instance) string
}

func dimensions() []dimension {
	return []dimension{
		{model.EntityPod, semconv.K8sPodName, func(i *instance) string { return i.pod }},
		{model.EntityProcess, instanceKey, func(i *instance) string { return i.id }},
		{model.EntityService, versionKey, func(i *instance) string { return i.version }},
		{model.EntityNode, semconv.K8sNodeName, func(i *instance) string { return i.node }},
		{model.EntityUnspecified, semconv.CloudAvailabilityZone, func(i *instance) string { return i.zone }},
	}
}

// failedRuns and slowRuns are what a slice may be wrong in.
func failedRuns(c baseline.Count) float32 { return c.Hits }
func slowRuns(c baseline.Count) float32   { return c.Sum }

// sliceOf finds the smallest slice of a service that explains what is wrong since a
// bucket, nil if it is wrong everywhere.
func (e *Engine) sliceOf(service string, since int64, wrong func(baseline.Count) float32) *slice {
	instances := e.graph.instancesOf(service, e.timeOf(since))
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

// versionKey is the attribute that names a release.
const versionKey = semconv.ServiceVersion

// narrower reports whether a slice explains more than another: it is smaller, or it is of
// the same size and names a version that only these instances run.
func (s *slice) narrower(than *slice) bool {
	switch {
	case s == nil || than == nil:
		return s != nil
	case s.key == versionKey:
		return s.of <= than.of
	}
	return s.of < than.of
}

// sliceWhere is the slice with that value, nil if it does not explain what is wrong.
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
	if ratio < hintStrength {
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

// within puts a sign where the slice is.
func (s *sign) within(part *slice) {
	s.part = part
	if part == nil {
		return
	}
	s.pod, s.node = part.pod, part.node
}

// where is the node, or the zone, that all signs of a suspect which have a slice
// agree on; "" for none. A slice on a node that other instances run on as well is none of
// the node's.
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
func (e *Engine) onlyInstance(service string) *instance {
	list := e.graph.instancesOf(service, e.placedSince())
	names := map[string]*instance{}
	for _, i := range list {
		names[i.name()] = i
	}
	if len(names) != 1 {
		return nil
	}
	return slices.MaxFunc(list, func(a, b *instance) int { return cmp.Compare(a.last, b.last) })
}

// sliceIn is the slice that the strongest of the signs which have one is confined to.
func sliceIn(own []*sign) *slice {
	for _, s := range own {
		if s.part != nil {
			return s.part
		}
	}
	return nil
}

// sendsSpans reports whether the instances of a service are known by their spans.
func (e *Engine) sendsSpans(service string) bool {
	return len(e.graph.instancesOf(service, e.placedSince())) > 0
}
