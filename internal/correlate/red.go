// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Many systems send no spans but count requests, errors and durations (RED). Where a
// service sends none, a distribution of durations by operation stands for its requests:
// each bucket of it for as many runs of that length.

// maxRedBuckets bounds the buckets of a distribution that are compared with those of
// the point before.
const maxRedBuckets = 64

// red is a distribution of requests.
type red struct {
	operation string
	kind      int32
	peer      string // that clients call
	failed    bool
	seconds   float64 // of its unit
	before    []uint64
	count     uint64
	started   bool
}

// redOf reads whether a metric is a distribution of requests, by the names of the
// semantic conventions and of the span metrics connector; nil if not.
func redOf(m *model.Metric, attributes model.Attributes) *red {
	if m.Type != model.MetricHistogram {
		return nil
	}
	kind := int32(kindServer)
	switch name := strings.ReplaceAll(m.Name, "_", "."); {
	case strings.Contains(name, "http.server.") && strings.Contains(name, "duration"), strings.Contains(name, "rpc.server.") && strings.Contains(name, "duration"):
	case strings.Contains(name, "http.client.") && strings.Contains(name, "duration"), strings.Contains(name, "rpc.client.") && strings.Contains(name, "duration"),
		strings.HasPrefix(name, semconv.MetricDBClientOperationDuration):
		kind = kindClient
	case name == "duration", name == "latency", strings.HasPrefix(name, "traces.span"), strings.HasPrefix(name, "span.metrics"), strings.HasPrefix(name, "spanmetrics"):
		switch span := firstOf(attributes, "span.kind", "span_kind"); {
		case strings.HasSuffix(span, "SERVER"), strings.HasSuffix(span, "CONSUMER"):
		default:
			return nil // its own work is told by others, its calls name no callee
		}
	default:
		return nil
	}
	r := &red{kind: kind, seconds: 1, failed: redFailed(attributes)}
	if m.Unit == "ms" || strings.Contains(m.Name, "milliseconds") {
		r.seconds = 1e-3
	}
	method := firstOf(attributes, semconv.HTTPRequestMethod, semconv.HTTPMethod)
	r.operation = kept(strings.TrimSpace(method + " " + firstOf(attributes, semconv.HTTPRoute, semconv.RPCMethod, "span.name", "span_name", semconv.URLTemplate, semconv.DBOperationName)))
	r.peer = kept(firstOf(attributes, semconv.PeerService, semconv.ServerAddress, semconv.NetPeerName, semconv.DBSystemName))
	if kind == kindClient && r.peer == "" {
		return nil
	}
	return r
}

// redFailed reports whether the requests that attributes describe failed.
func redFailed(attributes model.Attributes) bool {
	if status := firstOf(attributes, semconv.HTTPResponseStatusCode, semconv.HTTPStatusCode, "status_code"); status != "" {
		if len(status) == 3 && status[0] >= '1' && status[0] <= '5' {
			return status[0] == '5'
		}
	}
	switch firstOf(attributes, semconv.RPCGrpcStatusCode) {
	case "2", "4", "8", "13", "14", "15":
		return true
	}
	switch firstOf(attributes, "status.code", "status_code") {
	case "STATUS_CODE_ERROR", "Error", "ERROR":
		return true
	}
	fault := firstOf(attributes, semconv.ErrorType)
	return fault != "" && !strings.HasPrefix(fault, "4")
}

// observeRed takes what a distribution grew by as requests, if no spans tell of them.
func (e *Engine) observeRed(s *series, p *model.Point) {
	r, h := s.red, p.Histogram
	if r == nil || h == nil || len(h.Counts) == 0 || len(h.Counts) > maxRedBuckets {
		return
	}
	grown := r.growth(h, s.accumulates)
	if grown == nil || !e.unseen(s.service) {
		return
	}
	slot := e.slotOf(p.Time)
	take, count := e.redServer(s, slot)
	if r.kind == kindClient {
		take, count = e.redClient(s, slot)
	}
	var all float32
	for i, n := range grown {
		if n > 0 {
			take(bucketMiddle(h.Bounds, i)*r.seconds, float32(n))
			all += float32(n)
		}
	}
	if all > 0 {
		count(all, s.reference(p.Time))
	}
}

// reference names the series as the record that shows requests.
func (s *series) reference(t model.Nanos) reference {
	return reference{metric: true, uid: s.id, time: t}
}

// growth is by how much each bucket grew since the point before, nil for none known.
func (r *red) growth(h *model.Histogram, accumulates bool) []uint64 {
	if !accumulates {
		return h.Counts
	}
	before, known := r.before, r.started && len(r.before) == len(h.Counts) && h.Count >= r.count
	grown := make([]uint64, len(h.Counts))
	for i, n := range h.Counts {
		grown[i] = n
		if known {
			grown[i] -= min(n, before[i])
		}
	}
	first := !r.started
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

// redServer takes requests that a service answered.
func (e *Engine) redServer(s *series, slot int64) (take func(seconds float64, n float32), count func(n float32, ref reference)) {
	o := e.graph.operation(s.service, s.red.operation, kindServer)
	inst := e.graph.instanceOf(s.service, &origin{service: s.service.name, pod: s.pod, node: s.node, instance: s.instance}, s.last)
	if o.first == 0 {
		o.first = slot
	}
	slow := float32(0)
	take = func(seconds float64, n float32) {
		nanos := uint64(seconds * 1e9)
		o.self.observe(slot, logSample(model.Nanos(nanos), n))
		if o.tail.Take(slot, baseline.Logarithm(nanos), n) {
			slow += n
		}
		o.drift.Take(int64(s.last/hour), baseline.Logarithm(nanos), n)
	}
	count = func(n float32, ref reference) {
		failed := float32(0)
		o.runs.observe(slot, sample{n: n})
		o.evidence.add(ref)
		if s.red.failed {
			failed = n
			if f := e.graph.feature(o, featureError, "fails", "fails"); f != nil {
				f.hits.observe(slot, sample{n: n})
				f.evidence.add(ref)
			}
		}
		if s.service.requests != nil {
			s.service.requests.observe(slot, sample{n: n, sum: failed})
		}
		if inst.Shares != nil {
			inst.Observe(slot, baseline.Count{N: n, Hits: failed, Sum: slow})
		}
	}
	return take, count
}

// redClient takes requests that a service made of another one, or of what sends nothing.
func (e *Engine) redClient(s *series, slot int64) (take func(seconds float64, n float32), count func(n float32, ref reference)) {
	callee := e.graph.named(s.red.peer)
	if callee == s.service.name {
		return func(float64, float32) {}, func(float32, reference) {}
	}
	e.graph.call(s.service.name, callee).gap.advance(slot)
	known := e.graph.services.peek(callee)
	d := e.graph.dependency(s.service.name, callee, s.red.operation)
	take = func(seconds float64, n float32) {
		if known == nil || (*known).requests.total().n == 0 { // else it tells itself how long it takes
			d.tail.Take(slot, baseline.Logarithm(uint64(seconds*1e9)), n)
		}
	}
	count = func(n float32, ref reference) {
		c := baseline.Count{N: n}
		if s.red.failed {
			c.Hits = n
			d.failed.add(ref)
		}
		d.evidence.add(ref)
		d.failures.Observe(slot, c)
	}
	return take, count
}
