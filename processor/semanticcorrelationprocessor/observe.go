// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/correlate"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
)

// observeLogs shows the engine log records and returns what is to be marked. The
// findings of other engines that pass through are left out: they are conclusions,
// not observations.
func (e *engine) observeLogs(reader *otlp.Reader, records plog.Logs) []otlp.Mark {
	interest, findings, n := e.interest.Load(), 0, e.observed[logs].Load()
	chosen := reader.Events(records, func(event *model.Event) bool {
		if otlp.IsFinding(event) {
			findings++
			return false
		}
		n++
		return interest.Event(event, n)
	})
	e.findings.Add(uint64(findings))
	e.observed[logs].Add(uint64(chosen.Total - findings))
	e.ahead.Add(uint64(chosen.Beyond))
	e.ordinary[logs].Add(uint64(chosen.Total - findings - chosen.Beyond - len(chosen.Rows)))
	if chosen.Total == findings {
		return nil
	}
	return observe(e, chosen, thinker.ObserveEvents)
}

// observeTraces shows the engine spans and returns what is to be marked.
func (e *engine) observeTraces(reader *otlp.Reader, spans ptrace.Traces) []otlp.Mark {
	chosen := reader.Spans(spans, e.interest.Load().Span)
	e.observed[traces].Add(uint64(chosen.Total))
	e.ahead.Add(uint64(chosen.Beyond))
	e.ordinary[traces].Add(uint64(chosen.Total - chosen.Beyond - len(chosen.Rows)))
	return observe(e, chosen, thinker.ObserveSpans)
}

// observe shows the engine what was chosen of a batch.
func observe[R any](e *engine, chosen *otlp.Selection[R], show func(thinker, []R) []correlate.Mark) (marks []otlp.Mark) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.think(func() {
		e.thinking.Saw(chosen.Oldest, chosen.Newest)
		marks = copyMarks(show(e.thinking, chosen.Rows), chosen.Places)
		e.advance(sourceOf(chosen), chosen.Oldest, chosen.Newest)
	})
	return marks
}

// sourceOf names where a batch comes from, by the first of its records that is of
// interest, "" for none.
func sourceOf[R any](chosen *otlp.Selection[R]) string {
	var resource *model.Resource
	if len(chosen.Rows) > 0 {
		switch first := any(&chosen.Rows[0]).(type) {
		case *model.Event:
			resource = first.Resource
		case *model.Span:
			resource = first.Resource
		}
	}
	if resource == nil {
		return ""
	}
	name, _ := resource.Attributes.Get(semconv.ServiceName)
	return name.Str()
}

// observeMetrics shows the engine metric points.
func (e *engine) observeMetrics(reader *otlp.Reader, points pmetric.Metrics) {
	batch, beyond, newest := reader.Points(points)
	e.observed[metrics].Add(uint64(len(batch.Points) + beyond))
	e.ahead.Add(uint64(beyond))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.think(func() {
		e.thinking.ObservePointBatch(batch)
		e.advance("", 0, newest) // points are judged by their own times
	})
}

// observeProfiles shows the engine profiles. They arrive when they are complete, long after
// their beginning, so that event time does not go by them.
func (e *engine) observeProfiles(from pprofile.Profiles) {
	list, _ := otlp.Profiles(from)
	e.observed[profiles].Add(uint64(len(list)))
	latest := model.Nanos(time.Now().Add(maxSkew).UnixNano())
	kept := slices.DeleteFunc(list, func(p model.Profile) bool { return p.Time > latest })
	e.ahead.Add(uint64(len(list) - len(kept)))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.think(func() { e.thinking.ObserveProfiles(kept) })
}

// copyMarks keeps marks beyond the next call of the engine, which reuses them.
// places are those of what was observed within the batch.
func copyMarks(marks []correlate.Mark, places []int) []otlp.Mark {
	if len(marks) == 0 {
		return nil
	}
	list := make([]otlp.Mark, len(marks))
	for i, m := range marks {
		list[i] = otlp.Mark{Index: places[m.Index], GroupID: m.GroupID, UID: m.UID, Template: m.Template}
	}
	return list
}
