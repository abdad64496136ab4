// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/intern"
	"github.com/tapio/tapio/internal/store/rowcode"
	"github.com/tapio/tapio/internal/store/segment"
)

// signal is all that a log must know about its rows.
type signal[R any] struct {
	name  string
	place uint8 // in the write-ahead log
	slot  int   // bytes of a row in its array; within size
	when  func(*R) model.Nanos
	size  func(*R) int
	// answer is the size by which pages are bounded.
	answer func(*R) int
	// number sets the row's sequence.
	number func(*R, uint64)
	// complete replaces parts that must not be nil.
	complete func(*R)
	// cost is what keep would add to the chunk's bytes.
	cost func(*intern.Parts, *R) int
	// codec writes a full chunk as a segment.
	codec segment.Codec[R]
	// facts are what its rows are grouped and compared by.
	facts facts[R]
	// attributes are those of the row itself.
	attributes func(*R) model.Attributes
	// encode writes a row for the write-ahead log, and decode reads it.
	encode func(*rowcode.Encoder, *R)
	decode func(*rowcode.Decoder) R
	// uid is the id that the row brought along, "" for none.
	uid func(*R) string
	// keep interns the row's shared parts and indexes it as the row at place.
	keep func(p *intern.Parts, row *R, place int32)
}

func eventSignal() signal[model.Event] {
	var resource model.Resource
	var scope model.Scope
	return signal[model.Event]{
		name:       "logs",
		codec:      segment.EventCodec{},
		facts:      eventFacts(),
		uid:        (*model.Event).UID,
		attributes: func(e *model.Event) model.Attributes { return e.Attributes },
		slot:       int(unsafe.Sizeof(model.Event{})),
		when:       (*model.Event).When,
		size:       (*model.Event).Size,
		answer:     (*model.Event).AnswerSize,
		number:     func(e *model.Event, seq uint64) { e.Seq = seq },
		place:      numberLogs,
		encode:     (*rowcode.Encoder).Event,
		decode:     (*rowcode.Decoder).Event,
		complete: func(e *model.Event) {
			e.Resource, e.Scope = cmp.Or(e.Resource, &resource), cmp.Or(e.Scope, &scope)
		},
		cost: func(p *intern.Parts, e *model.Event) int {
			return p.Resources.Cost(e.Resource) + p.Scopes.Cost(e.Scope) + p.UIDCost(e.UID())
		},
		keep: func(p *intern.Parts, e *model.Event, place int32) {
			e.Resource, e.Scope = p.Resources.Keep(e.Resource), p.Scopes.Keep(e.Scope)
			p.KeepUID(e.UID(), place)
		},
	}
}

func spanSignal() signal[model.Span] {
	var resource model.Resource
	var scope model.Scope
	return signal[model.Span]{
		name:       "traces",
		attributes: func(s *model.Span) model.Attributes { return s.Attributes },
		codec:      segment.SpanCodec{},
		facts:      spanFacts(),
		slot:       int(unsafe.Sizeof(model.Span{})),
		when:       func(s *model.Span) model.Nanos { return s.Start },
		size:       (*model.Span).Size,
		answer:     (*model.Span).Size,
		number:     func(s *model.Span, seq uint64) { s.Seq = seq },
		place:      numberTraces,
		encode:     (*rowcode.Encoder).Span,
		decode:     (*rowcode.Decoder).Span,
		complete: func(s *model.Span) {
			s.Resource, s.Scope = cmp.Or(s.Resource, &resource), cmp.Or(s.Scope, &scope)
		},
		cost: func(p *intern.Parts, s *model.Span) int {
			return p.Resources.Cost(s.Resource) + p.Scopes.Cost(s.Scope) + p.TraceCost(s.TraceID)
		},
		keep: func(p *intern.Parts, s *model.Span, place int32) {
			s.Resource, s.Scope = p.Resources.Keep(s.Resource), p.Scopes.Keep(s.Scope)
			p.KeepTrace(s.TraceID, place)
		},
	}
}

// matcher makes a test of the rows of one chunk. It is called again for each
// chunk, so that a test may remember what it found out about shared parts.
type matcher[R any] func() func(*R) bool

func eventMatcher(q model.EventQuery) matcher[model.Event] {
	match := func(e *model.Event) bool {
		return q.Kind.Match(e.Name) &&
			(q.TraceID.IsZero() || e.TraceID == q.TraceID) &&
			q.Filter.MatchEvent(e)
	}
	return func() func(*model.Event) bool { return match }
}

func spanMatcher(q model.TraceQuery) matcher[model.Span] {
	return func() func(*model.Span) bool { return q.MatchSpan }
}
