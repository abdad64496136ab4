// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"iter"
	"math"

	"github.com/tapio/tapio/internal/model"
)

// Of a service without spans no run is known, so that no run shows whether it failed because
// a call of it failed. Its metrics of requests and those of its calls show as much on average:
// how many of both failed, and how long both took.

// meteringCost is the bytes of a metering. One of four services has one at most.
const meteringCost = 1024

// metering compares what a service answers with what it waits for.
type metering struct {
	head   int64
	recent [recentSlots]meter
	old    meter
}

// meter sums up requests and the calls made for them.
type meter struct{ requests, failed, seconds, callsFailed, waited float32 }

func (m *meter) add(o meter) {
	m.requests += o.requests
	m.failed += o.failed
	m.seconds += o.seconds
	m.callsFailed += o.callsFailed
	m.waited += o.waited
}

func (m *meter) scale(by float32) {
	m.requests *= by
	m.failed *= by
	m.seconds *= by
	m.callsFailed *= by
	m.waited *= by
}

// by is a sum for each request.
func (m *meter) by(sum float32) float64 { return float64(sum / max(m.requests, 1)) }

// observe adds to the slots from first to last in equal parts: a point of a metric covers
// all the time since the one before.
func (m *metering) observe(first, last int64, of meter) {
	m.advance(last)
	first = max(first, m.head-recentSlots+1)
	if last < first {
		m.old.add(of)
		return
	}
	of.scale(1 / float32(last-first+1))
	for slot := first; slot <= last; slot++ {
		m.recent[slot%recentSlots].add(of)
	}
}

func (m *metering) advance(slot int64) {
	if m.head == 0 {
		m.head = slot
		return
	}
	steps := slot - m.head
	if steps <= 0 {
		return
	}
	for i := range min(steps, recentSlots) {
		place := (m.head + 1 + i) % recentSlots
		m.old.add(m.recent[place])
		m.recent[place] = meter{}
	}
	m.old.scale(float32(math.Exp2(-float64(steps) / halfLifeSlots)))
	m.head = slot
}

// around sums up before a slot, and from it on.
func (m *metering) around(since int64) (before, after meter) {
	before = m.old
	for slot := max(m.head-recentSlots+1, 0); slot <= m.head; slot++ {
		if slot < since {
			before.add(m.recent[slot%recentSlots])
		} else {
			after.add(m.recent[slot%recentSlots])
		}
	}
	return before, after
}

// passed is which part of what requests fail more often, or take longer, since a slot its
// calls do as well: so much the service passes on.
func (m *metering) passed(since int64) (failed, slow float64) {
	before, after := m.around(since)
	part := func(own, calls func(*meter) float32) float64 {
		more := after.by(own(&after)) - before.by(own(&before))
		if more <= 0 {
			return 0
		}
		return min(1, max(0, after.by(calls(&after))-before.by(calls(&before)))/more)
	}
	failed = part(func(m *meter) float32 { return m.failed }, func(m *meter) float32 { return m.callsFailed })
	slow = part(func(m *meter) float32 { return m.seconds }, func(m *meter) float32 { return m.waited })
	return failed, slow
}

// metering is that of a service, nil where too many have one.
func (g *graph) metering(s *service) *metering {
	if s.metering == nil && g.metered < g.services.capacity/4 {
		g.metered++
		s.metering = &metering{}
	}
	return s.metering
}

// passMetered notes how much of a sign a service without spans passes on.
func (s *sign) passMetered(of *service, now model.Nanos, since int64) {
	if of.metering == nil || !of.unseen(now) {
		return
	}
	failed, slow := of.metering.passed(since)
	switch s.key.class {
	case classError:
		s.passed = failed
	case classSelf:
		s.passed = slow
	default:
	}
}

// appeared reports whether a series that is new counts from nothing on: its instance has
// reported for a while, or began after its service was known. A status that no request had
// until then has no series before the first such request.
func (g *graph) appeared(s *series, p *model.Point) bool {
	inst := g.instanceOf(s.service, &origin{service: s.service.name, pod: s.pod, node: s.node, instance: s.instance}, p.Time)
	return inst.first+together < p.Time || s.service.first != 0 && p.Start > s.service.first+together
}

// span is the slots that a point covers: those since the one before, a few minutes at most.
func (r *red) span(e *Engine, t model.Nanos) (first, last int64) {
	last = e.slotOf(t)
	first = last
	if r.last != 0 && r.last < t {
		first = max(e.slotOf(r.last)+1, last-recentSlots+1)
	}
	r.last = t
	return min(first, last), last
}

// ownCode says that the time is the service's own, where the time of its calls is known.
func ownCode(s *sign, o *operation, now model.Nanos) string {
	if s.whole = o.service.metering != nil && o.service.unseen(now); s.whole {
		return ""
	}
	return " in its own code"
}

// meter counts requests or calls of a service that sends no spans.
func (g *graph) meter(s *series, first, last int64, n, seconds float32) {
	m := g.metering(s.service)
	if m == nil {
		return
	}
	failed := float32(0)
	if s.red.Failed {
		failed = n
	}
	if s.red.Kind == kindClient {
		if g.callee(s.red) == s.service.name {
			return
		}
		m.observe(first, last, meter{callsFailed: failed, waited: seconds})
		return
	}
	m.observe(first, last, meter{requests: n, failed: failed, seconds: seconds})
}

// repeats reports whether a counter counts what a distribution of the same service counts as well,
// perhaps with fewer attributes.
func (s *service) repeats(r *red, t model.Nanos) bool {
	newest := &s.served
	if r.Kind == kindClient {
		newest = &s.called
	}
	if r.Timed {
		*newest = max(*newest, t)
		return false
	}
	return *newest != 0 && t < *newest+countedFor
}

// maxReplicas bounds the replicas whose counters of one kind are kept apart; SDKs generate a new
// service.instance.id at each start.
const maxReplicas = 64

// counted is by how much the counter of a replica grew since the point before.
func (r *red) counted(value float64, replica string, accumulates bool) iter.Seq2[float64, float32] {
	n := value
	if accumulates {
		before, known := r.counts[replica]
		if !known && len(r.counts) >= maxReplicas {
			clear(r.counts)
		}
		if r.counts == nil {
			r.counts = map[string]float64{}
		}
		if !known {
			replica = kept(replica)
		}
		r.counts[replica] = value
		switch {
		case !known && !r.started:
			r.started = true
			return nil
		case value >= before: // else it began again
			n -= before
		}
		if !known && len(r.counts) > 1 {
			return nil // a replica of unknown age
		}
	}
	return func(yield func(float64, float32) bool) {
		if n > 0 {
			yield(-1, float32(n))
		}
	}
}

// summed is how many requests came since the point before, each with their mean duration.
func (r *red) summed(of *model.Summary, accumulates bool) iter.Seq2[float64, float32] {
	n, sum := of.Count, of.Sum
	if accumulates {
		first, count, before := !r.started, r.count, r.sum
		r.count, r.sum, r.started = n, sum, true
		if first {
			return nil
		}
		if n >= count { // else it began again
			n, sum = n-count, sum-before
		}
	}
	return func(yield func(float64, float32) bool) {
		if n > 0 {
			yield(max(sum, 0)/float64(n), float32(n))
		}
	}
}
