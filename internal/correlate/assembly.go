// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/tapio/tapio/internal/correlate/linerun"
	"github.com/tapio/tapio/internal/model"
)

const (
	spanCost      = 216  // bytes of a kept span besides the names that are its own
	noteCost      = 112  // bytes of a kept log line besides its template
	traceCost     = 256  // bytes of a trace besides
	maxTraceParts = 4096 // spans and notes of one trace; the rest is counted
	// slotParts is how many spans and notes of a slot are looked at before fewer
	// traces are: 4,000 a second. A share is known to a hundredth by ten thousand
	// observations, and more of them cost the pipeline its throughput.
	slotParts = 20_000
)

// assembly puts traces together: the spans of a trace and the log lines that
// name it, until nothing more came for a while of event time.
type assembly struct {
	traces  *lru[model.TraceID, *openTrace]
	bytes   int
	limit   int
	skipped uint64
	// sample: of 2^sample traces one is kept, chosen by the trace id so that a
	// trace is kept as a whole. It grows when traces do not fit.
	sample  uint
	taken   int  // parts since the slot or the sample changed
	thinned bool // in this slot
}

type openTrace struct {
	last  model.Nanos // the newest time seen
	bytes int
	spans []spanPart
	notes []note
}

// spanPart is what is kept of a span.
type spanPart struct {
	id, parent model.SpanID
	start, end model.Nanos
	op         *operation
	peer       string // the service that a client span says it calls
	at         string // the address that a client span calls
	failed     bool
	reason     string // how a call failed
	instance   *instance
	repeats    bool    // the kernel saw a request of which the program itself reports
	derived    bool    // from log lines
	adjusted   float32 // how many spans it stands for, as its sender has sampled
}

// note is what is kept of a log line.
type note struct {
	span     model.SpanID
	time     model.Nanos
	service  *service
	template *template
	failed   bool
	uid      string
	place    string // in the source code, of a failure
	quote    string // of a failure, in the words of the service
	line     *line  // of a failure
}

func newAssembly(bytes int) *assembly {
	return &assembly{traces: newLRU[model.TraceID, *openTrace](bytes/traceCost + 1), limit: bytes}
}

// wants reports whether the trace is in the sample.
func (a *assembly) wants(id model.TraceID) bool {
	wanted := inSample(id, a.sample)
	if !wanted {
		a.skipped++
	}
	return wanted
}

// open returns the trace, nil if there is no room for another part of it.
func (a *assembly) open(id model.TraceID, when model.Nanos, cost int) *openTrace {
	if a.taken >= slotParts {
		a.thin()
	}
	found := a.traces.get(id)
	if found == nil {
		a.makeRoom(traceCost + cost)
		if !a.wants(id) { // fewer are wanted from now on
			return nil
		}
		found = a.traces.put(id, &openTrace{})
		a.charge(*found, traceCost)
	}
	t := *found
	if len(t.spans)+len(t.notes) >= maxTraceParts {
		a.skipped++
		return nil
	}
	a.makeRoom(cost)
	if a.traces.peek(id) == nil { // it was the only one
		return nil
	}
	a.charge(t, cost)
	a.taken++
	t.last = max(t.last, when)
	return t
}

// charge counts bytes of a trace.
func (a *assembly) charge(t *openTrace, bytes int) {
	t.bytes += bytes
	a.bytes += bytes
}

// makeRoom drops the traces that waited longest, and keeps fewer from then on.
func (a *assembly) makeRoom(cost int) {
	for a.bytes+cost > a.limit && a.traces.size() > 0 {
		oldest := a.traces.last
		a.skipped += uint64(len(oldest.value.spans))
		a.drop(oldest.key, oldest.value)
		a.traces.evicted++
		if a.traces.evicted%1024 == 1 {
			a.thin()
		}
	}
}

func (a *assembly) drop(id model.TraceID, t *openTrace) {
	a.bytes -= t.bytes
	a.traces.remove(id)
}

