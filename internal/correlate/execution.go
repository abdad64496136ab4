// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/model"
)

const (
	kindInternal = 1
	kindServer   = 2
	kindClient   = 3
	kindProducer = 4
	kindConsumer = 5
)

// learner takes the spans and lines of traces, and learns from the complete ones.
type learner struct {
	time     *bucket.Time
	assembly *assembly
	graph    *graph
	requests *requests
	run      uint64 // number of executions learned from so far
}

// execution is one span of a complete trace, with its children and log lines.
type execution struct {
	*spanPart
	children []int
	notes    []int // indexes of the trace's notes, by time
	parent   int   // index in the trace, -1 for none
}

// learn updates the graph from a complete trace.
func (l *learner) learn(id model.TraceID, t *openTrace) {
	t.derive(l.graph)
	runs := link(t)
	weights := map[*operation]float32{}
	for i := range runs {
		weights[runs[i].op]++
	}
	for i := range runs {
		if runs[i].op.past == nil {
			continue // the graph has no memory left for it
		}
		weight := runs[i].op.relative(runs[i].adjusted) / weights[runs[i].op]
		// This is called before the run itself is counted: until a second caller is added, all runs count
		// for the first one.
		asker := l.graph.askedBy(runs[i].op, askerOf(runs, i), l.time.Of(runs[i].end), baseline.Sample{N: weight})
		if !runs[i].derived { // for requests that end, spans are more exact than derived ones
			l.requests.countOutcome(runs, i)
		}
		l.learnRun(id, runs, i, weight)
		runs[i].op.learnCallFailed(runs, i, l.time.Of(runs[i].end), weight, t.notes)
		l.learnSteps(id, t, runs, i, asker, weight)
	}
}

// relative returns the weight of a run relative to others of the operation, by adjusted count. If all
// spans are sampled at the same ratio, each weighs one: it is one observation, however many spans it
// stands for.
func (p *past) relative(adjusted float32) float32 {
	p.weighed = min(p.weighed+1, 64)
	p.stands += (adjusted - p.stands) / float32(p.weighed)
	return adjusted / p.stands
}

// link connects each span with its parent, its children and its log lines.
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

// joins counts whether the span of a failed log line arrived. Where traces are sampled most spans do
// not, and the line is the only evidence.
func (n *note) joins(found bool) {
	switch {
	case n.line == nil:
	case found:
		n.line.joined++
	default:
		n.line.orphans++
	}
}

// learnRun learns from one span. The runs of one operation within a trace weigh one together, because
// they are not independent observations.
func (l *learner) learnRun(id model.TraceID, runs []execution, i int, weight float32) {
	run := &runs[i]
	op := run.op
	slot := l.time.Of(run.end)
	ref := run.reference(id)
	if op.first == 0 {
		op.first = slot
	}
	op.runs.Observe(slot, baseline.Sample{N: weight})
	self := selfTime(runs, i)
	op.self.Observe(slot, logSample(self, weight))
	slow := false
	if run.instance.warm(run.start) && op.key.kind != kindClient && op.key.kind != kindProducer {
		slow = op.tail.Take(slot, baseline.Logarithm(uint64(self)), weight)
		op.drift.Take(int64(run.end/hour), baseline.Logarithm(uint64(self)), weight)
	}
	op.evidence.add(ref)
	if run.failed && !run.derived { // for derived spans the error lines count instead
		if f := l.graph.feature(op, featureError, "fails", "fails"); f != nil {
			f.hits.Observe(slot, baseline.Sample{N: weight})
			f.evidence.add(ref)
			f.place = op.place
		}
	}
	if !run.derived {
		l.learnRequest(run, slot, slow)
	}
	l.learnCall(id, runs, i, slot, weight)
}

// reference returns the reference that names the span as evidence; derived spans have none.
func (r *execution) reference(id model.TraceID) reference {
	if r.derived {
		return reference{time: r.start}
	}
	return reference{trace: id, span: r.id, time: r.start}
}

