// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// hosts answers questions about CPU and memory, of nodes and of what runs on them.
type hosts struct {
	time     *bucket.Time
	series   *lru.Table[seriesKey, *series]
	graph    *graph
	topology *topology
}

// kernelCounter is a sum of the eBPF receiver that counts faults. It covers faults that are too
// frequent for an event each.
type kernelCounter struct {
	line   kernelLine
	on     *service // nil for metrics of a whole cgroup
	cgroup string
	last   float64
}

// counterOf returns what the metric counts, nil for other metrics.
func (ke *kernelEvents) counterOf(metric string, attributes model.Attributes, s *service) *kernelCounter {
	rule, found := ke.rules[metric]
	if !found {
		return nil
	}
	if _, together := attributes.Get(semconv.OtelMetricOverflow); together || loopback(attributes) {
		return nil // it does not name a service; on loopback no link loses packets
	}
	k := &kernelCounter{on: s, line: kernelLine{rule: rule}}
	role, _ := attributes.Get(semconv.ConnectionRole)
	switch {
	case rule.Kind == kernelrule.Throttling:
		cgroup, _ := attributes.Get(origin.CgroupKey)
		k.on, k.cgroup = nil, bound.Copy(strings.TrimSuffix(cgroup.Str(), "/"))
		k.line.place = k.cgroup
	case rule.Connects && role.Str() != "server":
		from := s.name
		if k.on, k.line.place = ke.far(attributes, s); k.on.name != from {
			k.line.peer = from
		}
	case rule.Connects:
		k.line.place = "server"
	default:
		k.line.peer = peerOfEvent(&model.Event{Attributes: attributes})
	}
	return k
}

// countKernel counts the increase of the sum. A new series counts from zero, because the receiver only
// sends series that grow.
func (ke *kernelEvents) countKernel(s *series, p *model.Point) {
	k, total := s.counts, p.Float()
	grown := total - k.last
	if total < k.last {
		grown = total
	}
	k.last = total
	if grown < 1 {
		return
	}
	on := k.on
	if on == nil { // metric of a cgroup: the service is determined when it is judged, see usedUpBy
		on = &service{name: k.cgroup}
	}
	line := k.line
	l := ke.kernelLine(on, &line)
	l.Rate.Observe(ke.time.Of(p.Time), baseline.Sample{N: float32(grown)})
	l.metric = model.EvidenceRef{Kind: model.EvidenceMetric, ID: s.id, Time: p.Time}
}

// usedUpBy returns the service that a line counts for. For a cgroup it is the one that uses most of
// its CPU time, which is known a moment later than which services are affected; nil for none.
func (h *hosts) usedUpBy(l *line) *service {
	if l.kernel == nil || l.kernel.rule.Kind != kernelrule.Throttling {
		return l.service
	}
	return h.inCgroup(l.kernel.place)
}

// inCgroup returns the service that uses most CPU time of a cgroup: if a quota is exhausted, it is the
// one to look at. It returns nil if none is known.
func (h *hosts) inCgroup(cgroup string) *service {
	if cgroup == "" {
		return nil
	}
	used := h.cpuOf(cgroup)
	var most *service
	for _, held := range h.graph.services.All() {
		if s := *held; s.cgroup == cgroup && (most == nil || used[s.name] > used[most.name]) {
			most = s
		}
	}
	return most
}

// cpuOf returns how many CPUs the services of a cgroup use.
func (h *hosts) cpuOf(cgroup string) map[string]float64 {
	used := map[string]float64{}
	for _, held := range h.series.All() {
		if s := *held; s.name == semconv.MetricCPUTime && s.service.cgroup == cgroup && s.last+seriesSilence/10 > h.time.Now {
			used[s.service.name] += s.newest
		}
	}
	return used
}

// throttleText names the service that uses up the quota, and those that wait because of it.
func (h *hosts) throttleText(s *sign, k *kernelLine) string {
	used := h.cpuOf(k.place)
	text := fmt.Sprintf("%s uses up the CPU quota of cgroup %s, which is throttled (it uses %s CPUs)", s.key.service, k.place, report.Rounded(used[s.key.service]))
	var waiting []string
	for _, held := range h.graph.services.All() {
		if o := *held; o.cgroup == k.place && o.name != s.key.service {
			waiting = append(waiting, o.name)
		}
	}
	if len(waiting) > 0 {
		text += ": " + strings.Join(waiting, ", ") + " must wait with it"
	}
	return text
}

// throttled returns, for each cgroup, the names of the candidates that use up its quota.
func (r *ranker) throttled(byName map[string]*suspect) map[string][]string {
	list := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		k := byName[name].best[classKernel]
		if k == nil || !k.reports(kernelrule.Throttling) {
			continue
		}
		if cgroup := r.topology.serviceNamed(name).cgroup; cgroup != "" {
			list[cgroup] = append(list[cgroup], name)
		}
	}
	return list
}

// findNeighbour finds the service that uses up the quota for which the candidate waits.
func (r *ranker) findNeighbour(s *suspect, throttled map[string][]string) {
	for _, name := range throttled[r.topology.serviceNamed(s.service).cgroup] {
		if name != s.service {
			s.neighbour = name
		}
	}
}

// wronged returns an anomaly by which another service uses up the same quota, nil for none.
func (g *group) wronged(s *sign) *sign {
	if !s.reports(kernelrule.Throttling) {
		return nil
	}
	for key, m := range g.members {
		if m.reports(kernelrule.Throttling) && m.kernel.place == s.kernel.place && key.service != s.key.service {
			return m
		}
	}
	return nil
}

// acquit removes the anomaly that a service uses up a quota when it turns out to be another one. It
// may leave the ranking empty; its caller take ranks the incident next.
func (g *group) acquit(s *sign) {
	for m := g.wronged(s); m != nil; m = g.wronged(s) {
		delete(g.members, m.key)
		delete(g.blamed, m.key)
		g.ranking = slices.DeleteFunc(g.ranking, func(r ranked) bool { return r.reason.key == m.key })
		g.changed = true
	}
}

// waitingFor returns the services of a group that wait for the quota which one of them uses up.
func (t *topology) waitingFor(g *group, culprit string) []string {
	throttles := slices.ContainsFunc(g.ofService(culprit), func(s *sign) bool { return s.reports(kernelrule.Throttling) })
	if !throttles {
		return nil
	}
	var list []string
	for _, r := range g.ranking {
		if r.service != culprit && t.samePlace(r.service, culprit) {
			list = append(list, r.service)
		}
	}
	return list
}
