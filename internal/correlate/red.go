// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"iter"
	"math"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/correlate/redmetric"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Many systems send no spans but count requests, errors and durations (RED). If a service sends no
// spans, a histogram of durations by operation replaces its requests: each bucket counts as that many
// runs of that duration.

// maxRedBuckets bounds the histogram buckets that are compared with the previous point.
const maxRedBuckets = 64

// red is a metric of requests.
type red struct {
	redmetric.Metric
	at      string // the address that clients call, or at which the server listens
	before  []uint64
	count   uint64
	sum     float64            // of a summary
	counts  map[string]float64 // of a counter: by replica, for the first maxReplicas
	started bool
	last    model.Nanos // time of the newest point
}

// redOf recognizes metrics of requests; it returns nil for others.
func redOf(m *model.Metric, attributes model.Attributes) *red {
	read, found := redmetric.Read(m, attributes)
	if !found || read.Kind == kindClient && read.Peer == "" && attributes.FirstText(semconv.NetworkPeerAddress) == "" {
		return nil
	}
	read.Operation, read.Peer, read.Reason = bound.Copy(read.Operation), bound.Copy(read.Peer), bound.Copy(bound.Text(read.Reason, maxReason))
	return &red{Metric: read}
}

// locate sets the address of the server.
func (r *red) locate(attributes model.Attributes, node string) {
	end := "network.local."
	if r.Kind == kindClient {
		end = "network.peer."
	}
	r.at = endpointOf(attributes, end, node)
}

// untimed is the duration of requests that are counted without one.
const untimed = model.Nanos(math.MaxUint64)

// observeRed counts the increase of a metric as requests, unless spans show them.
func (ms *measures) observeRed(s *series, p *model.Point) {
	if s.red == nil || !s.service.unseen(ms.time.Now) || p.Flags&model.FlagNoRecordedValue != 0 {
		return
	}
	s.service.counts(s.version, p.Time)
	if !s.red.started && ms.graph.appeared(s, p) {
		s.red.started = true
	}
	durations := s.red.durations(p, s.replica, s.accumulates)
	if s.service.repeats(s.red, p.Time) || durations == nil {
		return
	}
	first, slot := s.red.span(ms.time, p.Time)
	of := ms.redServer
	if s.red.Kind == kindClient {
		of = ms.redClient
	}
	take, count := of(s, slot, slot-first+1)
	var all float32
	sum := 0.0
	for seconds, n := range durations {
		take(seconds*s.red.Seconds, n)
		all += n
		sum += max(seconds, 0) * s.red.Seconds * float64(n)
	}
	if all > 0 {
		count(all, s.reference(p.Time))
		ms.graph.meter(s, first, slot, all, float32(sum))
	}
}

// durations lists the durations of a point's requests, with the number of requests of each; nil if
// they are unknown.
func (r *red) durations(p *model.Point, replica string, accumulates bool) iter.Seq2[float64, float32] {
	if x := p.Exponential; x != nil {
		return exponentialDurations(x)
	}
	h := p.Histogram
	switch {
	case !r.Timed:
		return r.counted(p.Float(), replica, accumulates)
	case p.Summary != nil:
		return r.summed(p.Summary, accumulates)
	case h == nil || len(h.Counts) == 0 || len(h.Counts) > maxRedBuckets:
		return nil
	}
	grown := r.growth(h, accumulates)
	if grown == nil {
		return nil
	}
	return func(yield func(float64, float32) bool) {
		for i, n := range grown {
			if n > 0 && !yield(bucketMiddle(h.Bounds, i), float32(n)) {
				return
			}
		}
	}
}

// exponentialDurations are those of an exponential histogram, by the geometric mean of each
// bucket.
func exponentialDurations(x *model.ExponentialHistogram) iter.Seq2[float64, float32] {
	return func(yield func(float64, float32) bool) {
		if x.ZeroCount > 0 && !yield(x.ZeroThreshold, float32(x.ZeroCount)) {
			return
		}
		for i, n := range x.Positive.Counts {
			middle := math.Exp2((float64(x.Positive.Offset) + float64(i) + 0.5) * math.Exp2(-float64(x.Scale)))
			if n > 0 && !yield(middle, float32(n)) {
				return
			}
		}
	}
}

// reference names the series as evidence.
func (s *series) reference(t model.Nanos) reference {
	return reference{metric: true, uid: s.id, time: t}
}