// learnRequest counts a request for the service and the instance that served it. Calls of a command
// that is not run as a service are not counted as requests.
func (l *learner) learnRequest(run *execution, slot int64, slow bool) {
	op := run.op
	failed := float32(0)
	if run.failed {
		failed = run.adjusted
	}
	served := op.key.kind == kindServer || op.key.kind == kindConsumer || run.parent < 0 && (op.key.kind != kindClient || l.graph.cgroups.marked(op.service))
	if requests := op.service.requests; requests != nil && served {
		requests.Observe(slot, baseline.Sample{N: run.adjusted, Sum: failed})
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

// learnCall learns from a call. With a server span it learns the time between client span and server
// span; for a callee that sends no spans, the duration of the client span. If a callee has ever sent
// spans, a call without server span is not counted as the latter: its span was lost or sampled, and
// the whole duration would pass for network time.
func (l *learner) learnCall(id model.TraceID, runs []execution, i int, slot int64, weight float32) {
	run := &runs[i]
	switch {
	case run.parent >= 0 && runs[run.parent].op.service != run.op.service:
		if client := &runs[run.parent]; client.op.key.kind == kindClient && run.op.key.kind != kindConsumer {
			l.learnWay(id, client, run, slot, weight)
		}
	case run.op.key.kind == kindClient && len(run.children) == 0 && run.peer != "":
		l.learnUnanswered(id, run, slot, weight)
	}
}

// learnWay learns the network time of a call with both spans.
func (l *learner) learnWay(id model.TraceID, client, server *execution, slot int64, weight float32) {
	if client.derived {
		l.graph.call(client.op.key.service, server.op.key.service) // adds the edge to the graph
	} else {
		l.graph.listens(client.at, server.op.service)
	}
	if client.peer != "" && server.op.service.declared {
		l.graph.alias(client.peer, server.op.service.name)
	}
	whole := client.end - min(client.start, client.end)
	gap := whole - min(whole, server.end-min(server.start, server.end))
	c := l.graph.callBy(callKey{client.op.key.service, server.op.key.service, client.derived})
	if !c.paired {
		c.paired, c.gap = true, baseline.History{Worth: baseline.DurationsWorth}
	}
	c.gap.Observe(slot, logSample(gap, weight))
	c.tail.Take(slot, baseline.Logarithm(uint64(gap)), weight)
	c.evidence.add(client.reference(id))
	if client.derived {
		return
	}
	// The server span shows whether the callee fails; as seen by the client this call arrived.
	l.graph.dependency(client.op.key.service, server.op.key.service, "").failures.Observe(slot, baseline.Count{N: weight})
}

// learnUnanswered learns from a client span without a server span. If the callee sends spans, one is
// missing: the call did not arrive, or the span was lost.
func (l *learner) learnUnanswered(id model.TraceID, client *execution, slot int64, weight float32) {
	callee := l.graph.named(client.peer)
	if callee == client.op.key.service {
		return
	}
	c := l.graph.call(client.op.key.service, callee)
	ref := reference{trace: id, span: client.id, time: client.start}
	switch {
	case !c.paired:
		c.gap.Observe(slot, logSample(client.end-min(client.start, client.end), weight))
		l.graph.listensUnlessKnown(client.at, callee)
		l.called(id, client, callee, slot, weight)
	case client.failed:
		l.graph.dependency(client.op.key.service, callee, "").answered(client, slot, weight, ref)
	}
	c.evidence.add(ref)
}

// selfTime is the duration of a span without that of its children, which may overlap, and without that
// of concurrent calls of its parent: an asynchronous handler may wait for a client span that is its
// sibling. The time between a failed call and its retry does not count either.
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
	for n, child := range waits { // ordered by start
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

// logSample is a duration as ln(ms + 1). On this scale a rise by a factor counts the same for short
// and long durations, and durations below a millisecond make little difference.
func logSample(d model.Nanos, weight float32) baseline.Sample {
	x := float32(math.Log1p(float64(d) / 1e6))
	return baseline.Sample{N: weight, Sum: x * weight, Square: x * x * weight}
}
