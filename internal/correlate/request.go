// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// requests counts how requests end, by operation and by callee.
type requests struct {
	time     *bucket.Time
	graph    *graph
	assembly *assembly
	outcomes *lru.Table[outcomeKey, *outcomes]
	routes   routes
	callees  map[string]bool // services that other services call
}

// countOutcome counts a span as a request, and as a call.
func (r *requests) countOutcome(runs []execution, i int) {
	run := &runs[i]
	took := run.end - min(run.start, run.end)
	stands := run.adjusted * float32(uint64(1)<<r.assembly.sample)
	slot := r.time.Of(run.end)
	if run.op.key.kind == kindClient || run.op.key.kind == kindProducer {
		if callee := r.calleeOf(runs, i); callee != "" && callee != run.op.key.service {
			r.countRequest(outcomeKey{requestCall, run.op.key.service, callee}, run, calledFirst(runs, i), slot, took, stands)
		}
		return
	}
	if !run.serves() || run.repeats {
		return
	}
	key := outcomeKey{requestServed, run.op.key.service, run.op.key.name}
	if run.op.key.kind != kindConsumer && r.fromOutside(runs, i) { // no user waits for a message to be processed
		key.kind = requestEntry
	}
	r.countRequest(key, run, calledFirst(runs, i), slot, took, stands)
}

func (r *requests) countRequest(key outcomeKey, run *execution, first string, slot int64, took model.Nanos, stands float32) {
	o := r.outcomesOf(key)
	if o.observe(slot, r.routes.of(o, first, slot), run.failed, took, stands) {
		r.noteHit(o, min(run.start, run.end), run.end)
	}
}

// reportsFor is for how long after its last span a program counts as one that sends spans of its own
// requests.
const reportsFor = 600 * model.Nanos(1e9)

// reportsItself reports whether the program sends spans of its own requests at that time: those that
// the kernel sees are the same requests.
func (s *service) reportsItself(t model.Nanos) bool {
	return s.reported != 0 && s.reported+reportsFor > t
}

func (s *service) noteReported(o *origin.Origin, t model.Nanos) {
	if !o.Observed {
		s.reported = max(s.reported, t)
	}
}

// reportsOutcome reports whether a span has a status or a response code. Spans without either show the
// duration of requests, but not whether they fail.
func reportsOutcome(s *model.Span) bool {
	return s.StatusCode != 0 || s.Attributes.FirstText(semconv.HTTPResponseStatusCode, semconv.HTTPStatusCode, semconv.RPCGrpcStatusCode) != ""
}

// serves reports whether the span is a whole request to its service.
func (r *execution) serves() bool {
	kind := r.op.key.kind
	return kind == kindServer || kind == kindConsumer || r.parent < 0 && kind != kindClient && kind != kindProducer
}

// fromOutside reports whether the caller of the request is unknown.
func (r *requests) fromOutside(runs []execution, i int) bool {
	top := i
	for range runs { // parents may form a cycle
		p := runs[top].parent
		if p < 0 {
			break
		}
		if runs[p].serves() {
			return false
		}
		top = p
	}
	// The parent of the first span may be lost.
	return runs[top].spanPart.parent.IsZero() || !r.callees[runs[i].op.key.service]
}

// calleeOf returns the service that a client span calls, "" if unknown.
func (r *requests) calleeOf(runs []execution, i int) string {
	for _, child := range runs[i].children {
		if s := runs[child].op.key.service; s != runs[i].op.key.service {
			return s
		}
	}
	if len(runs[i].children) > 0 || runs[i].peer == "" {
		return ""
	}
	return r.graph.named(runs[i].peer)
}

// calledFirst returns the first operation of another service that a request calls or, if that service
// sends no spans, the call; "" for none.
func calledFirst(runs []execution, i int) string {
	service := runs[i].op.service
	for range runs { // parents may form a cycle
		if len(runs[i].children) == 0 {
			break
		}
		call := slices.IndexFunc(runs[i].children, func(child int) bool {
			return runs[child].op.service != service || runs[child].op.key.kind == kindClient || len(runs[child].children) > 0
		})
		if call < 0 {
			return ""
		}
		if i = runs[i].children[call]; runs[i].op.service != service {
			return runs[i].op.label
		}
	}
	if runs[i].op.key.kind == kindClient {
		return runs[i].op.label
	}
	return ""
}

func (r *requests) outcomesOf(key outcomeKey) *outcomes {
	if found := r.outcomes.Get(key); found != nil {
		return *found
	}
	return *r.outcomes.Put(key, &outcomes{key: key})
}

// noteCallees updates which services are called by another one.
func (r *requests) noteCallees() {
	clear(r.callees)
	for key := range r.graph.calls.All() {
		if key.caller != key.callee {
			r.callees[key.callee] = true
		}
	}
}
