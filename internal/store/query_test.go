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

	"github.com/tapio/tapio/internal/model"
)

// allEvents reads every page, and calls between after each.
func allEvents(t *testing.T, s *Store, q model.EventQuery, between func()) []model.Event {
	t.Helper()
	var rows []model.Event
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

func randomEvents(r *rand.Rand, n int) []model.Event {
	rows := make([]model.Event, n)
	for i := range rows {
		rows[i] = model.Event{
			Time:           model.Nanos(1 + r.Uint64N(200)),
			SeverityNumber: r.Int32N(25),
			TraceID:        model.TraceID{byte(r.Uint32N(3))},
			Resource:       resource(fmt.Sprint("service-", r.IntN(3))),
		}
		if r.IntN(2) == 0 {
			rows[i].Name = fmt.Sprint("event.", r.IntN(3))
		}
	}
	return rows
}

func randomQuery(r *rand.Rand) model.EventQuery {
	q := model.EventQuery{Kind: model.RecordKind(r.IntN(3)), TraceID: model.TraceID{byte(r.Uint32N(3))}}
	q.Paging = model.Paging{Limit: 1 + r.IntN(60), Ascending: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		q.Filter.Services = []string{"service-1"}
	}
	if r.IntN(2) == 0 {
		q.Filter.Time = model.TimeRange{Start: model.Nanos(r.Uint64N(150)), End: model.Nanos(r.Uint64N(250))}
	}
	if r.IntN(3) == 0 {
		q.Filter.MinSeverity = model.SeverityWarn
	}
	q.Filter.Invert = r.IntN(4) == 0
	return q
}

// naive answers as the definition states.
func naive(stored []model.Event, q model.EventQuery) []uint64 {
	match := eventMatcher(q)()
	var rows []model.Event
	for i := range stored {
		if match(&stored[i]) {
			rows = append(rows, stored[i])
		}
	}
	slices.SortFunc(rows, func(a, b model.Event) int {
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
		var written []model.Event
		for range 15 {
			batch := randomEvents(r, 1+r.IntN(60))
			if r.IntN(2) == 0 { // chunks in the order of time take another path
				slices.SortFunc(batch, func(a, b model.Event) int { return cmp.Compare(a.Time, b.Time) })
			}
			for i := range batch {
				row := batch[i]
				row.Seq = uint64(len(written) + 1)
				written = append(written, row)
			}
			require.Zero(t, refusedOf(s.AppendEvents(batch)))
			held := written[s.Stats()[0].FirstSeq-1:]
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
		q := model.EventQuery{Paging: model.Paging{Limit: 37, Ascending: ascending}}
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
	q := model.EventQuery{Paging: model.Paging{Limit: 10, MaxBytes: 1}}
	page, err := s.QueryEvents(t.Context(), q)
	require.NoError(t, err)
	assert.Len(t, page.Rows, 1)
	assert.Len(t, allEvents(t, s, q, func() {}), 10)
}

func TestForeignCursorIsRefused(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	after := model.Cursor{Epoch: s.Epoch() + 2, Snapshot: 1}
	_, err := s.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 1, After: after}})
	var field *model.FieldError
	require.ErrorAs(t, err, &field)
	assert.Equal(t, "filter.page_token", field.Field)
}

func TestQueriesEndWithTheirContext(t *testing.T) {
	s, _ := newTestStore(t, 8*mebibyte, 0)
	s.AppendEvents(events(1, 3000))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.QueryEvents(ctx, model.EventQuery{Paging: model.Paging{Limit: 1}})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = s.QueryTraces(ctx, model.TraceQuery{Paging: model.Paging{Limit: 1}})
	assert.ErrorIs(t, err, context.Canceled)
	_, _, err = s.Aggregate(ctx, model.AggregateQuery{Aggregation: model.AggregateAvg})
	assert.ErrorIs(t, err, context.Canceled)
	_, _, err = s.EventByID(ctx, "x")
	assert.ErrorIs(t, err, context.Canceled)
}

func TestQueryPoints(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendPoints(gaugePoints("cpu.load", 10))
	s.AppendPoints(gaugePoints("cpu.time", 10))
	s.AppendPoints(gaugePoints("memory", 10))
	page, err := s.QueryPoints(t.Context(), model.PointQuery{
		Names:  []string{"cpu.*"},
		Filter: model.Filter{Time: model.TimeRange{Start: second(9)}},
		Paging: model.Paging{Limit: 100},
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
func spansOfTraces(traces, each int) []model.Span {
	rows := make([]model.Span, traces*each)
	for i := range rows {
		rows[i] = model.Span{
			TraceID: model.TraceID{15: byte(1 + i%traces)}, Name: fmt.Sprint("op-", i/traces),
			Start: second(i + 1), End: second(i + 2), Resource: resource("shop"),
		}
	}
	return rows
}

func traceNames(page model.Page[model.Trace]) []int {
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
		q := model.TraceQuery{
			Operations: []string{"op-0", "op-1", "op-2"},
			Paging:     model.Paging{Limit: 2, Ascending: test.ascending},
		}
		for i, want := range test.pages {
			page, err := s.QueryTraces(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, want, traceNames(page))
			require.Equal(t, i == len(test.pages)-1, page.Next.IsZero())
			for _, trace := range page.Rows {
				require.GreaterOrEqual(t, len(trace.Spans), 4, "all spans, matching or not")
				require.True(t, slices.IsSortedFunc(trace.Spans, func(a, b model.Span) int { return compareSpans(&a, &b) }))
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
	id := func(n byte) model.TraceID { return model.TraceID{15: n} }
	q := model.TraceQuery{TraceIDs: []model.TraceID{id(3), id(9), id(1), id(3)}}
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
	rows[0].StatusCode = model.StatusError
	rows[1].Kind = 3
	rows[2].End = rows[2].Start + 5e9
	rows[3].TraceID = model.TraceID{}
	s.AppendSpans(rows)
	for name, test := range map[string]struct {
		query model.TraceQuery
		want  []int
	}{
		"all":      {model.TraceQuery{}, []int{0, 3, 2, 1}}, // the span without a trace id is a trace of its own
		"status":   {model.TraceQuery{StatusCodes: []int32{model.StatusError}}, []int{1}},
		"kind":     {model.TraceQuery{Kinds: []int32{3}}, []int{2}},
		"at least": {model.TraceQuery{MinDuration: 2e9}, []int{3}},
		"at most":  {model.TraceQuery{MaxDuration: 2e9}, []int{0, 2, 1}},
		"time":     {model.TraceQuery{Filter: model.Filter{Time: model.TimeRange{End: second(2)}}}, []int{1}},
	} {
		test.query.Paging.Limit = 10
		page, err := s.QueryTraces(t.Context(), test.query)
		require.NoError(t, err)
		assert.Equal(t, test.want, traceNames(page), name)
	}
}
