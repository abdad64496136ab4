// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// If more threads wait for a CPU than run, everything on the node is slow. Time on the network, slow
// answers and slow code are then effects of the node.

const (
	// leastWaiting is how many threads must wait for a CPU on average.
	leastWaiting = 2
	// waitingTimes is how many times the average must be exceeded: on a host that is always busy,
	// something else is slow.
	waitingTimes = 2
	// waitingMemory is the time constant of that average, in seconds.
	waitingMemory = 1800
	// starvedFresh is the largest age of the newest value: metrics arrive once a minute or more often.
	starvedFresh = 90 * model.Nanos(1e9)
	// cpuSlots is how many buckets an incident of slow services waits for the next values of its node, if
	// the node sends them.
	cpuSlots = 3
	// busyNode is the CPU utilization from which a node may be starved.
	busyNode = 0.95
	// otherPrograms is the name under which the receiver sums up programs beyond its bound.
	otherPrograms = "other"
)

// starvation holds the CPU pressure of a node.
type starvation struct {
	waiting, running float64     // average number of threads that wait, and that run
	usual            float64     // long-term average of waiting
	newest           model.Nanos // time of the newest value
	busy             float64     // CPU utilization of the node, 0 if unknown
	hog              string      // the program that uses most CPU time
	most             float64
	of               map[string]float64 // average number of waiting threads by service
}

// starved reports whether threads on the node wait at least as long as they run, and the CPUs are
// busy.
func (s *starvation) starved() bool {
	return s != nil && (s.queues() || s.busy >= busyNode)
}

// queues reports whether more threads wait for a CPU than run, and more than on average.
func (s *starvation) queues() bool {
	return s.crowded() && s.waiting >= waitingTimes*s.usual
}

// crowded reports whether more threads wait for a CPU than run, even if that is the baseline.
func (s *starvation) crowded() bool {
	return s != nil && s.waiting >= leastWaiting && s.waiting >= s.running
}

// noteWait updates how long threads of a program wait for a CPU, in seconds per second.
func (s *series) noteWait(p *model.Point, total float64, last model.Nanos) {
	if s.name != semconv.MetricCPURunQueueDuration || p.Exponential == nil && p.Histogram == nil {
		return
	}
	var sum float64
	if p.Exponential != nil {
		sum = p.Exponential.Sum.Value
	} else {
		sum = p.Histogram.Sum.Value
	}
	since := max(last, p.Start)
	if s.accumulates {
		sum -= total
	}
	if s.waits = 0; p.Time > since && since != 0 && sum > 0 {
		seconds := float64(p.Time-since) / 1e9
		s.waits = sum / seconds
		if s.waitsUsual == 0 {
			s.waitsUsual = s.waits
		}
		s.waitsUsual += (s.waits - s.waitsUsual) * min(1, seconds/waitingMemory)
	}
}

// starvations sums up the CPU pressure of each node, over the programs that report it.
func (h *hosts) starvations() map[string]*starvation {
	nodes := map[string]*starvation{}
	of := func(s *series) *starvation {
		name := s.node
		if nodes[name] == nil {
			nodes[name] = &starvation{of: map[string]float64{}}
		}
		return nodes[name]
	}
	for _, held := range h.series.All() {
		s := *held
		if s.last+starvedFresh < h.time.Now {
			continue
		}
		switch n := s.service.name; {
		case s.name == semconv.MetricCPURunQueueDuration:
			at := of(s)
			at.waiting += s.waits
			at.of[n] += s.waits
			if s.rhythm.reports >= minValues { // a new series has no baseline
				at.usual += s.waitsUsual
			}
			at.newest = max(at.newest, s.last)
		case s.name == semconv.MetricCPUTime:
			at := of(s)
			at.running += s.newest
			if s.newest > at.most && n != otherPrograms {
				at.most, at.hog = s.newest, n
			}
		case s.unit == "1" && s.strange > 0 && s.deviation > 0 && strings.HasSuffix(s.name, "node.cpu.utilization"):
			at := of(s)
			at.busy = max(at.busy, s.newest)
		}
	}
	return nodes
}

