// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import "math"

// request is one request of a user as it runs through the system.
type request struct {
	trace     [16]byte
	sampled   bool
	tenant    string
	spans     int
	depth     int
	link      [8]byte // of the message that it handles
	linkTrace [16]byte
}

// result is how a call ended.
type result struct {
	end   int64
	fail  *failure
	by    *Happening // what made it fail
	added float64    // seconds that a fault added
}

const (
	maxSpans = 150
	maxDepth = 12
)

// enter plays a request of a user.
func (w *World) enter(o *Operation, at int64) {
	on := w.replica(o.Service)
	if on == nil {
		return
	}
	r := w.newRequest()
	res := w.serve(r, o, on, at, [8]byte{}, "")
	w.account(o, at, &res)
}

func (w *World) newRequest() *request {
	r := &request{sampled: true}
	w.traffic.fill(r.trace[:])
	if w.sampling < 1 {
		// Consistent sampling: the last seven bytes are the randomness.
		r.sampled = randomness(r.trace) >= w.threshold
	}
	if w.style.tenants {
		r.tenant = w.tenants[int(math.Min(w.traffic.pareto(1.2)-1, float64(len(w.tenants)-1)))]
	}
	return r
}

func (c chance) fill(b []byte) {
	for i := 0; i < len(b); i += 8 {
		v := c.Uint64()
		for j := i; j < min(i+8, len(b)); j++ {
			b[j] = byte(v)
			v >>= 8
		}
	}
}

// replica chooses who serves.
func (w *World) replica(s *Service) *Instance {
	n := len(s.replicas)
	for range 4 {
		if n == 0 {
			return nil
		}
		if i := s.replicas[w.traffic.IntN(n)]; !i.gone {
			return i
		}
	}
	return nil
}

// serve runs an operation on a replica.
func (w *World) serve(r *request, o *Operation, on *Instance, at int64, parent [8]byte, from string) result {
	r.spans++
	r.depth++
	defer func() { r.depth-- }()
	span := w.spanID()
	res := result{}
	p := place{at: at, op: o, on: on, tenant: r.tenant}
	out := w.apply(&p)
	own := w.ownWork(o, on)
	slowed := own*out.factor + out.add
	if out.by != nil {
		res.by, res.added = out.by, slowed-own
	}
	on.busy += own
	now := w.pause(on, at+nanos(slowed*0.4))
	fail := out.fail
	if fail == nil && w.traffic.happens(o.failures) {
		fail = w.ordinaryFailure()
	}
	if fail == nil || fail.within > 0 {
		now = w.callAll(r, o, on, now, span, &res)
		if res.fail != nil {
			fail = passOn(res.fail)
		}
	} else {
		res.by = out.by
	}
	if fail != nil && res.fail == nil && out.fail == nil {
		res.by = nil
	}
	now = w.pause(on, now+nanos(slowed*0.6))
	res.end, res.fail = max(now, at+1000), fail
	w.emitServer(&serverSpan{r: r, op: o, on: on, id: span, parent: parent, at: at, res: &res, from: from, own: out.fail})
	return res
}

// ownWork is how long an operation takes without its calls.
func (w *World) ownWork(o *Operation, on *Instance) float64 {
	t := w.traffic.lognormal(o.median, o.sigma)
	if w.traffic.happens(o.tail) {
		t *= math.Min(w.traffic.pareto(1.3), 60)
	}
	if age := w.now - on.started; age < 3*minute { // cold caches and code not compiled yet
		t *= 1 + 3*math.Exp(-float64(age)/float64(30*second))
	}
	return t / (1 - math.Min(on.load, 0.95))
}

// pause is the moment at which a replica goes on that a garbage collection stops.
func (w *World) pause(on *Instance, at int64) int64 {
	if on.pauseAt == 0 || at < on.pauseAt {
		return at
	}
	if at < on.pauseAt+on.pauseLength() {
		return on.pauseAt + on.pauseLength()
	}
	return at
}

// callAll makes an operation's calls.
func (w *World) callAll(r *request, o *Operation, on *Instance, at int64, parent [8]byte, res *result) int64 {
	now := at
	for _, c := range o.calls {
		if r.spans > maxSpans || r.depth > maxDepth || !w.traffic.happens(c.chance) {
			continue
		}
		begin := now
		if o.parallel {
			begin = at
		}
		got := w.callOut(r, o, on, c, begin+nanos(0.0002), parent)
		if got.skipped {
			continue
		}
		if got.by != nil && (!o.parallel || got.end > now) {
			res.added += got.added
			res.by = got.by
		}
		now = max(now, got.end)
		if got.fail != nil && !c.optional {
			res.fail = got.fail
			if got.by != nil {
				res.by = got.by
			}
			return now
		}
	}
	return now
}

