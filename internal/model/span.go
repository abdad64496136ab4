// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// Span is one timed operation. Resource and Scope are never nil in the store.
type Span struct {
	// Seq is the place in the store's sequence, from 1; 0 before it is stored.
	Seq uint64

	TraceID           TraceID
	SpanID            SpanID
	ParentID          SpanID
	Start             Nanos
	End               Nanos
	Name              string
	TraceState        string
	StatusMessage     string
	Attributes        Attributes
	Events            []SpanEvent
	Links             []SpanLink
	Resource          *Resource
	Scope             *Scope
	Kind              int32
	StatusCode        int32
	Flags             uint32
	DroppedAttributes uint32
	DroppedEvents     uint32
	DroppedLinks      uint32
}

// StatusError is OTLP's status code of a failed span.
const StatusError = 2

// SpanEvent is something that happened during a span.
type SpanEvent struct {
	Time              Nanos
	Name              string
	Attributes        Attributes
	DroppedAttributes uint32
}

// SpanLink points from a span at another one.
type SpanLink struct {
	TraceID           TraceID
	SpanID            SpanID
	TraceState        string
	Attributes        Attributes
	Flags             uint32
	DroppedAttributes uint32
}

// Duration is End minus Start, 0 where the end lies before the start.
func (s *Span) Duration() Nanos {
	if s.End <= s.Start {
		return 0
	}
	return s.End - s.Start
}

// Size estimates the bytes that the span holds in memory, without the resource
// and the scope that it shares.
func (s *Span) Size() int {
	n := spanSize + len(s.Name) + len(s.TraceState) + len(s.StatusMessage) + s.Attributes.Size()
	for i := range s.Events {
		n += spanEventSize + len(s.Events[i].Name) + s.Events[i].Attributes.Size()
	}
	for i := range s.Links {
		n += spanLinkSize + len(s.Links[i].TraceState) + s.Links[i].Attributes.Size()
	}
	return n
}

// AnswerSize estimates the bytes that the span takes in an answer, at most:
// spans of one resource and scope share theirs.
func (s *Span) AnswerSize() int { return s.Size() + s.Resource.Size() + s.Scope.Size() }

// Trace is all stored spans of one trace, ordered by start.
type Trace struct {
	ID    TraceID
	Spans []Span
}

// TraceExtent is when the stored spans of a trace began and ended, with the service and
// the name of the first one.
type TraceExtent struct {
	Start, End         Nanos
	Service, Operation string
}

// Duration is from the beginning of the first span to the end of the last one.
func (e *TraceExtent) Duration() time.Duration { return time.Duration(e.End - e.Start) }

// Extent returns the extent of a trace with at least one span.
func (t *Trace) Extent() TraceExtent {
	first := &t.Spans[0]
	extent := TraceExtent{Start: first.Start, End: first.Start, Service: first.Resource.Service(), Operation: first.Name}
	for i := range t.Spans {
		extent.End = max(extent.End, t.Spans[i].End)
	}
	return extent
}
