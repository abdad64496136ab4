// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "github.com/tapio/tapio/internal/semconv"

// Nanos is a time in nanoseconds since the Unix epoch; 0 means unknown.
type Nanos uint64

// EntityRef ties attributes of a resource to an entity, as OTLP's EntityRef.
type EntityRef struct {
	SchemaURL       string
	Type            string
	IDKeys          []string
	DescriptionKeys []string
}

// Resource is what produced a record. Many records share one.
type Resource struct {
	Attributes        Attributes
	EntityRefs        []EntityRef
	SchemaURL         string
	DroppedAttributes uint32
}

// Scope is the instrumentation scope that wrote a record. Many records share
// one.
type Scope struct {
	Name              string
	Version           string
	SchemaURL         string
	Attributes        Attributes
	DroppedAttributes uint32
}

// Event is one log record; with a name it is an event in the OpenTelemetry
// sense. Resource and Scope are never nil in the store.
type Event struct {
	// Seq is the place in the store's sequence, from 1; 0 before it is stored.
	Seq uint64
	// ID is set when the event is read from the store.
	ID string

	Time              Nanos
	ObservedTime      Nanos
	SeverityText      string
	Name              string
	Body              Value
	Attributes        Attributes
	Resource          *Resource
	Scope             *Scope
	TraceID           TraceID
	SpanID            SpanID
	SeverityNumber    int32
	Flags             uint32
	DroppedAttributes uint32
}

// UIDKey is the attribute under which a record brings its own id.
const UIDKey = semconv.LogRecordUID

// UID returns the id that the record brought along, "" for none.
func (e *Event) UID() string {
	for i := range e.Attributes {
		if kv := &e.Attributes[i]; kv.Key == UIDKey {
			return kv.Str()
		}
	}
	return ""
}

// When is the time that queries and order go by: the time of occurrence or, of
// a record without one, that of observation.
func (e *Event) When() Nanos {
	if e.Time != 0 {
		return e.Time
	}
	return e.ObservedTime
}

const (
	eventSize     = 272 // the struct, and its slot in a segment
	spanSize      = 384
	spanEventSize = 72
	spanLinkSize  = 96
	pointSize     = 112
	exemplarSize  = 88
	resourceSize  = 96
	scopeSize     = 96
	metricSize    = 96
	seriesSize    = 64
)

// Size estimates the bytes that the event holds in memory, without the resource
// and the scope that it shares.
func (e *Event) Size() int {
	return eventSize + len(e.SeverityText) + len(e.Name) + e.Body.heapSize() + e.Attributes.Size()
}

// AnswerSize estimates the bytes that the event takes in an answer, which
// repeats the resource and the scope.
func (e *Event) AnswerSize() int { return e.Size() + e.Resource.Size() + e.Scope.Size() }

// Size estimates the bytes that the resource holds in memory.
func (r *Resource) Size() int {
	n := resourceSize + len(r.SchemaURL) + r.Attributes.Size()
	for _, ref := range r.EntityRefs {
		n += 80 + len(ref.SchemaURL) + len(ref.Type) + stringsSize(ref.IDKeys) + stringsSize(ref.DescriptionKeys)
	}
	return n
}

// Size estimates the bytes that the scope holds in memory.
func (s *Scope) Size() int {
	return scopeSize + len(s.Name) + len(s.Version) + len(s.SchemaURL) + s.Attributes.Size()
}

func stringsSize(list []string) int {
	n := 0
	for _, s := range list {
		n += 16 + len(s)
	}
	return n
}
