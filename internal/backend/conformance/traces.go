// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// traces returns the ids of the traces that a query selects, the newest first.
func (d *dataset) traces(q *model.TraceQuery) []model.TraceID {
	newest := map[model.TraceID]model.Nanos{}
	for i := range d.spans {
		span := &d.spans[i]
		if q.MatchSpan(span) {
			newest[span.TraceID] = max(newest[span.TraceID], span.Start)
		}
	}
	ids := []model.TraceID{}
	for id := range newest {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b model.TraceID) int { return cmp.Compare(newest[b], newest[a]) })
	return ids
}

func traceIDs(traces []model.Trace) []model.TraceID {
	ids := make([]model.TraceID, len(traces))
	for i := range traces {
		ids[i] = traces[i].ID
	}
	return ids
}

func (s *suite) allTraces(t *testing.T, q model.TraceQuery) []model.Trace {
	rows, _ := pagesOf(t, q.Paging, func(ctx context.Context, paging model.Paging) (model.Page[model.Trace], error) {
		q.Paging = paging
		return s.reader.QueryTraces(ctx, q)
	})
	return rows
}

func (s *suite) traceFilters(t *testing.T) {
	const millisecond = time.Millisecond
	queries := map[string]model.TraceQuery{
		"all":                       {},
		"operation":                 {Operations: []string{"POST /orders"}},
		"beginning of an operation": {Operations: []string{"GET*", "SELECT*"}},
		"duration":                  {MinDuration: 30 * millisecond, MaxDuration: 60 * millisecond},
		"long":                      {MinDuration: 90 * millisecond},
		"failed":                    {StatusCodes: []int32{model.StatusError}},
		"succeeded":                 {StatusCodes: []int32{1}, Kinds: []int32{2}},
		"client":                    {Kinds: []int32{3}, Filter: model.Filter{Services: []string{"gateway"}}},
		"text":                      {Filter: model.Filter{Text: model.FoldText("UPSTREAM failed")}},
		"text of an attribute":      {Filter: model.Filter{Text: model.FoldText("where id = 7")}},
		"time":                      {Filter: model.Filter{Time: model.TimeRange{Start: datasetStart + minute, End: datasetStart + 2*minute}}},
		"tag":                       {Tags: []model.SpanTag{{Key: semconv.HTTPRequestMethod, Value: "GET"}, {Key: "error", Value: "true"}}},
		"tag of an event":           {Tags: []model.SpanTag{{Key: semconv.ExceptionType, Value: "Timeout"}}},
		"tag of a resource":         {Tags: []model.SpanTag{{Key: semconv.ServiceVersion, Value: "2.0.1"}}, MinDuration: 50 * millisecond},
		"nothing":                   {Operations: []string{"DELETE /orders"}},
		"inverted":                  {Filter: model.Filter{Services: []string{"gateway"}, Invert: true}, MinDuration: 20 * millisecond},
		"database":                  {Filter: model.Filter{Selectors: []model.Selector{selector(t, semconv.DBSystemName, "=", "postgresql")}}},
		"number":                    {Filter: model.Filter{Selectors: []model.Selector{selector(t, number, ">=", "700")}}},
	}
	for name, q := range queries {
		t.Run(name, func(t *testing.T) {
			q.Paging.Limit = 1000
			require.Equal(t, s.data.traces(&q), traceIDs(s.allTraces(t, q)))
		})
	}
}

// traceContent requires that a trace has all its spans, as they were written, although
// its filter selects one of them only.
func (s *suite) traceContent(t *testing.T) {
	traces := s.allTraces(t, model.TraceQuery{Operations: []string{"SELECT orders"}, Paging: model.Paging{Limit: 1000}})
	require.NotEmpty(t, traces)
	for i := range traces {
		s.requireWritten(t, &traces[i])
	}
}

func (s *suite) requireWritten(t *testing.T, got *model.Trace) {
	t.Helper()
	var want []model.Span
	for i := range s.data.spans {
		if s.data.spans[i].TraceID == got.ID {
			want = append(want, s.data.spans[i])
		}
	}
	slices.SortFunc(want, func(a, b model.Span) int { return cmp.Compare(a.Start, b.Start) })
	require.Len(t, got.Spans, len(want))
	for i := range want {
		row := got.Spans[i]
		require.Equal(t, *want[i].Resource, *row.Resource)
		require.Equal(t, *want[i].Scope, *row.Scope)
		row.Seq, row.Resource, row.Scope = 0, want[i].Resource, want[i].Scope
		require.Equal(t, want[i], row)
	}
}

func (s *suite) tracePages(t *testing.T) {
	for name, q := range map[string]model.TraceQuery{
		"all": {}, "failed": {StatusCodes: []int32{model.StatusError}}, "of a service": {Filter: model.Filter{Services: []string{"orders"}}},
	} {
		want := s.data.traces(&q)
		for _, ascending := range []bool{false, true} {
			for _, limit := range []int{3, 40, 1000} {
				q.Paging = model.Paging{Limit: limit, Ascending: ascending}
				got := traceIDs(s.allTraces(t, q))
				if ascending {
					slices.Reverse(got)
				}
				require.Equal(t, want, got, "%s, %d a page, ascending: %v", name, limit, ascending)
			}
		}
	}
}

func (s *suite) tracesByID(t *testing.T) {
	ids := []model.TraceID{traceID(70), {15: 1}, traceID(3), traceID(71)}
	page := answer(t, func(ctx context.Context) (model.Page[model.Trace], error) {
		return s.reader.QueryTraces(ctx, model.TraceQuery{TraceIDs: ids, Paging: model.Paging{Limit: 10}})
	})
	require.Equal(t, []model.TraceID{traceID(70), traceID(3), traceID(71)}, traceIDs(page.Rows), "in the order of the ids, unknown ones left out")
	require.True(t, page.Next.IsZero())
	for i := range page.Rows {
		s.requireWritten(t, &page.Rows[i])
	}
}
