// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"unsafe"

	"github.com/tapio/tapio/internal/tapio"
)

// signal is all that a log must know about its rows.
type signal[R any] struct {
	name string
	slot int // bytes of a row in its array; within size
	when func(*R) tapio.Nanos
	size func(*R) int
	// answer is the size by which pages are bounded.
	answer func(*R) int
	// number sets the row's sequence.
	number func(*R, uint64)
	// complete replaces parts that must not be nil.
	complete func(*R)
	// cost is what keep would add to the chunk's bytes.
	cost func(*parts, *R) int
	// codec writes a full chunk as a segment.
	codec codec[R]
	// uid is the id that the row brought along, "" for none.
	uid func(*R) string
	// keep interns the row's shared parts and indexes it as the row at place.
	keep func(p *parts, row *R, place int32)
}

func eventSignal() signal[tapio.Event] {
	var resource tapio.Resource
	var scope tapio.Scope
	return signal[tapio.Event]{
		name:   "logs",
		codec:  eventCodec{},
		uid:    (*tapio.Event).UID,
		slot:   int(unsafe.Sizeof(tapio.Event{})),
		when:   (*tapio.Event).When,
		size:   (*tapio.Event).Size,
		answer: (*tapio.Event).AnswerSize,
		number: func(e *tapio.Event, seq uint64) { e.Seq = seq },
		complete: func(e *tapio.Event) {
			e.Resource, e.Scope = orElse(e.Resource, &resource), orElse(e.Scope, &scope)
		},
		cost: func(p *parts, e *tapio.Event) int {
			return p.resources.cost(e.Resource) + p.scopes.cost(e.Scope) + p.uidCost(e.UID())
		},
		keep: func(p *parts, e *tapio.Event, place int32) {
			e.Resource, e.Scope = p.resources.keep(e.Resource), p.scopes.keep(e.Scope)
			p.keepUID(e.UID(), place)
		},
	}
}

func spanSignal() signal[tapio.Span] {
	var resource tapio.Resource
	var scope tapio.Scope
	return signal[tapio.Span]{
		name:   "traces",
		codec:  spanCodec{},
		slot:   int(unsafe.Sizeof(tapio.Span{})),
		when:   func(s *tapio.Span) tapio.Nanos { return s.Start },
		size:   (*tapio.Span).Size,
		answer: (*tapio.Span).Size,
		number: func(s *tapio.Span, seq uint64) { s.Seq = seq },
		complete: func(s *tapio.Span) {
			s.Resource, s.Scope = orElse(s.Resource, &resource), orElse(s.Scope, &scope)
		},
		cost: func(p *parts, s *tapio.Span) int {
			return p.resources.cost(s.Resource) + p.scopes.cost(s.Scope) + p.traceCost(s.TraceID)
		},
		keep: func(p *parts, s *tapio.Span, place int32) {
			s.Resource, s.Scope = p.resources.keep(s.Resource), p.scopes.keep(s.Scope)
			p.keepTrace(s.TraceID, place)
		},
	}
}

func orElse[T any](v, other *T) *T {
	if v == nil {
		return other
	}
	return v
}

// matcher makes a test of the rows of one chunk. It is called anew for each
// chunk, so that a test may remember what it found out about shared parts.
type matcher[R any] func() func(*R) bool

func eventMatcher(q tapio.EventQuery) matcher[tapio.Event] {
	match := func(e *tapio.Event) bool {
		return (!q.NamedOnly || e.Name != "") &&
			(q.TraceID.IsZero() || e.TraceID == q.TraceID) &&
			q.Filter.MatchEvent(e)
	}
	return func() func(*tapio.Event) bool { return match }
}

func spanMatcher(q tapio.TraceQuery) matcher[tapio.Span] {
	return func() func(*tapio.Span) bool { return q.MatchSpan }
}
