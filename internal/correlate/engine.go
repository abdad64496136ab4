// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "github.com/tapio/tapio/internal/tapio"

// Engine observes records and finds incidents.
type Engine struct {
	config Config
	now    tapio.Nanos
}

// New makes an engine. The error is a *tapio.FieldError.
func New(config Config) (*Engine, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	return &Engine{config: config}, nil
}

// Mark says something about one of the records just observed.
type Mark struct {
	// Index is the record's place in the slice that was observed.
	Index int
	// GroupID is the open group that the record belongs to, "" for none yet.
	GroupID string
	// UID is the id under which findings will name the record as evidence; an
	// event that has none of its own must be given it as log.record.uid.
	UID string
	// Template is the log template of an event, "" of other records.
	Template string
}

// ObserveEvents takes log records and events in any order of time. The marks
// are ordered by index; most records have none. They are valid until the next
// call of the engine.
func (e *Engine) ObserveEvents(events []tapio.Event) []Mark {
	for i := range events {
		e.now = max(e.now, events[i].When())
	}
	return nil
}

// ObserveSpans takes spans in any order of time. Marks are as of ObserveEvents.
func (e *Engine) ObserveSpans(spans []tapio.Span) []Mark {
	for i := range spans {
		e.now = max(e.now, spans[i].End)
	}
	return nil
}

// ObservePoints takes metric points in any order of time. Marks are as of
// ObserveEvents.
func (e *Engine) ObservePoints(points []tapio.Point) []Mark {
	for i := range points {
		e.now = max(e.now, points[i].Time)
	}
	return nil
}

// Flush returns the findings that are due at the event time now, the watermark:
// the caller holds records older than that to be complete. A finding that was
// returned before comes again with a higher revision when it has changed. A
// time before that of an earlier call does nothing.
func (e *Engine) Flush(now tapio.Nanos) []tapio.Finding {
	e.now = max(e.now, now)
	return nil
}

// Stats is the state of the engine in figures.
type Stats struct {
	MemoryBytes  int            // as the engine accounts for it
	MemoryLimit  int            // MemoryBytes never exceeds it
	OpenGroups   int            // incidents not closed
	Series       int            // metric series tracked
	Templates    int            // log templates known
	Operations   int            // operations and edges of the service graph
	Evictions    map[string]int // what was forgotten to stay in bounds, by kind
	SkippedSpans uint64         // ordinary spans not looked at closely
	Late         uint64         // records too old to count
}

// Stats returns the figures of now.
func (e *Engine) Stats() Stats {
	return Stats{MemoryLimit: e.config.MemoryLimit}
}
