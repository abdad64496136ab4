// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

const (
	kindInternal = 1
	kindServer   = 2
	kindClient   = 3
	kindProducer = 4
	kindConsumer = 5
)

// execution is one span of a complete trace, with what belongs to it.
type execution struct {
	*spanPart
	children []int
	notes    []int // places among the trace's notes, by time
	parent   int   // place in the trace, -1 for none
}

// learn takes a complete trace into the graph.
func (e *Engine) learn(id model.TraceID, t *openTrace) {
	t.derive(e.graph)
	runs := link(t)
	weights := map[*operation]float32{}
	for i := range runs {
		weights[runs[i].op]++
	}
	for i := range runs {
		if runs[i].op.past == nil {
			continue // there was no room for it
		}
		weight := runs[i].op.relative(runs[i].adjusted) / weights[runs[i].op]
		// Before the run itself is counted: until a second one asks, all are the first one's.
		asker := e.graph.askedBy(runs[i].op, askerOf(runs, i), e.slotOf(runs[i].end), sample{n: weight})
		if !runs[i].derived { // how requests end their spans tell
			e.countOutcome(runs, i)
		}
		e.learnRun(id, runs, i, weight)
		runs[i].op.learnCallFailed(runs, i, e.slotOf(runs[i].end), weight, t.notes)
		e.learnSteps(id, t, runs, i, asker, weight)
	}
}

// relative is what a run weighs beside others of the operation, by how many it stands for. Where
// all are sampled alike each weighs one: it is one observation, whatever it stands for.
func (p *past) relative(adjusted float32) float32 {
	p.weighed = min(p.weighed+1, 64)
	p.stands += (adjusted - p.stands) / float32(p.weighed)
	return adjusted / p.stands
}

// link finds parents, children and log lines.
func link(t *openTrace) []execution {
	slices.SortStableFunc(t.spans, func(a, b spanPart) int { return cmp.Compare(a.start, b.start) })
	slices.SortStableFunc(t.notes, func(a, b note) int { return cmp.Compare(a.time, b.time) })
	places := make(map[model.SpanID]int, len(t.spans))
	runs := make([]execution, len(t.spans))
	for i := range t.spans {
		runs[i] = execution{spanPart: &t.spans[i], parent: -1}
		places[t.spans[i].id] = i
	}
	for i := range runs {
		if p, found := places[runs[i].spanPart.parent]; found && p != i {
			runs[i].parent = p
			runs[p].children = append(runs[p].children, i)
		}
	}
	for i := range t.notes {
		p, found := places[t.notes[i].span]
		t.notes[i].joins(found)
		if found && runs[p].op.service == t.notes[i].service {
			runs[p].notes = append(runs[p].notes, i)
		}
	}
	return runs
}

// joins notes whether the span of a failure came: where traces are sampled most do not,
// and the line is all that tells of it.
func (n *note) joins(found bool) {
	switch {
	case n.line == nil:
	case found:
		n.line.joined++
	default:
		n.line.orphans++
	}
}

// learnRun learns from one span. Runs of one operation within a trace weigh one
// together, for they are no independent observations.
func (e *Engine) learnRun(id model.TraceID, runs []execution, i int, weight float32) {
	run := &runs[i]
	op := run.op
	slot := e.slotOf(run.end)
	ref := run.reference(id)
	if op.first == 0 {
		op.first = slot
	}
	op.runs.observe(slot, sample{n: weight})
	self := selfTime(runs, i)
	op.self.observe(slot, logSample(self, weight))
	slow := false
	if run.instance.warm(run.start) && op.key.kind != kindClient && op.key.kind != kindProducer {
		slow = op.tail.Take(slot, baseline.Logarithm(uint64(self)), weight)
		op.drift.Take(int64(run.end/hour), baseline.Logarithm(uint64(self)), weight)
	}
	op.evidence.add(ref)
	if run.failed && !run.derived { // the lines say so
		if f := e.graph.feature(op, featureError, "fails", "fails"); f != nil {
			f.hits.observe(slot, sample{n: weight})
			f.evidence.add(ref)
			f.place = op.place
		}
	}
	if !run.derived {
		e.learnRequest(run, slot, slow)
	}
	e.learnCall(id, runs, i, slot, weight)
}

// reference names the span as evidence, unless there is none.
func (r *execution) reference(id model.TraceID) reference {
	if r.derived {
		return reference{time: r.start}
	}
	return reference{trace: id, span: r.id, time: r.start}
}

