// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/segment"
)

// eachState runs a test on open chunks and on compacted ones.
func eachState(t *testing.T, s *Store, test func(t *testing.T)) {
	t.Helper()
	t.Run("open", test)
	s.events.compactAll()
	s.spans.compactAll()
	t.Run("compacted", test)
}

// What says its severity in text alone is found by its class, compacted or not; and
// letters that differ in case alone are the same.
func TestRecordsAreFoundByTheirTexts(t *testing.T) {
	s := New(Limits{Logs: 8 * mebibyte}, time.Now)
	var rows []model.Event
	for i := range 3 * segment.BlockRows {
		rows = append(rows, model.Event{Time: model.Nanos(i + 1), SeverityText: "INFO", Body: model.StringValue(fmt.Sprint("line ", i))})
	}
	rows[700].SeverityText, rows[700].Body = "Err", model.StringValue("ο σίσυφος")
	rows[900].SeverityText = "CRITICAL"
	s.AppendEvents(rows)
	eachState(t, s, func(t *testing.T) {
		for name, filter := range map[string]model.Filter{
			"at least":   {MinSeverity: model.SeverityError},
			"one of":     {Severities: []model.Severity{model.SeverityError, model.SeverityFatal}},
			"not, below": {Severities: []model.Severity{model.SeverityInfo}, Invert: true},
		} {
			page, err := s.QueryEvents(t.Context(), model.EventQuery{Filter: filter, Paging: model.Paging{Limit: 10}})
			require.NoError(t, err)
			require.Len(t, page.Rows, 2, name)
			assert.Equal(t, "CRITICAL", page.Rows[0].SeverityText, "the text stays")
			assert.Zero(t, page.Rows[0].SeverityNumber, "and the number is not made up")
		}
		page, err := s.QueryEvents(t.Context(), model.EventQuery{Filter: model.Filter{Text: model.FoldText("ΣΊΣΥΦΟΣ")}, Paging: model.Paging{Limit: 10}})
		require.NoError(t, err)
		require.Len(t, page.Rows, 1)
	})
}

// A span without a trace id is a trace of its own.
func TestSpansWithoutATraceAreFound(t *testing.T) {
	s := New(Limits{Traces: 8 * mebibyte}, time.Now)
	s.AppendSpans([]model.Span{
		{Start: 1, End: 2, Name: "lost", SpanID: model.SpanID{1}},
		{Start: 3, End: 4, Name: "found", TraceID: model.TraceID{1}, SpanID: model.SpanID{2}},
		{Start: 5, End: 6, Name: "lost too", SpanID: model.SpanID{3}},
	})
	eachState(t, s, func(t *testing.T) {
		var names []string
		q := model.TraceQuery{Paging: model.Paging{Limit: 2}}
		for {
			page, err := s.QueryTraces(t.Context(), q)
			require.NoError(t, err)
			for _, trace := range page.Rows {
				require.Len(t, trace.Spans, 1)
				names = append(names, trace.Spans[0].Name)
			}
			if page.Next.IsZero() {
				break
			}
			q.Paging.After = page.Next
		}
		assert.Equal(t, []string{"lost too", "found", "lost"}, names)
	})
}

// A page of traces ends before it would hold more than a query may: the others
// come with the next one.
func TestAPageOfLargeTracesEndsEarly(t *testing.T) {
	s := New(Limits{Traces: 64 * mebibyte, QueryMemory: 16 * mebibyte}, time.Now) // of which one query has 4 MiB
	const traces, spans = 3, 6000
	for id := range traces {
		rows := make([]model.Span, spans)
		for i := range rows {
			rows[i] = model.Span{
				Start: model.Nanos(1 + id*spans + i), TraceID: model.TraceID{byte(id + 1)}, SpanID: model.SpanID{byte(id), byte(i), byte(i >> 8)}, Name: "op",
			}
		}
		s.AppendSpans(rows)
	}
	eachState(t, s, func(t *testing.T) {
		var ids []model.TraceID
		for q := (model.TraceQuery{Paging: model.Paging{Limit: 10}}); ; {
			page, err := s.QueryTraces(t.Context(), q)
			require.NoError(t, err)
			for _, trace := range page.Rows {
				require.Len(t, trace.Spans, spans)
				ids = append(ids, trace.ID)
			}
			if q.Paging.After = page.Next; page.Next.IsZero() {
				break
			}
		}
		assert.Equal(t, []model.TraceID{{3}, {2}, {1}}, ids)
	})
}
