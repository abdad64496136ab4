// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

const (
	kindServer = 2
	kindClient = 3
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
	runs := link(t)
	weights := map[*operation]float32{}
	for i := range runs {
		weights[runs[i].op]++
	}
	for i := range runs {
		if runs[i].op.past == nil {
			continue // there was no room for it
		}
		weight := runs[i].adjusted / weights[runs[i].op]
		// Before the run itself is counted: until a second one asks, all are the first one's.
		asker := e.graph.askedBy(runs[i].op, askerOf(runs, i), e.slotOf(runs[i].end), sample{n: weight})
		e.learnRun(id, runs, i, weight)
		e.learnSteps(id, t, runs, i, asker, weight)
	}
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
		if p, found := places[t.notes[i].span]; found && runs[p].op.service == t.notes[i].service {
			runs[p].notes = append(runs[p].notes, i)
		}
	}
	return runs
}

// learnRun learns from one span. Runs of one operation within a trace weigh one
// together, for they are no independent observations.
func (e *Engine) learnRun(id model.TraceID, runs []execution, i int, weight float32) {
	run := &runs[i]
	op := run.op
	slot := e.slotOf(run.end)
	ref := reference{trace: id, span: run.id, time: run.start}
	if op.first == 0 {
		op.first = slot
	}
	op.runs.observe(slot, sample{n: weight})
	op.self.observe(slot, logSample(selfTime(runs, i), weight))
	op.evidence.add(ref)
	if run.failed {
		if f := e.graph.feature(op, featureError, "fails", "fails"); f != nil {
			f.hits.observe(slot, sample{n: weight})
			f.evidence.add(ref)
			f.place = op.place
		}
	}
	if requests := op.service.requests; requests != nil && (op.key.kind == kindServer || run.parent < 0) {
		failed := float32(0)
		if run.failed {
			failed = run.adjusted
		}
		requests.observe(slot, sample{n: run.adjusted, sum: failed})
	}
	e.learnCall(id, runs, i, slot, weight)
}

// learnCall learns from the way between a client span and its server span, or
// of a client span whose server tells nothing, from the whole of it. A server
// that has told of itself once is waited for: a span of it that is missing was
// lost or cut off, and the whole call would pass for the way to it.
func (e *Engine) learnCall(id model.TraceID, runs []execution, i int, slot int64, weight float32) {
	run := &runs[i]
	var client *execution
	var gap model.Nanos
	callee, paired := run.op.key.service, false
	switch {
	case run.parent >= 0 && runs[run.parent].op.service != run.op.service:
		client = &runs[run.parent]
		if client.op.key.kind != kindClient {
			return
		}
		e.graph.listens(client.at, run.op.service)
		whole := client.end - min(client.start, client.end)
		gap = whole - min(whole, run.end-min(run.start, run.end))
		paired = true
	case run.op.key.kind == kindClient && len(run.children) == 0 && run.peer != "":
		client, gap = run, run.end-min(run.start, run.end)
		callee = e.graph.named(run.peer)
	default:
		return
	}
	if callee == client.op.key.service {
		return
	}
	c := e.graph.call(client.op.key.service, callee)
	if paired && !c.paired {
		c.paired, c.gap = true, history{worth: slotWorth}
	}
	if paired == c.paired {
		c.gap.observe(slot, logSample(gap, weight))
	}
	c.evidence.add(reference{trace: id, span: client.id, time: client.start})
}

// selfTime is the span's time less that of its children, which may overlap, and
// less that of calls that its parent makes meanwhile: the span may well wait for
// them, as an asynchronous handler beside its client span does.
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
	for _, child := range waits { // by start
		from, to := max(runs[child].start, covered), min(runs[child].end, run.end)
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
