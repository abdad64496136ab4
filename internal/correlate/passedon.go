// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// A run that fails after one of its calls failed has passed the failure on: traces show
// it, run by run, also while the callee is not known to fail yet. What a service passes on
// is evidence on the callee.

// callFailed reports whether a call of the run, or a part of the run itself, failed.
func callFailed(runs []execution, i int) bool {
	for _, c := range runs[i].children {
		if runs[c].failed && runs[c].op.key.kind != kindConsumer {
			return true
		}
	}
	return false
}

// learnCallFailed counts the run, and its error lines, by whether a call of it failed.
func (o *operation) learnCallFailed(runs []execution, i int, slot int64, weight float32, notes []note) {
	if !callFailed(runs, i) {
		return
	}
	o.callFails.observe(slot, sample{n: weight})
	for _, n := range runs[i].notes {
		if l := notes[n].line; l != nil {
			l.passedOn++
		}
	}
}

// passOn notes in how much of what is wrong with runs of an operation since a slot a call
// failed, beyond what fails always. more is the share of its runs that are wrong, beyond
// the baseline.
func (s *sign) passOn(o *operation, since int64, more float64) {
	if more <= 0 || o.past == nil {
		return
	}
	runs, fails := o.runs.total(), o.callFails.total()
	var after, failed sample
	for slot := max(since, o.runs.head-recentSlots+1); slot <= o.runs.head; slot++ {
		after.add(o.runs.at(slot))
		failed.add(o.callFails.at(slot))
	}
	before, earlier := runs.minus(after), fails.minus(failed)
	s.passed = min(1, max(0, share(failed.n, after.n)-share(earlier.n, before.n))/more)
	keep := s.keepOut
	s.keepOut = func() {
		if keep != nil {
			keep()
		}
		o.callFails.keepShare(since, &o.runs, share(earlier.n, before.n))
	}
}

// passOn notes of how many of the lines whose runs are known a call had failed.
func (l *line) passOn(s *sign) {
	if l.joined >= minAfter {
		s.passed = float64(min(l.passedOn, l.joined)) / float64(l.joined)
	}
}

// owned is the share of what a sign shows that is the service's own.
func (s *sign) owned() float64 { return 1 - (1-inherited)*s.passed }

// retriedSince is when the same call ended that failed before this one: from then on the
// caller waits until it tries again. found is false where this is no retry.
func retriedSince(runs []execution, earlier []int, call int) (end model.Nanos, found bool) {
	const near = 16 // a caller that makes more calls meanwhile does not wait
	again := &runs[call]
	if again.op.key.kind != kindClient {
		return 0, false
	}
	for back := 1; back <= min(near, len(earlier)); back++ {
		first := &runs[earlier[len(earlier)-back]]
		if first.op == again.op && first.peer == again.peer && first.end <= again.start {
			return first.end, first.failed
		}
	}
	return 0, false
}

const (
	// mostlyPassed is the share of what is wrong with a candidate that it must have passed on
	// to be rather an effect.
	mostlyPassed = 0.5
	// calleeSlots is how many slots an incident waits for evidence on the callee whose
	// failures its likeliest candidate passes on.
	calleeSlots = 2
)

// waitsForCallee reports whether an incident is not to be opened yet: all that is known is
// of a service that passes failures on, and where they come from shows within moments.
func (e *Engine) waitsForCallee(in *incident) bool {
	root := in.suspects[0]
	if root.reason == nil || root.reason.passed < mostlyPassed || e.asking() {
		return false
	}
	return e.holds(root.service, calleeSlots)
}

// holds reports whether an incident waits still, for so many slots at most since it was to be
// opened first.
func (e *Engine) holds(service string, slots int64) bool {
	for name, since := range e.held {
		if e.now > since+together {
			delete(e.held, name)
		}
	}
	since, found := e.held[service]
	if !found {
		e.held[service], since = e.now, e.now
	}
	return e.now < since+model.Nanos(slots)*e.slotWidth()
}

// explainStill lets the cause of a group explain that what depends on it is slow also when it
// shows no more itself: what goes on for minutes leaves the recent buckets, at each service at another moment.
func (e *Engine) explainStill(g *group, in *incident) {
	cause := g.ranking[0]
	switch cause.reason.key.class {
	case classSelf, classEdge, classKernel, classResource:
	default:
		return
	}
	if slices.ContainsFunc(in.suspects, func(s *suspect) bool { return s.service == cause.service }) {
		return
	}
	for _, s := range in.suspects {
		known := s.reason != nil && g.members[s.reason.key] != nil // what is new has its own reason
		if known && s.reason.key.class == classSelf && e.dependsOn(s.service, cause.service) {
			s.score = left(s.score, cause.most)
		}
	}
}