// called is how a call ended for its caller.
type called struct {
	end     int64
	fail    *failure
	by      *Happening
	added   float64
	skipped bool
}

// callOut makes a call, and again where the caller retries.
func (w *World) callOut(r *request, o *Operation, on *Instance, c *Call, at int64, parent [8]byte) called {
	var got called
	begin := at
	for attempt := 0; ; attempt++ {
		before := got
		got = w.attempt(r, o, on, c, begin, parent)
		if got.skipped {
			return got
		}
		if before.by != nil && before.fail != nil {
			got.by, got.added = before.by, float64(got.end-at)/float64(second)
		}
		if got.fail == nil || attempt >= c.retries+w.extraRetries || r.spans > maxSpans {
			return got
		}
		begin = got.end + nanos(0.02*math.Pow(2, float64(attempt))*w.traffic.between(0.5, 1.5))
	}
}

// attempt makes a call once.
func (w *World) attempt(r *request, o *Operation, on *Instance, c *Call, at int64, parent [8]byte) called {
	r.spans++
	p := place{at: at, op: o, on: on, call: c, tenant: r.tenant}
	if c.op != nil {
		p.callee = w.replica(c.op.Service)
	}
	out := w.apply(&p)
	if out.skip {
		return called{skipped: true, by: out.by}
	}
	span := clientSpan{r: r, op: o, on: on, call: c, id: w.spanID(), parent: parent, at: at, callee: p.callee}
	got := called{by: out.by}
	switch {
	case out.fail != nil:
		got.end, got.fail = at+nanos(math.Max(out.fail.within, 0.0006)+out.add), out.fail
		got.added = float64(got.end-at) / float64(second)
		span.failed = out.fail
	case c.op == nil:
		w.callBackend(c, &out, at, &got)
	case p.callee == nil:
		got.end, got.fail = at+nanos(0.0008), &failure{kind: "connection_refused", message: "dial tcp: connect: connection refused"}
		span.failed = got.fail
	default:
		w.callService(r, on, c, &p, &out, &span, &got)
	}
	if limit := at + nanos(c.timeout); got.end > limit {
		got.end, got.fail = limit, w.timeout(c)
		span.failed = got.fail
	}
	span.end, span.fail = got.end, got.fail
	w.emitClient(&span)
	if c.backend != nil && c.backend.consumer != nil && got.fail == nil {
		w.publish(r, c.backend, got.end, span.id)
	}
	return got
}

func (w *World) callBackend(c *Call, out *outcome, at int64, got *called) {
	b := c.backend
	took := w.traffic.lognormal(b.median*c.slower, b.sigma)
	if w.traffic.happens(0.003) {
		took *= math.Min(w.traffic.pareto(1.5), 30)
	}
	b.busy += took
	took /= 1 - math.Min(b.load, 0.9)
	slowed := took*out.factor + out.add
	if out.by != nil {
		got.added = slowed - took
	}
	got.end = at + nanos(slowed)
}

func (w *World) callService(r *request, on *Instance, c *Call, p *place, out *outcome, span *clientSpan, got *called) {
	way := w.traffic.lognormal(0.0004, 0.3)
	if p.callee.Node == on.Node {
		way /= 3
	}
	delay := way*out.factor + out.add
	res := w.serve(r, c.op, p.callee, p.at+nanos(delay/2), span.id, on.Service.Name)
	got.end = res.end + nanos(delay/2)
	if res.fail != nil {
		got.fail = answered(c, res.fail)
	}
	got.added = res.added
	if out.by != nil {
		got.added += delay - way
	}
	if res.by != nil {
		got.by = res.by
	}
}

func (w *World) timeout(c *Call) *failure {
	return &failure{kind: "timeout", message: "context deadline exceeded: call of " + c.target() + " timed out", status: 0}
}

func (w *World) ordinaryFailure() *failure {
	return &failure{kind: "500", message: pick(w.traffic, []string{"unexpected state", "concurrent modification", "validation failed", "client went away"}), status: 500, within: 0.001}
}

func nanos(seconds float64) int64 { return int64(seconds * 1e9) }
