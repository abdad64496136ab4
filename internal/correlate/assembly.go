// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/linerun"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/model"
)

const (
	spanCost      = 216  // bytes of a kept span without its names
	noteCost      = 112  // bytes of a kept log line without its template
	traceCost     = 256  // bytes of a trace without its spans and lines
	maxTraceParts = 4096 // most spans and lines of one trace; further ones are counted
	// slotParts is the number of spans and lines per bucket (slot) above which fewer traces are sampled:
	// 4,000 a second. Ten thousand observations are enough to know a share to one percent; more would
	// cost throughput.
	slotParts = 20_000
)

// assembly collects the spans of each trace, and the log lines that name it, until none has arrived
// for one bucket of event time.
type assembly struct {
	traces  *lru.Table[model.TraceID, *openTrace]
	bytes   int
	limit   int
	skipped uint64
	// sample: one of 2^sample traces is kept. The choice is by trace id, so that a trace is kept as a
	// whole. It grows when traces exceed the memory or slotParts.
	sample  uint
	taken   int  // spans and lines since the bucket began or sample changed
	thinned bool // sample grew in this bucket
}

type openTrace struct {
	last  model.Nanos // newest event time of its parts
	bytes int
	spans []spanPart
	notes []note
}

// spanPart holds what is kept of a span.
type spanPart struct {
	id, parent model.SpanID
	start, end model.Nanos
	op         *operation
	peer       string // the service that a client span names as the one it calls
	at         string // the address that a client span calls
	failed     bool
	reason     string // how a call failed: status, error or exception
	instance   *instance
	repeats    bool    // reported by the kernel, while the program reports the same request itself
	derived    bool    // derived from log lines, not received as a span
	adjusted   float32 // number of spans it stands for, if its sender samples
}

// note holds what is kept of a log line.
type note struct {
	span     model.SpanID
	time     model.Nanos
	service  *service
	template *logtemplate.Template
	failed   bool
	uid      string
	place    string // of a failure: place in the source code
	quote    string // of a failure: the text as the service wrote it
	line     *line  // of a failure: its history
}

func newAssembly(bytes int) *assembly {
	return &assembly{traces: lru.New[model.TraceID, *openTrace](bytes/traceCost + 1), limit: bytes}
}

// wants reports whether the trace is in the sample.
func (a *assembly) wants(id model.TraceID) bool {
	wanted := inSample(id, a.sample)
	if !wanted {
		a.skipped++
	}
	return wanted
}

// open returns the trace, or nil if no memory is left for another part of it.
func (a *assembly) open(id model.TraceID, when model.Nanos, cost int) *openTrace {
	if a.taken >= slotParts {
		a.thin()
	}
	found := a.traces.Get(id)
	if found == nil {
		a.makeRoom(traceCost + cost)
		if !a.wants(id) { // makeRoom may have halved the sample
			return nil
		}
		found = a.traces.Put(id, &openTrace{})
		a.charge(*found, traceCost)
	}
	t := *found
	if len(t.spans)+len(t.notes) >= maxTraceParts {
		a.skipped++
		return nil
	}
	a.makeRoom(cost)
	if a.traces.Peek(id) == nil { // it was itself dropped to free memory
		return nil
	}
	a.charge(t, cost)
	a.taken++
	t.last = max(t.last, when)
	return t
}

// charge adds bytes to the memory accounted for a trace.
func (a *assembly) charge(t *openTrace, bytes int) {
	t.bytes += bytes
	a.bytes += bytes
}

// makeRoom drops the traces that have waited longest, and halves the sample.
func (a *assembly) makeRoom(cost int) {
	for a.bytes+cost > a.limit && a.traces.Size() > 0 {
		id, oldest := a.traces.Last()
		a.skipped += uint64(len(oldest.spans))
		a.drop(id, oldest)
		a.traces.Evicted++
		if a.traces.Evicted%1024 == 1 {
			a.thin()
		}
	}
}

func (a *assembly) drop(id model.TraceID, t *openTrace) {
	a.bytes -= t.bytes
	a.traces.Remove(id)
}

// thin halves the sample. It also drops the open traces that are no longer in it: the rest of them
// would not be kept, and learning from incomplete traces would look as if steps were left out.
func (a *assembly) thin() {
	if a.sample < maxSample {
		a.sample++
	}
	a.taken, a.thinned = 0, true
	for id, t := range a.traces.All() {
		if !inSample(id, a.sample) {
			a.skipped += uint64(len((*t).spans))
			a.drop(id, *t)
		}
	}
}

// maxSample is the largest sample exponent: at least one trace in 65,536 is kept.
const maxSample = 16

// endSlot doubles the sample if the bucket left enough headroom.
func (a *assembly) endSlot() {
	if a.sample > 0 && !a.thinned && a.taken < slotParts/4 && a.bytes < a.limit/8 {
		a.sample--
	}
	a.taken, a.thinned = 0, false
}

// due hands over, and forgets, the traces to which nothing was added since the given time.
func (a *assembly) due(before model.Nanos, done func(model.TraceID, *openTrace)) {
	for id, t := range a.traces.All() {
		if (*t).last < before {
			trace := *t
			a.drop(id, trace)
			done(id, trace)
		}
	}
}

// often is the share of a service's traces without spans from which on spans are derived from log
// lines.
const often = 0.3

// sampledFor is for how long after a span with an adjusted count above 1 traces count as sampled.
const sampledFor = 600 * model.Nanos(1e9)

// derive makes spans from the log lines of a trace for which no span arrived. It does so where traces
// are sampled, or if the service that wrote the first line usually sends none.
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

// take adds the derived spans of a run: its own and, if another service waits for it, that of the
// call. Their ids derive from the index of the run, because several services may log the same span id.
func (t *openTrace) take(g *graph, runs []linerun.Run, place int) {
	run := &runs[place]
	first := &t.notes[run.Lines[0]]
	part := spanPart{
		id: placeID(place, 0), start: run.Start, end: run.End, adjusted: 1, derived: true,
		op: g.operation(first.service, requestOf(first.template), kindInternal),
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

// requestOf names the operation of a derived span by the first line that it logs: by the place in the
// source code or, if that is unknown, by the first line of the template.
func requestOf(t *logtemplate.Template) string {
	if place := t.CodePlace(); place != "" {
		return place
	}
	return "“" + bound.Text(logtemplate.Message(t.Text), 80) + "”"
}

// placeID makes a span id that is unique within a trace, from the index of a run and the kind of its
// span. It is never zero.
func placeID(place int, kind byte) (id model.SpanID) {
	binary.BigEndian.PutUint32(id[:], uint32(place))
	id[6], id[7] = 1, kind
	return id
}

// statement identifies the statement that wrote the line: by its place in the source code, else by the
// template. Failures are identified by the template, because one statement often writes all errors of
// a program.
func (n *note) statement() string {
	if n.failed || n.template.Place == "" {
		return n.template.Text
	}
	return n.template.Place
}
