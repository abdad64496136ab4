// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/tapio"
)

const (
	kindServer = 2
	kindClient = 3
)

// execution is one span of a complete trace, with what belongs to it.
type execution struct {
	*spanPart
	children []int
	parent   int // place in the trace, -1 for none
}

// learn takes a complete trace into the graph.
func (e *Engine) learn(id tapio.TraceID, t *openTrace) {
	runs := link(t)
	weights := map[*operation]float32{}
	for i := range runs {
		weights[runs[i].op]++
	}
	for i := range runs {
		e.learnRun(id, runs, i, 1/weights[runs[i].op])
	}
	e.learnNotes(id, t, runs, weights)
}

// link finds parents and children.
func link(t *openTrace) []execution {
	slices.SortStableFunc(t.spans, func(a, b spanPart) int { return cmp.Compare(a.start, b.start) })
	places := make(map[tapio.SpanID]int, len(t.spans))
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
	return runs
}

// learnRun learns from one span. Runs of one operation within a trace weigh one
// together, for they are no independent observations.
func (e *Engine) learnRun(id tapio.TraceID, runs []execution, i int, weight float32) {
	run := &runs[i]
	op := run.op
	slot := e.slotOf(run.end)
	ref := reference{trace: id, span: run.id, time: run.start}
	op.runs.observe(slot, sample{n: weight})
	duration := run.end - min(run.start, run.end)
	op.total.observe(slot, logSample(duration, weight))
	op.self.observe(slot, logSample(selfTime(runs, i), weight))
	op.evidence.add(ref)
	if run.failed {
		e.hit(op, featureError, "fails", slot, weight, ref)
	}
	if op.key.kind == kindServer || run.parent < 0 {
		failed := float32(0)
		if run.failed {
			failed = 1
		}
		op.service.requests.observe(slot, sample{n: 1, sum: failed})
	}
	e.learnChildren(runs, i, slot, weight, ref)
	e.learnCall(id, runs, i, slot)
}

// learnChildren learns what an operation calls. A client span is left out: many
// are named by no more than a method, and whom they call varies.
func (e *Engine) learnChildren(runs []execution, i int, slot int64, weight float32, ref reference) {
	if runs[i].op.key.kind == kindClient {
		return
	}
	var seen [16]*operation
	n := 0
	for _, child := range runs[i].children {
		op := runs[child].op
		if slices.Contains(seen[:n], op) {
			continue
		}
		if n < len(seen) {
			seen[n] = op
			n++
		}
		e.hit(runs[i].op, featureChild, op.key.service+" "+op.key.name, slot, weight, ref)
	}
}

// learnCall learns from the way between a client span and its server span, or
// of a client span whose server tells nothing, from the whole of it.
func (e *Engine) learnCall(id tapio.TraceID, runs []execution, i int, slot int64) {
	run := &runs[i]
	var client *execution
	var gap tapio.Nanos
	callee := run.op.key.service
	switch {
	case run.parent >= 0 && runs[run.parent].op.service != run.op.service:
		client = &runs[run.parent]
		if client.op.key.kind != kindClient {
			return
		}
		whole := client.end - min(client.start, client.end)
		gap = whole - min(whole, run.end-min(run.start, run.end))
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
	c.gap.observe(slot, logSample(gap, 1))
	failed := float32(0)
	if client.failed {
		failed = 1
	}
	c.failures.observe(slot, sample{n: failed})
	c.evidence.add(reference{trace: id, span: client.id, time: client.start})
}

// learnNotes learns from the log lines of a trace.
func (e *Engine) learnNotes(id tapio.TraceID, t *openTrace, runs []execution, weights map[*operation]float32) {
	type seen struct {
		span     tapio.SpanID
		template *template
	}
	done := make(map[seen]bool, len(t.notes))
	for i := range t.notes {
		n := &t.notes[i]
		if done[seen{n.span, n.template}] {
			continue
		}
		done[seen{n.span, n.template}] = true
		at := slices.IndexFunc(runs, func(r execution) bool { return r.id == n.span && r.op.service == n.service })
		if at < 0 {
			continue
		}
		op := runs[at].op
		slot := e.slotOf(runs[at].end)
		ref := reference{trace: id, span: n.span, time: n.time, uid: n.uid}
		if f := e.hit(op, featureLog, n.template.text, slot, 1/weights[op], ref); f != nil {
			f.failed = f.failed || n.failed
			if f.place == "" {
				f.place = n.template.codePlace()
			}
		}
	}
}

func (e *Engine) hit(op *operation, kind featureKind, text string, slot int64, weight float32, ref reference) *feature {
	f := e.graph.feature(op, kind, text)
	if f != nil {
		f.hits.observe(slot, sample{n: weight})
		f.evidence.add(ref)
	}
	return f
}

// selfTime is the span's time less that of its children, which may overlap, and
// less that of calls that its parent makes meanwhile: the span may well wait for
// them, as an asynchronous handler beside its client span does.
func selfTime(runs []execution, i int) tapio.Nanos {
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
func logSample(d tapio.Nanos, weight float32) sample {
	x := float32(math.Log1p(float64(d) / 1e6))
	return sample{n: weight, sum: x * weight, square: x * x * weight}
}
