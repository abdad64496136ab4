// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"iter"
	"math"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// For a service without spans, no single run shows whether it failed because a call failed. Its
// metrics of requests and of calls show it on average: how many of both failed, and how long both
// took.

// meteringCost is the bytes of a metering. At most one of four services has one.
const meteringCost = 1024

// metering compares the requests that a service serves with its own calls.
type metering struct {
	head   int64
	recent [baseline.Recent]meter
	old    meter
}

// meter sums up requests, and the calls made for them.
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

// by is a sum per request.
func (m *meter) by(sum float32) float64 { return float64(sum / max(m.requests, 1)) }

// observe distributes a point of a metric evenly over the buckets since the previous point.
func (m *metering) observe(first, last int64, of meter) {
	m.advance(last)
	first = max(first, m.head-baseline.Recent+1)
	if last < first {
		m.old.add(of)
		return
	}
	of.scale(1 / float32(last-first+1))
	for slot := first; slot <= last; slot++ {
		m.recent[slot%baseline.Recent].add(of)
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
	for i := range min(steps, baseline.Recent) {
		place := (m.head + 1 + i) % baseline.Recent
		m.old.add(m.recent[place])
		m.recent[place] = meter{}
	}
	m.old.scale(float32(math.Exp2(-float64(steps) / baseline.HalfLife)))
	m.head = slot
}

// around sums up the buckets before a bucket, and those from it on.
func (m *metering) around(since int64) (before, after meter) {
	before = m.old
	for slot := max(m.head-baseline.Recent+1, 0); slot <= m.head; slot++ {
		if slot < since {
			before.add(m.recent[slot%baseline.Recent])
		} else {
			after.add(m.recent[slot%baseline.Recent])
		}
	}
	return before, after
}

// passed returns the shares of the additional failures and of the additional time of requests that its
// calls account for since a bucket: what the service passes on.
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

// metering returns that of a service, nil if too many have one.
func (g *graph) metering(s *service) *metering {
	if s.metering == nil && g.metered < g.services.Capacity/4 {
		g.metered++
		s.metering = &metering{}
	}
	return s.metering
}

// passMetered sets the share of an anomaly that a service without spans passes on.
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

// appeared reports whether a new series counts from zero: its instance has reported for some time, or
// started after its service was known. A status code has no series before its first request.
func (g *graph) appeared(s *series, p *model.Point) bool {
	inst := g.instanceOf(s.service, &origin.Origin{Service: s.service.name, Pod: s.pod, Node: s.node, Instance: s.instance}, p.Time)
	return inst.first+together < p.Time || s.service.first != 0 && p.Start > s.service.first+together
}

// span returns the buckets that a point covers: since the previous point, a few minutes at most.
func (r *red) span(tl *bucket.Time, t model.Nanos) (first, last int64) {
	last = tl.Of(t)
	first = last
	if r.last != 0 && r.last < t {
		first = max(tl.Of(r.last)+1, last-baseline.Recent+1)
	}
	r.last = t
	return min(first, last), last
}

// ownCode is added to a text if the service's own code takes the time, where the time of its calls is
// known.
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

// repeats reports whether a counter counts the same requests as a histogram of the service, possibly
// with fewer attributes.
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

// maxReplicas bounds the replicas whose counters of one kind are kept apart, because SDKs generate a
// new service.instance.id at each start.
const maxReplicas = 64

// counted is the increase of a replica's counter since the previous point.
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
			replica = bound.Copy(replica)
		}
		r.counts[replica] = value
		switch {
		case !known && !r.started:
			r.started = true
			return nil
		case value >= before: // else it was reset
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

// summed is the number of requests since the previous point, each with their mean duration.
func (r *red) summed(of *model.Summary, accumulates bool) iter.Seq2[float64, float32] {
	n, sum := of.Count, of.Sum
	if accumulates {
		first, count, before := !r.started, r.count, r.sum
		r.count, r.sum, r.started = n, sum, true
		if first {
			return nil
		}
		if n >= count { // else it was reset
			n, sum = n-count, sum-before
		}
	}
	return func(yield func(float64, float32) bool) {
		if n > 0 {
			yield(max(sum, 0)/float64(n), float32(n))
		}
	}
}