// growth is the increase of each bucket since the previous point, nil if unknown.
func (r *red) growth(h *model.Histogram, accumulates bool) []uint64 {
	if !accumulates {
		return h.Counts
	}
	first := !r.started
	before, known := r.before, r.started && len(r.before) == len(h.Counts) && h.Count >= r.count
	grown := make([]uint64, len(h.Counts))
	for i, n := range h.Counts {
		grown[i] = n
		if known {
			grown[i] -= min(n, before[i])
		}
	}
	r.before, r.count, r.started = append(r.before[:0], h.Counts...), h.Count, true
	if first {
		return nil
	}
	return grown
}

// bucketMiddle is the geometric mean of a bucket's bounds.
func bucketMiddle(bounds []float64, i int) float64 {
	switch {
	case len(bounds) == 0:
		return 0
	case i == 0:
		return bounds[0] / 2
	case i >= len(bounds):
		return bounds[len(bounds)-1] * 1.5
	}
	return math.Sqrt(bounds[i-1] * bounds[i])
}

// redServer counts requests that a service served.
func (ms *measures) redServer(s *series, slot, every int64) (take func(seconds float64, n float32), count func(n float32, ref reference)) {
	o := ms.graph.operation(s.service, s.red.Operation, kindServer)
	inst := ms.graph.instanceOf(s.service, &origin.Origin{Service: s.service.name, Pod: s.pod, Node: s.node, Instance: s.instance}, s.last)
	if o.first == 0 {
		o.first = slot
	}
	ms.graph.listens(s.red.at, s.service)
	slow := float32(0)
	kind := requestEntry
	if s.red.Messages {
		kind = requestServed // no user waits for it
	}
	outcome := ms.nodes.outcomes(ms.requests, s, outcomeKey{kind, s.service.name, o.key.name}, every)
	take = func(seconds float64, n float32) {
		if seconds < 0 {
			outcome(slot, uint64(untimed), n)
			return
		}
		nanos := uint64(seconds * 1e9)
		outcome(slot, nanos, n)
		o.self.Observe(slot, logSample(model.Nanos(nanos), n))
		if o.tail.Take(slot, baseline.Logarithm(nanos), n) {
			slow += n
		}
		o.drift.Take(int64(s.last/hour), baseline.Logarithm(nanos), n)
	}
	count = func(n float32, ref reference) {
		failed := float32(0)
		o.runs.Observe(slot, baseline.Sample{N: n})
		o.evidence.add(ref)
		if s.red.Failed {
			failed = n
			if f := ms.graph.feature(o, featureError, "fails", "fails"); f != nil {
				f.hits.Observe(slot, baseline.Sample{N: n})
				f.evidence.add(ref)
				f.quote = cmp.Or(s.red.Reason, f.quote)
			}
		}
		s.service.countedTo = max(s.service.countedTo, slot-every) // instances report at different times
		if s.service.requests != nil {
			for at := slot - every + 1; at <= slot; at++ { // the rate is an average since the previous point
				s.service.requests.Observe(at, baseline.Sample{N: n / float32(every), Sum: failed / float32(every)})
			}
		}
		if inst.Shares != nil {
			inst.Observe(slot, baseline.Count{N: n, Hits: failed, Sum: slow})
		}
	}
	return take, count
}

// redClient counts calls of a service.
func (ms *measures) redClient(s *series, slot, every int64) (take func(seconds float64, n float32), count func(n float32, ref reference)) {
	callee := ms.graph.callee(s.red)
	if callee == s.service.name {
		return func(float64, float32) {}, func(float32, reference) {}
	}
	ms.graph.call(s.service.name, callee).gap.Advance(slot)
	known := ms.graph.services.Peek(callee)
	d := ms.graph.dependency(s.service.name, callee, s.red.Operation)
	outcome := ms.nodes.outcomes(ms.requests, s, outcomeKey{requestCall, s.service.name, callee}, every)
	take = func(seconds float64, n float32) {
		if seconds < 0 {
			outcome(slot, uint64(untimed), n)
			return
		}
		outcome(slot, uint64(seconds*1e9), n)
		if s.summary || known == nil || (*known).requests.Total().N == 0 { // else the callee's own metrics have the durations
			d.tail.Take(slot, baseline.Logarithm(uint64(seconds*1e9)), n)
		}
	}
	count = func(n float32, ref reference) {
		c := baseline.Count{N: n}
		if s.red.Failed {
			c.Hits = n
			d.reason = cmp.Or(s.red.Reason, d.reason)
			d.failed.add(ref)
		}
		d.evidence.add(ref)
		d.failures.Observe(slot, c)
	}
	return take, count
}
