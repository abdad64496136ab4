// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// learnSteps learns in which order a run logs and calls. Each step is stored with the one before it.
// If code returns or throws early, the step that no longer follows the last one shows where.
func (l *learner) learnSteps(id model.TraceID, t *openTrace, runs []execution, i, asker int, weight float32) {
	run := &runs[i]
	children := run.children
	if run.op.key.kind == kindClient {
		children = nil // client operations are often named by a method only, and call different services
	}
	l.run++
	w := walk{run: l.run, op: run.op, slot: l.time.Of(run.end), asker: asker, weight: weight}
	for at := 0; at < len(run.notes) || len(children) > 0; {
		if len(children) > 0 && runs[children[0]].op.key.kind == kindConsumer {
			children = children[1:] // a consumer runs later, at a time of its own
			continue
		}
		if len(children) > 0 && (at == len(run.notes) || runs[children[0]].start < t.notes[run.notes[at]].time) {
			label := runs[children[0]].op.label
			f := l.graph.feature(run.op, featureChild, label, label)
			w.step(f, run.reference(id))
			if f != nil && f.callee == "" {
				f.callee = l.calleeOfChild(runs, children[0])
			}
			children = children[1:]
			continue
		}
		n := &t.notes[run.notes[at]]
		at++
		if f := l.graph.feature(run.op, n.kind(), n.statement(), n.template.Text); f != nil {
			f.describe(n)
			ref := run.reference(id)
			ref.time, ref.uid = n.time, n.uid
			w.step(f, ref)
		}
	}
	if w.last != nil {
		run.op.active.Observe(w.slot, baseline.Sample{N: weight})
		run.op.activeOf = run.op.activeOf.with(asker)
		l.graph.endWith(&w)
	}
}

// calleeOfChild is the service of a child span or, for a call, the service that is called.
func (l *learner) calleeOfChild(runs []execution, child int) string {
	run := &runs[child]
	switch {
	case run.op.key.kind != kindClient:
		return run.op.key.service
	case len(run.children) > 0:
		return runs[run.children[0]].op.key.service
	case run.peer != "":
		return l.graph.named(run.peer)
	}
	return ""
}

// endWith records the last step of a run. Steps that handle a failure do not count: it is good if they
// no longer occur.
func (g *graph) endWith(w *walk) {
	f := w.end
	if f == nil {
		return
	}
	if f.end == nil {
		if f.end = g.feature(w.op, featureEnd, f.text, f.text); f.end == nil {
			return
		}
		f.end.before = f
	}
	f.end.askers = f.end.askers.with(w.asker)
	f.end.hits.Observe(w.slot, baseline.Sample{N: w.weight})
}

// walk is the state of going through the steps of one run.
type walk struct {
	run    uint64
	op     *operation
	slot   int64
	asker  int
	weight float32
	last   *feature
	end    *feature // the last step that handles no failure
}

// step adds a step. A repeated step counts once.
func (w *walk) step(f *feature, ref reference) {
	if f == nil || f.run == w.run {
		return
	}
	if f.run == 0 {
		f.before = w.last
	}
	f.run = w.run
	f.askers = f.askers.with(w.asker)
	f.hits.Observe(w.slot, baseline.Sample{N: w.weight})
	f.evidence.add(ref)
	f.wanders = f.wanders || f.before != w.last
	w.last = f
	if f.fails {
		return
	}
	if w.end != nil {
		w.end.goesOn = w.end.goesOn.with(w.asker)
	}
	w.end = f
}

func (n *note) kind() featureKind {
	if n.failed {
		return featureFailure
	}
	return featureLog
}

// describe copies what a template does not hold from a log line.
func (f *feature) describe(n *note) {
	if f.place == "" {
		f.place = cmp.Or(n.place, n.template.CodePlace())
	}
	if n.quote != "" {
		f.quote = n.quote
	}
}
