// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "github.com/tapio/tapio/internal/model"

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
