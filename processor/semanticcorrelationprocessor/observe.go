// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/tapio"
)

// observeEvents shows the engine log records and returns what is to be marked.
// It may change the slice.
func (e *engine) observeEvents(events []tapio.Event) []otlp.Mark {
	own, places := withoutFindings(events)
	e.findings.Add(uint64(len(events) - len(own)))
	e.observed[logs].Add(uint64(len(own)))
	if len(own) == 0 {
		return nil
	}
	var newest tapio.Nanos
	for i := range own {
		newest = max(newest, own[i].When())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	marks := copyMarks(e.thinking.ObserveEvents(own))
	e.advance(newest)
	for i := range marks {
		if places != nil {
			marks[i].Index = places[marks[i].Index]
		}
	}
	return marks
}

// withoutFindings leaves out the findings of other engines that pass through:
// they are conclusions, not observations. places are those of the others, nil
// where all stay.
func withoutFindings(events []tapio.Event) (own []tapio.Event, places []int) {
	finding := func(event tapio.Event) bool { return otlp.IsFinding(&event) }
	if !slices.ContainsFunc(events, finding) {
		return events, nil
	}
	for i := range events {
		if !finding(events[i]) {
			places = append(places, i)
		}
	}
	return slices.DeleteFunc(events, finding), places
}

// observeSpans shows the engine spans and returns what is to be marked.
func (e *engine) observeSpans(spans []tapio.Span) []otlp.Mark {
	e.observed[traces].Add(uint64(len(spans)))
	if len(spans) == 0 {
		return nil
	}
	var newest tapio.Nanos
	for i := range spans {
		newest = max(newest, spans[i].End)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	marks := copyMarks(e.thinking.ObserveSpans(spans))
	e.advance(newest)
	return marks
}

// observePoints shows the engine metric points.
func (e *engine) observePoints(points []tapio.Point) {
	e.observed[metrics].Add(uint64(len(points)))
	if len(points) == 0 {
		return
	}
	var newest tapio.Nanos
	for i := range points {
		newest = max(newest, points[i].Time)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.thinking.ObservePoints(points)
	e.advance(newest)
}

// copyMarks keeps marks beyond the next call of the engine, which reuses them.
func copyMarks(marks []correlate.Mark) []otlp.Mark {
	var list []otlp.Mark
	for _, m := range marks {
		list = append(list, otlp.Mark{Index: m.Index, GroupID: m.GroupID, UID: m.UID, Template: m.Template})
	}
	return list
}
