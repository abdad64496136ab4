// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
)

// Reader reads batches for someone who looks at some of the records only, and
// keeps none: their memory is used again by the next call. Resources and scopes,
// which may be kept, are made again. The zero Reader is ready; it is for one
// goroutine at a time.
type Reader struct {
	events Selection[model.Event]
	// Latest leaves out records from after it, 0 for no bound: of a host whose clock
	// is ahead, and others that are batched with them must not be judged by it.
	Latest model.Nanos

	spans      Selection[model.Span]
	points     model.PointBatch
	attributes slab[model.KeyValue]
	memory     spanMemory
}

// Selection is what was chosen of a batch.
type Selection[R any] struct {
	Rows   []R
	Places []int // of the rows within the batch, ascending
	Total  int   // records in the batch
	Beyond int   // of these, left out for they are from after Reader.Latest
	// Oldest and Newest are times of the whole batch, 0 where no record has one.
	Oldest, Newest model.Nanos
}

const (
	// maxKeptRows is the most elements of a slice that a Reader keeps for the next
	// call, so that one giant batch does not stay for ever; maxKeptBytes likewise.
	maxKeptRows  = 1 << 16
	maxKeptBytes = 4 << 20
	// leastAttributes is how many attributes are made room for at once.
	leastAttributes = 1 << 10
)

// reset empties the selection and keeps its memory.
func (s *Selection[R]) reset() {
	if cap(s.Rows) > maxKeptRows {
		s.Rows, s.Places = nil, nil
	}
	*s = Selection[R]{Rows: s.Rows[:0], Places: s.Places[:0]}
}

// next returns room for the next record; the caller drops it again if the record
// is not worth it.
func (s *Selection[R]) next() *R {
	var empty R
	s.Rows = append(s.Rows, empty)
	s.Places = append(s.Places, s.Total)
	s.Total++
	return &s.Rows[len(s.Rows)-1]
}

// within reports whether a record is not from after the latest time, and sees its
// time; else it drops the record.
func (s *Selection[R]) within(latest, t model.Nanos) bool {
	if latest != 0 && t > latest {
		s.Beyond++
		s.drop()
		return false
	}
	s.see(t)
	return true
}

func (s *Selection[R]) drop() {
	s.Rows, s.Places = s.Rows[:len(s.Rows)-1], s.Places[:len(s.Places)-1]
}

func (s *Selection[R]) see(t model.Nanos) {
	if t == 0 {
		return
	}
	if s.Oldest == 0 || t < s.Oldest {
		s.Oldest = t
	}
	s.Newest = max(s.Newest, t)
}

// room makes sure of memory for n elements. What was handed out before stays as
// it is.
func (s *slab[T]) room(n, least int) {
	if len(s.free) < n {
		s.all = make([]T, max(n, least, min(2*len(s.all), maxKeptRows)))
		s.free = s.all
	}
}

// rewind hands out the memory from its beginning again: no one may look at what
// was handed out before.
func (s *slab[T]) rewind() {
	if len(s.all) > maxKeptRows {
		s.all = nil
	}
	s.free, s.latest = s.all, nil
}

// Events reads the log records that are worth it. worth is shown them without
// body and attributes, which are most of the work.
func (r *Reader) Events(logs plog.Logs, worth func(*model.Event) bool) *Selection[model.Event] {
	chosen := &r.events
	chosen.reset()
	r.attributes.rewind()
	for _, ofResource := range logs.ResourceLogs().All() {
		resource := resourceFrom(ofResource.Resource(), ofResource.SchemaUrl())
		for _, ofScope := range ofResource.ScopeLogs().All() {
			scope := scopeFrom(ofScope.Scope(), ofScope.SchemaUrl())
			for _, record := range ofScope.LogRecords().All() {
				event := chosen.next()
				event.Resource, event.Scope = resource, scope
				readRecordHead(event, record)
				if !chosen.within(r.Latest, event.When()) {
					continue
				}
				if !worth(event) {
					chosen.drop()
					continue
				}
				r.attributes.room(record.Attributes().Len(), leastAttributes)
				readRecordRest(event, record, &r.attributes)
			}
		}
	}
	return chosen
}

// Spans reads the spans that are worth it. worth is shown them without
// attributes, events and links.
func (r *Reader) Spans(traces ptrace.Traces, worth func(*model.Span) bool) *Selection[model.Span] {
	chosen, memory := &r.spans, &r.memory
	chosen.reset()
	memory.attributes.rewind()
	memory.events.rewind()
	memory.links.rewind()
	for _, ofResource := range traces.ResourceSpans().All() {
		resource := resourceFrom(ofResource.Resource(), ofResource.SchemaUrl())
		for _, ofScope := range ofResource.ScopeSpans().All() {
			scope := scopeFrom(ofScope.Scope(), ofScope.SchemaUrl())
			for _, from := range ofScope.Spans().All() {
				span := chosen.next()
				span.Resource, span.Scope = resource, scope
				readSpanHead(span, from)
				if !chosen.within(r.Latest, span.End) {
					continue
				}
				if !worth(span) {
					chosen.drop()
					continue
				}
				memory.attributes.room(countSpanAttributes(from), leastAttributes)
				memory.events.room(from.Events().Len(), 1)
				memory.links.room(from.Links().Len(), 1)
				memory.readSpanRest(span, from)
			}
		}
	}
	return chosen
}

// Points reads all data points, packed, but those from after Latest, of which there are
// beyond. Newest is as of a Selection.
func (r *Reader) Points(metrics pmetric.Metrics) (batch *model.PointBatch, beyond int, newest model.Nanos) {
	if cap(r.points.Bytes) > maxKeptBytes {
		r.points = model.PointBatch{}
	}
	r.points.Reset()
	ReadMetrics(&r.points, metrics)
	all := len(r.points.Points)
	if r.Latest != 0 {
		r.points.Points = slices.DeleteFunc(r.points.Points, func(p model.PackedPoint) bool { return p.Time > r.Latest })
	}
	var times Selection[model.Point]
	for i := range r.points.Points {
		times.see(r.points.Points[i].Time)
	}
	return &r.points, all - len(r.points.Points), times.Newest
}