// learnRequest counts a request for the service and the instance that served it. The calls of a
// command that is not run as a service are no requests.
func (e *Engine) learnRequest(run *execution, slot int64, slow bool) {
	op := run.op
	failed := float32(0)
	if run.failed {
		failed = run.adjusted
	}
	served := op.key.kind == kindServer || op.key.kind == kindConsumer || run.parent < 0 && (op.key.kind != kindClient || e.graph.cgroups.marked(op.service))
	if requests := op.service.requests; requests != nil && served {
		requests.observe(slot, sample{n: run.adjusted, sum: failed})
	}
	if i := run.instance; i != nil && i.Shares != nil && op.key.kind != kindClient {
		c := baseline.Count{Hits: failed}
		if served {
			c.N = run.adjusted
		}
		if slow {
			c.Sum = run.adjusted
		}
		i.Observe(slot, c)
	}
}

// learnCall learns from the way between a client span and its server span, or
// of a client span whose server tells nothing, from the whole of it. A server
// that has told of itself once is waited for: a span of it that is missing was
// lost or cut off, and the whole call would pass for the way to it.
func (e *Engine) learnCall(id model.TraceID, runs []execution, i int, slot int64, weight float32) {
	run := &runs[i]
	switch {
	case run.parent >= 0 && runs[run.parent].op.service != run.op.service:
		if client := &runs[run.parent]; client.op.key.kind == kindClient && run.op.key.kind != kindConsumer {
			e.learnWay(id, client, run, slot, weight)
		}
	case run.op.key.kind == kindClient && len(run.children) == 0 && run.peer != "":
		e.learnUnanswered(id, run, slot, weight)
	}
}

// learnWay learns from a call of which both ends are known.
func (e *Engine) learnWay(id model.TraceID, client, server *execution, slot int64, weight float32) {
	if client.derived {
		e.graph.call(client.op.key.service, server.op.key.service) // the edge
	} else {
		e.graph.listens(client.at, server.op.service)
	}
	if client.peer != "" && server.op.service.declared {
		e.graph.alias(client.peer, server.op.service.name)
	}
	whole := client.end - min(client.start, client.end)
	gap := whole - min(whole, server.end-min(server.start, server.end))
	c := e.graph.callBy(callKey{client.op.key.service, server.op.key.service, client.derived})
	if !c.paired {
		c.paired, c.gap = true, history{worth: slotWorth}
	}
	c.gap.observe(slot, logSample(gap, weight))
	c.tail.Take(slot, baseline.Logarithm(uint64(gap)), weight)
	c.evidence.add(client.reference(id))
	if client.derived {
		return
	}
	// That the callee fails it tells itself: on its way the call did not.
	e.graph.dependency(client.op.key.service, server.op.key.service, "").failures.Observe(slot, baseline.Count{N: weight})
}

// learnUnanswered learns from a call that no server span answers for. Where the callee
// sends spans, one is missing: the call did not get there, or the span was lost.
func (e *Engine) learnUnanswered(id model.TraceID, client *execution, slot int64, weight float32) {
	callee := e.graph.named(client.peer)
	if callee == client.op.key.service {
		return
	}
	c := e.graph.call(client.op.key.service, callee)
	ref := reference{trace: id, span: client.id, time: client.start}
	switch {
	case !c.paired:
		c.gap.observe(slot, logSample(client.end-min(client.start, client.end), weight))
		e.graph.listensUnlessKnown(client.at, callee)
		e.called(id, client, callee, slot, weight)
	case client.failed:
		e.graph.dependency(client.op.key.service, callee, "").answered(client, slot, weight, ref)
	}
	c.evidence.add(ref)
}

// selfTime is the span's time less that of its children, which may overlap, and
// less that of calls that its parent makes meanwhile: the span may well wait for
// them, as an asynchronous handler beside its client span does. Nor does the time count
// that a caller waits before it retries a call that failed.
func selfTime(runs []execution, i int) model.Nanos {
	run := &runs[i]
	waits := run.children
	if run.parent >= 0 && run.op.key.kind != kindClient {
		for _, sibling := range runs[run.parent].children {
			if sibling != i && runs[sibling].op.key.kind == kindClient {
				waits = append(waits[:len(waits):len(waits)], sibling)
			}
		}
		slices.Sort(waits)
	}
	self := run.end - min(run.start, run.end)
	covered := run.start
	for n, child := range waits { // by start
		from, to := runs[child].start, min(runs[child].end, run.end)
		if failed, found := retriedSince(runs, waits[:n], child); found {
			from = min(from, failed)
		}
		from = max(from, covered)
		if to > from {
			self -= min(self, to-from)
			covered = to
		}
	}
	return self
}

// logSample is a duration as ln(ms + 1): a rise by a factor counts alike at
// every scale, and what no person notices, below a millisecond, hardly counts.
func logSample(d model.Nanos, weight float32) sample {
	x := float32(math.Log1p(float64(d) / 1e6))
	return sample{n: weight, sum: x * weight, square: x * x * weight}
}