// thin keeps half as many traces from now on. Of the others no more will come,
// and to learn from a part of a trace would be to learn that steps are left out.
func (a *assembly) thin() {
	if a.sample < maxSample {
		a.sample++
	}
	a.taken, a.thinned = 0, true
	for id, t := range a.traces.all() {
		if !inSample(id, a.sample) {
			a.skipped += uint64(len((*t).spans))
			a.drop(id, *t)
		}
	}
}

// maxSample keeps one trace in 65,536 at least.
const maxSample = 16

// endSlot keeps twice as many traces again when there was room for them.
func (a *assembly) endSlot() {
	if a.sample > 0 && !a.thinned && a.taken < slotParts/4 && a.bytes < a.limit/8 {
		a.sample--
	}
	a.taken, a.thinned = 0, false
}

// due hands over the traces that nothing was added to since before.
func (a *assembly) due(before model.Nanos, done func(model.TraceID, *openTrace)) {
	for id, t := range a.traces.all() {
		if (*t).last < before {
			trace := *t
			a.drop(id, trace)
			done(id, trace)
		}
	}
}

// often is the share of traces of a service without spans from which on its log lines stand
// for them.
const often = 0.3

// sampledFor is how long after a span that stands for others traces count as sampled.
const sampledFor = 600 * model.Nanos(1e9)

// derive makes spans of the log lines of a trace of which no span came, where traces are
// sampled or if that is usual for the service that wrote the first line.
func (t *openTrace) derive(g *graph) {
	if len(t.notes) == 0 {
		return
	}
	slices.SortStableFunc(t.notes, func(a, b note) int { return cmp.Compare(a.time, b.time) })
	first, spanless := t.notes[0].service, float32(0)
	if len(t.spans) == 0 {
		spanless = 1
	}
	first.spanless += (spanless - first.spanless) / 16
	if len(t.spans) > 0 || first.spanless < often && g.sampled+sampledFor < t.last {
		return
	}
	lines := make([]linerun.Line, len(t.notes))
	for i := range t.notes {
		n := &t.notes[i]
		lines[i] = linerun.Line{Span: n.span, Service: n.service.name, Time: n.time}
	}
	runs := linerun.Of(lines)
	for i := range runs {
		t.take(g, runs, i)
	}
}

// take adds the spans of a run: its own and, if another service waits for it, that of the call.
// They are named by place, for one span ID may be that of several services.
func (t *openTrace) take(g *graph, runs []linerun.Run, place int) {
	run := &runs[place]
	first := &t.notes[run.Lines[0]]
	part := spanPart{
		id: placeID(place, 0), start: run.Start, end: run.End, adjusted: 1, derived: true,
		op: g.operation(first.service, first.template.request(), kindInternal),
	}
	for _, l := range run.Lines {
		t.notes[l].span = part.id
		part.failed = part.failed || t.notes[l].failed
	}
	if run.Parent >= 0 {
		part.parent = placeID(run.Parent, 0)
	}
	if run.Answered != 0 {
		caller := t.notes[runs[run.Parent].Lines[0]].service
		call := spanPart{
			id: placeID(place, 1), parent: part.parent, start: run.Called, end: run.Answered, adjusted: 1, derived: true, failed: part.failed,
			op: g.operation(caller, first.service.name, kindClient),
		}
		part.parent = call.id
		t.spans = append(t.spans, call)
	}
	t.spans = append(t.spans, part)
}

// request names a request by the first line that it logs: by its place in the source code or,
// if that is not known, by the first line of the template.
func (t *template) request() string {
	if place := t.codePlace(); place != "" {
		return place
	}
	return "“" + clipped(message(t.text), 80) + "”"
}

// placeID is an ID within a trace, by the place of a run and what the span is of it. It is never zero.
func placeID(place int, kind byte) (id model.SpanID) {
	binary.BigEndian.PutUint32(id[:], uint32(place))
	id[6], id[7] = 1, kind
	return id
}
