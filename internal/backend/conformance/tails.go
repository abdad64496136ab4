// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// past reads a tail as far as what was stored when it was made. A backend that was
// opened again may report a loss behind its last row: it cannot know whether sequences
// after that had been used.
func past[Row any](t *testing.T, tail query.Tail[Row]) (rows []Row) {
	t.Helper()
	ctx := within(t)
	for {
		some, loss, more := tail.Poll(100)
		require.True(t, loss.Count == 0 || !more, "%+v is lost", loss)
		rows = append(rows, some...)
		if !more {
			return rows
		}
		if len(some) == 0 {
			require.NoError(t, tail.Ready(ctx))
		}
	}
}

func (s *suite) tailsOfThePast(t *testing.T) {
	beginning := model.Start{Resume: true}
	filter := model.Filter{Services: []string{"orders"}, Time: model.TimeRange{Start: datasetStart + minute, End: datasetStart + 5*minute}}
	events := model.EventQuery{Filter: filter}
	got := past(t, s.reader.TailEvents(within(t), events, beginning))
	require.ElementsMatch(t, s.data.selected(&events), numbersOf(got))
	for i := range got {
		require.NotEmpty(t, got[i].ID)
	}
	records := past(t, s.reader.TailRecords(within(t), events, beginning))
	require.ElementsMatch(t, s.data.selected(&events), numbersOf(records))
	s.reader.Identify(&records[0])
	require.NotEmpty(t, records[0].ID)

	spans := model.TraceQuery{Filter: filter, Operations: []string{"SELECT*"}}
	var want, tailed []int64
	for i := range s.data.spans {
		if spans.MatchSpan(&s.data.spans[i]) {
			want = append(want, recordNumber(s.data.spans[i].Attributes))
		}
	}
	for _, span := range past(t, s.reader.TailSpans(within(t), spans, beginning)) {
		tailed = append(tailed, recordNumber(span.Attributes))
	}
	require.ElementsMatch(t, want, tailed)

	points := model.PointQuery{Names: []string{requests}, Filter: filter}
	require.ElementsMatch(t, pointNames(s.data.selectedPoints(&points)), pointNames(past(t, s.reader.TailPoints(within(t), points, beginning))))

	last := past(t, s.reader.TailEvents(within(t), model.EventQuery{Filter: filter}, model.Start{Last: 12}))
	require.Len(t, last, 12)
	since := past(t, s.reader.TailEvents(within(t), model.EventQuery{}, model.Start{Since: datasetStart + 9*minute}))
	require.Len(t, since, 60)
}

// liveTails follows what is written while it is read.
func liveTails(t *testing.T, factory Factory) {
	backend := factory(t)
	data := newDataset(backend.Keeps)
	batches := split(data.telemetry(), 10)
	backend.Write(t, batches[0])
	before := len(eventsOf(batches[0]))
	ctx := within(t)
	all := backend.Reader.TailEvents(ctx, model.EventQuery{}, model.Start{Resume: true})
	next := backend.Reader.TailEvents(ctx, model.EventQuery{Kind: model.EventsOnly}, model.Start{})
	spans := backend.Reader.TailSpans(ctx, model.TraceQuery{Kinds: []int32{2}}, model.Start{})
	points := backend.Reader.TailPoints(ctx, model.PointQuery{Names: []string{requests}}, model.Start{})
	past(t, next) // where the backend ended when the tail was made
	past(t, spans)
	past(t, points)
	var wantNext []int64
	wantSpans, wantPoints := 0, 0
	for _, batch := range batches[1:] {
		backend.Write(t, batch)
		for _, e := range eventsOf(batch) {
			if e.Name != "" {
				wantNext = append(wantNext, recordNumber(e.Attributes))
			}
		}
		wantSpans += countSpans(batch)
		wantPoints += countPoints(batch)
	}
	got := numbersOf(follow(ctx, t, all, len(data.events)))
	require.ElementsMatch(t, numbersOf(data.events), got, "no gap, no repeat")
	require.ElementsMatch(t, wantNext, numbersOf(follow(ctx, t, next, len(wantNext))))
	require.Len(t, follow(ctx, t, spans, wantSpans), wantSpans)
	require.Len(t, follow(ctx, t, points, wantPoints), wantPoints)
	require.Positive(t, before)

	ended, end := context.WithCancel(ctx)
	quiet := backend.Reader.TailEvents(ended, model.EventQuery{}, model.Start{})
	past(t, quiet)
	end()
	require.ErrorIs(t, quiet.Ready(ended), context.Canceled, "a tail ends with its context")
}

// follow reads a tail until it has returned so many rows.
func follow[Row any](ctx context.Context, t *testing.T, tail query.Tail[Row], n int) (rows []Row) {
	t.Helper()
	for len(rows) < n {
		require.NoError(t, tail.Ready(ctx), "%d of %d rows came", len(rows), n)
		some, loss, _ := tail.Poll(50)
		require.Zero(t, loss)
		rows = append(rows, some...)
	}
	return rows
}

// stablePages writes between pages: what is new must not appear, and nothing be left
// out or repeated.
func stablePages(t *testing.T, factory Factory) {
	backend := factory(t)
	data := newDataset(backend.Keeps)
	batches := split(data.telemetry(), 20)
	for _, batch := range batches[:10] {
		backend.Write(t, batch)
	}
	for _, ascending := range []bool{false, true} {
		var want []int64
		q := model.EventQuery{Paging: model.Paging{Limit: 1000, Ascending: ascending}}
		page, err := backend.Reader.QueryEvents(within(t), q)
		require.NoError(t, err)
		want = numbersOf(page.Rows)
		next := 10
		if ascending {
			next = 15
		}
		q.Paging.Limit = 100
		rows, _ := pagesOf(t, q.Paging, func(ctx context.Context, paging model.Paging) (model.Page[model.Event], error) {
			q.Paging = paging
			page, err := backend.Reader.QueryEvents(ctx, q)
			if next < len(batches) && (ascending || next < 15) {
				backend.Write(t, batches[next])
				next++
			}
			return page, err
		})
		require.Equal(t, want, numbersOf(rows))
		if !ascending {
			require.True(t, slices.IsSortedFunc(rows, func(a, b model.Event) int { return int(int64(b.When()) - int64(a.When())) }))
			for ; next < 15; next++ {
				backend.Write(t, batches[next])
			}
		}
	}
}