// nodeOf is the node on which a candidate is slow. If the candidate reports none, it is that of its
// callers, or the only node with CPU metrics; "" for none.
func (h *hosts) nodeOf(s *suspect, nodes map[string]*starvation) string {
	since := h.topology.placedSince()
	node := &place{}
	if name := h.topology.placeOf(node, s, since); name != "" {
		return name
	}
	if h.topology.serviceNamed(s.service).node != "" {
		return "" // it runs in several places
	}
	for _, caller := range h.topology.callersOf(s.service) {
		if name := node.of(h.topology.serviceNamed(caller), since); name != "" {
			return name
		}
	}
	if len(nodes) == 1 {
		for name := range nodes {
			return name
		}
	}
	return ""
}

// waitsOnly reports whether a candidate is slow and has no other anomaly.
func (s *suspect) waitsOnly() bool {
	if !s.alarm || s.reason == nil || s.independent() {
		return false
	}
	switch s.reason.key.class {
	case classEdge, classSelf:
		return true
	case classResource:
		return true // it waits for the CPUs that it would use
	default:
		return false
	}
}

// starvedPlace is the node that is short of CPU and on which candidates are slow, nil for none. If one
// of them uses most of the CPU time, that service is the cause instead.
func (d *divider) starvedPlace(suspects []*suspect) *place {
	if !slices.ContainsFunc(suspects, (*suspect).waitsOnly) {
		return nil
	}
	nodes := d.hosts.starvations()
	by := map[string][]string{}
	for _, s := range suspects {
		if !s.waitsOnly() {
			continue
		}
		node := d.hosts.nodeOf(s, nodes)
		if short := nodes[node]; node != "" && short.starved() && d.delaysBy(short, s) {
			if short.hog == s.service {
				return nil
			}
			by[node] = append(by[node], s.service)
		}
	}
	var worst *place
	for node, hit := range by {
		if worst != nil && (len(hit) < len(worst.hit) || len(hit) == len(worst.hit) && node > worst.name) {
			continue
		}
		slices.Sort(hit)
		worst = &place{name: node, hit: hit, sliced: true, short: nodes[node]}
	}
	if worst != nil {
		worst.key = worst.attribute(d.topology.serviceNamed(worst.hit[0]))
		d.topology.populate(worst, d.topology.placedSince())
		worst.inside = max(worst.inside, len(worst.hit))
	}
	return worst
}

// delaysBy reports whether waiting for a CPU may explain that a candidate is slow: its threads, and
// those of its callees and callers, wait for at least half of the added duration. A service that
// sleeps on a starved node is slow by itself. If nothing is known about its threads, waiting may
// explain it.
func (d *divider) delaysBy(short *starvation, s *suspect) bool {
	waits, known := short.of[s.service]
	reason := s.reason
	if !known || reason.unit != "ms" || reason.count == 0 || d.time.Now <= reason.onset {
		return true
	}
	for key := range d.graph.calls.All() {
		switch {
		case key.caller == s.service:
			waits += short.of[key.callee]
		case key.callee == s.service && reason.key.class == classEdge:
			waits += short.of[key.caller]
		}
	}
	longer := (reason.after - reason.before) / 1e3 * float64(reason.count) / (float64(d.time.Now-reason.onset) / 1e9)
	return waits >= longer/2
}

// waitsForCPU reports whether not to open an incident of slow services yet, because the next values
// will show whether their node is short of CPU.
func (a *admission) waitsForCPU(in *incident) bool {
	root := in.suspects[0]
	if in.place != nil || a.query.asking() || !root.waitsOnly() {
		return false
	}
	nodes := a.hosts.starvations()
	at := nodes[a.hosts.nodeOf(root, nodes)]
	if at == nil || at.newest == 0 || at.newest >= root.onset+a.time.Width() {
		return false
	}
	return a.book.holds(root.service, cpuSlots)
}

// text is the sentence that a node is short of CPU.
func (s *starvation) text(p *place) string {
	text := fmt.Sprintf("%s is short of CPU: %s", p.word(), s.figures())
	if s.hog != "" {
		text += fmt.Sprintf("; %s uses %s CPUs", s.hog, report.Rounded(s.most))
	}
	return text + "; slow there: " + report.Listed(p.hit)
}

func (s *starvation) figures() string {
	if !s.queues() {
		return fmt.Sprintf("%.0f%% of its CPUs are in use", 100*s.busy)
	}
	return fmt.Sprintf("%.0f threads wait for a CPU while %s run", s.waiting, report.Rounded(s.running))
}
