// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/tapio"
)

// allEvents reads every page, and calls between after each.
func allEvents(t *testing.T, s *Store, q tapio.EventQuery, between func()) []tapio.Event {
	t.Helper()
	var rows []tapio.Event
	for {
		page, err := s.QueryEvents(t.Context(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Rows), q.Paging.Limit)
		rows = append(rows, page.Rows...)
		if page.Next.IsZero() {
			return rows
		}
		require.NotEmpty(t, page.Rows)
		q.Paging.After = page.Next
		between()
	}
}

func randomEvents(r *rand.Rand, n int) []tapio.Event {
	rows := make([]tapio.Event, n)
	for i := range rows {
		rows[i] = tapio.Event{
			Time:           tapio.Nanos(1 + r.Uint64N(200)),
			SeverityNumber: r.Int32N(25),
			TraceID:        tapio.TraceID{byte(r.Uint32N(3))},
			Resource:       resource(fmt.Sprint("service-", r.IntN(3))),
		}
		if r.IntN(2) == 0 {
			rows[i].Name = fmt.Sprint("event.", r.IntN(3))
		}
	}
	return rows
}

func randomQuery(r *rand.Rand) tapio.EventQuery {
	q := tapio.EventQuery{NamedOnly: r.IntN(3) == 0, TraceID: tapio.TraceID{byte(r.Uint32N(3))}}
	q.Paging = tapio.Paging{Limit: 1 + r.IntN(60), Ascending: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		q.Filter.Services = []string{"service-1"}
	}
	if r.IntN(2) == 0 {
		q.Filter.Time = tapio.TimeRange{Start: tapio.Nanos(r.Uint64N(150)), End: tapio.Nanos(r.Uint64N(250))}
	}
	if r.IntN(3) == 0 {
		q.Filter.MinSeverity = tapio.SeverityWarn
	}
	q.Filter.Invert = r.IntN(4) == 0
	return q
}

// naive answers as the definition says.
func naive(stored []tapio.Event, q tapio.EventQuery) []uint64 {
	match := eventMatcher(q)()
	var rows []tapio.Event
	for i := range stored {
		if match(&stored[i]) {
			rows = append(rows, stored[i])
		}
	}
	slices.SortFunc(rows, func(a, b tapio.Event) int {
		c := cmp.Or(cmp.Compare(a.When(), b.When()), cmp.Compare(a.Seq, b.Seq))
		if q.Paging.Ascending {
			return c
		}
		return -c
	})
	return seqs(rows)
}

func TestQueriesAgreeWithTheNaiveModel(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		s, _ := newTestStore(t, 128<<10, 0)
		var model []tapio.Event
		for range 15 {
			batch := randomEvents(r, 1+r.IntN(60))
			if r.IntN(2) == 0 { // chunks in the order of time take another path
				slices.SortFunc(batch, func(a, b tapio.Event) int { return cmp.Compare(a.Time, b.Time) })
			}
			for i := range batch {
				row := batch[i]
				row.Seq = uint64(len(model) + 1)
				model = append(model, row)
			}
			require.Zero(t, s.AppendEvents(batch))
			held := model[s.Stats()[0].FirstSeq-1:]
			q := randomQuery(r)
			require.Equal(t, naive(held, q), seqs(allEvents(t, s, q, func() {})), "seed %d, query %+v", seed, q)
		}
	}
}

func TestPagesStayPutWhileRowsAreWritten(t *testing.T) {
	for _, ascending := range []bool{false, true} {
		s, _ := newTestStore(t, 4*mebibyte, 0)
		s.AppendEvents(events(1, 1000))
		r := rand.New(rand.NewPCG(1, 1))
		q := tapio.EventQuery{Paging: tapio.Paging{Limit: 37, Ascending: ascending}}
		rows := allEvents(t, s, q, func() { s.AppendEvents(events(r.IntN(1000), 20)) })
		got := seqs(rows)
		require.Len(t, got, 1000, "no gaps, no repeats")
		if !ascending {
			slices.Reverse(got)
		}
		for i, seq := range got {
			require.EqualValues(t, i+1, seq)
		}
	}
}

func TestPageEndsAtItsBytes(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendEvents(events(1, 10))
	q := tapio.EventQuery{Paging: tapio.Paging{Limit: 10, MaxBytes: 1}}
	page, err := s.QueryEvents(t.Context(), q)
	require.NoError(t, err)
	assert.Len(t, page.Rows, 1)
	assert.Len(t, allEvents(t, s, q, func() {}), 10)
}

func TestForeignCursorIsRefused(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	after := tapio.Cursor{Epoch: s.Epoch() + 2, Snapshot: 1}
	_, err := s.QueryEvents(t.Context(), tapio.EventQuery{Paging: tapio.Paging{Limit: 1, After: after}})
	var field *tapio.FieldError
	require.ErrorAs(t, err, &field)
	assert.Equal(t, "filter.page_token", field.Field)
}

