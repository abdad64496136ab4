// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// If a run fails after one of its calls failed, it passes the failure on. Traces show this run by run,
// even while the callee is not known to fail yet. What a service passes on is evidence about the
// callee.

// callFailed reports whether a call of the run, or a part of the run itself, failed.
func callFailed(runs []execution, i int) bool {
	for _, c := range runs[i].children {
		if runs[c].failed && runs[c].op.key.kind != kindConsumer {
			return true
		}
	}
	return false
}

// learnCallFailed counts the run and its error lines by whether a call of the run failed.
func (o *operation) learnCallFailed(runs []execution, i int, slot int64, weight float32, notes []note) {
	if !callFailed(runs, i) {
		return
	}
	o.callFails.Observe(slot, baseline.Sample{N: weight})
	for _, n := range runs[i].notes {
		if l := notes[n].line; l != nil {
			l.passedOn++
		}
	}
}

// passOn sets in which share of the deviating runs since a bucket a call had failed, beyond the calls
// that always fail. more is the share of runs that deviate, beyond the baseline.
func (s *sign) passOn(o *operation, since int64, more float64) {
	if more <= 0 || o.past == nil {
		return
	}
	runs, fails := o.runs.Total(), o.callFails.Total()
	var after, failed baseline.Sample
	for slot := max(since, o.runs.Head-baseline.Recent+1); slot <= o.runs.Head; slot++ {
		after.Add(o.runs.At(slot))
		failed.Add(o.callFails.At(slot))
	}
	before, earlier := runs.Minus(after), fails.Minus(failed)
	s.passed = min(1, max(0, baseline.Share(failed.N, after.N)-baseline.Share(earlier.N, before.N))/more)
	keep := s.keepOut
	s.keepOut = func() {
		if keep != nil {
			keep()
		}
		o.callFails.KeepShare(since, &o.runs, baseline.Share(earlier.N, before.N))
	}
}

// passOn sets for which share of the lines with a known run a call had failed.
func (l *line) passOn(s *sign) {
	if l.joined >= baseline.LeastAfter {
		s.passed = float64(min(l.passedOn, l.joined)) / float64(l.joined)
	}
}

// owned is the share of an anomaly that is the service's own, not passed on.
func (s *sign) owned() float64 { return 1 - (1-inherited)*s.passed }

// retriedSince returns when an earlier, failed attempt of the same call ended: from then on the caller
// waits until it retries. found is false if this is no retry.
func retriedSince(runs []execution, earlier []int, call int) (end model.Nanos, found bool) {
	const near = 16 // if the caller makes more calls in between, it does not wait
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
	// mostlyPassed is the share of a candidate's deviations that it must have passed on to be considered
	// an effect.
	mostlyPassed = 0.5
	// calleeSlots is how many buckets an incident waits for evidence about the callee whose failures its
	// most likely candidate passes on.
	calleeSlots = 2
)

// waitsForCallee reports whether not to open an incident yet, because all anomalies are of a service
// that passes failures on, and their origin will be visible within moments.
func (a *admission) waitsForCallee(in *incident) bool {
	root := in.suspects[0]
	if root.reason == nil || root.reason.passed < mostlyPassed || a.query.asking() {
		return false
	}
	return a.book.holds(root.service, calleeSlots)
}

// holds reports whether an incident still waits, for at most this many buckets since it could have
// been opened.
func (b *incidentBook) holds(service string, slots int64) bool {
	for name, since := range b.held {
		if b.time.Now > since+together {
			delete(b.held, name)
		}
	}
	since, found := b.held[service]
	if !found {
		b.held[service], since = b.time.Now, b.time.Now
	}
	return b.time.Now < since+model.Nanos(slots)*b.time.Width()
}

// explainStill makes the cause of a group explain slow services that depend on it even if the cause is
// no longer visible itself: a deviation of minutes leaves the recent buckets of each service at
// another time.
func (a *admission) explainStill(g *group, in *incident) {
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
		known := s.reason != nil && g.members[s.reason.key] != nil // a new anomaly has its own reason
		if known && s.reason.key.class == classSelf && a.topology.dependsOn(s.service, cause.service) {
			s.score = left(s.score, cause.most)
		}
	}
}