func TestQueriesEndWithTheirContext(t *testing.T) {
	s, _ := newTestStore(t, 8*mebibyte, 0)
	s.AppendEvents(events(1, 3000))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.QueryEvents(ctx, tapio.EventQuery{Paging: tapio.Paging{Limit: 1}})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = s.QueryTraces(ctx, tapio.TraceQuery{Paging: tapio.Paging{Limit: 1}})
	assert.ErrorIs(t, err, context.Canceled)
	_, _, err = s.Aggregate(ctx, tapio.AggregateQuery{Aggregation: tapio.AggregateAvg})
	assert.ErrorIs(t, err, context.Canceled)
	_, _, err = s.EventByID(ctx, "x")
	assert.ErrorIs(t, err, context.Canceled)
}

func TestQueryPoints(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendPoints(gaugePoints("cpu.load", 10))
	s.AppendPoints(gaugePoints("cpu.time", 10))
	s.AppendPoints(gaugePoints("memory", 10))
	page, err := s.QueryPoints(t.Context(), tapio.PointQuery{
		Names:  []string{"cpu.*"},
		Filter: tapio.Filter{Time: tapio.TimeRange{Start: second(9)}},
		Paging: tapio.Paging{Limit: 100},
	})
	require.NoError(t, err)
	var got []string
	for _, p := range page.Rows {
		got = append(got, fmt.Sprint(p.Series.Metric.Name, " ", p.Time/1e9))
	}
	assert.Equal(t, []string{"cpu.time 10", "cpu.load 10", "cpu.time 9", "cpu.load 9"}, got)
}

// spansOfTraces makes spans that begin at the seconds 1, 2, ... and go round
// the traces 1, 2, ...
func spansOfTraces(traces, each int) []tapio.Span {
	rows := make([]tapio.Span, traces*each)
	for i := range rows {
		rows[i] = tapio.Span{
			TraceID: tapio.TraceID{15: byte(1 + i%traces)}, Name: fmt.Sprint("op-", i/traces),
			Start: second(i + 1), End: second(i + 2), Resource: resource("shop"),
		}
	}
	return rows
}

func traceNames(page tapio.Page[tapio.Trace]) []int {
	var list []int
	for _, trace := range page.Rows {
		list = append(list, int(trace.ID[15]))
	}
	return list
}

func TestTracesStandAtTheirNewestMatch(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendSpans(spansOfTraces(5, 4))
	for _, test := range []struct {
		ascending bool
		pages     [][]int
	}{
		{false, [][]int{{5, 4}, {3, 2}, {1}}},
		{true, [][]int{{1, 2}, {3, 4}, {5}}},
	} {
		q := tapio.TraceQuery{
			Operations: []string{"op-0", "op-1", "op-2"},
			Paging:     tapio.Paging{Limit: 2, Ascending: test.ascending},
		}
		for i, want := range test.pages {
			page, err := s.QueryTraces(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, want, traceNames(page))
			require.Equal(t, i == len(test.pages)-1, page.Next.IsZero())
			for _, trace := range page.Rows {
				require.GreaterOrEqual(t, len(trace.Spans), 4, "all spans, matching or not")
				require.True(t, slices.IsSortedFunc(trace.Spans, func(a, b tapio.Span) int { return compareSpans(&a, &b) }))
			}
			q.Paging.After = page.Next
			s.AppendSpans(spansOfTraces(5, 1)) // does not move what is on the pages
		}
		s, _ = newTestStore(t, mebibyte, 0)
		s.AppendSpans(spansOfTraces(5, 4))
	}
}

func TestTracesByID(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendSpans(spansOfTraces(5, 4))
	id := func(n byte) tapio.TraceID { return tapio.TraceID{15: n} }
	q := tapio.TraceQuery{TraceIDs: []tapio.TraceID{id(3), id(9), id(1), id(3)}}
	page, err := s.QueryTraces(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, []int{3, 1}, traceNames(page))
	assert.Len(t, page.Rows[0].Spans, 4)
	assert.True(t, page.Next.IsZero())

	q.Paging.MaxBytes = 1
	page, err = s.QueryTraces(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, []int{3}, traceNames(page))
	q.Paging.After = page.Next
	page, err = s.QueryTraces(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, []int{1}, traceNames(page))
	assert.True(t, page.Next.IsZero())
}

func TestTraceConditions(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	rows := spansOfTraces(4, 1)
	rows[0].StatusCode = tapio.StatusError
	rows[1].Kind = 3
	rows[2].End = rows[2].Start + 5e9
	rows[3].TraceID = tapio.TraceID{}
	s.AppendSpans(rows)
	for name, test := range map[string]struct {
		query tapio.TraceQuery
		want  []int
	}{
		"all but the span without a trace": {tapio.TraceQuery{}, []int{3, 2, 1}},
		"status":                           {tapio.TraceQuery{StatusCodes: []int32{tapio.StatusError}}, []int{1}},
		"kind":                             {tapio.TraceQuery{Kinds: []int32{3}}, []int{2}},
		"at least":                         {tapio.TraceQuery{MinDuration: 2e9}, []int{3}},
		"at most":                          {tapio.TraceQuery{MaxDuration: 2e9}, []int{2, 1}},
		"time":                             {tapio.TraceQuery{Filter: tapio.Filter{Time: tapio.TimeRange{End: second(2)}}}, []int{1}},
	} {
		test.query.Paging.Limit = 10
		page, err := s.QueryTraces(t.Context(), test.query)
		require.NoError(t, err)
		assert.Equal(t, test.want, traceNames(page), name)
	}
}
