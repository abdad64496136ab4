// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// drain polls to the end of history.
func drain(tail *Tail[model.Event], limit int) (rows []model.Event, lost uint64) {
	for more := true; more; {
		var got []model.Event
		var loss model.Loss
		got, loss, more = tail.Poll(limit)
		rows, lost = append(rows, got...), lost+loss.Count
	}
	return rows, lost
}

func TestTailStarts(t *testing.T) {
	odd := model.EventQuery{Filter: model.Filter{Text: "row 1"}} // 1, 10 to 19
	for name, test := range map[string]struct {
		query       model.EventQuery
		start       model.Start
		first, size int
	}{
		"new rows only":              {model.EventQuery{}, model.Start{}, 0, 0},
		"the last rows":              {model.EventQuery{}, model.Start{Last: 3}, 18, 3},
		"the last matching rows":     {odd, model.Start{Last: 10}, 10, 10},
		"more than there are":        {odd, model.Start{Last: 1000}, 1, 11},
		"since a time":               {model.EventQuery{}, model.Start{Since: second(15)}, 15, 6},
		"behind a sequence":          {model.EventQuery{}, model.Start{Resume: true, After: 5}, 6, 15},
		"from the oldest":            {model.EventQuery{}, model.Start{Resume: true}, 1, 20},
		"behind a foreign sequence":  {model.EventQuery{}, model.Start{Resume: true, After: 99}, 1, 20},
		"behind the newest sequence": {model.EventQuery{}, model.Start{Resume: true, After: 20}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newTestStore(t, mebibyte, 0)
			s.AppendEvents(events(1, 20))
			tail := s.TailEvents(test.query, test.start)
			rows, lost := drain(tail, 4)
			require.Len(t, rows, test.size)
			assert.Zero(t, lost)
			if test.size > 0 {
				assert.EqualValues(t, test.first, rows[0].Seq)
				assert.NotEmpty(t, rows[0].ID)
			}
			s.AppendEvents(events(1, 1)) // an old time does not matter any more
			rows, _, err := tail.Next(t.Context(), 10)
			require.NoError(t, err)
			assert.Equal(t, []uint64{21}, seqs(rows))
			assert.EqualValues(t, 21, tail.Position())
		})
	}
}

func TestPollEndsUnderConstantWrites(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendEvents(events(1, 50))
	tail := s.TailEvents(model.EventQuery{}, model.Start{Resume: true})
	rows := 0
	for more := true; more; {
		var got []model.Event
		got, _, more = tail.Poll(7)
		rows += len(got)
		s.AppendEvents(events(100, 20))
	}
	assert.Equal(t, 50, rows)
}

func TestLappedReaderGetsOneLoss(t *testing.T) {
	s, _ := newTestStore(t, 64<<10, 0)
	s.AppendEvents(events(1, 5))
	tail := s.TailEvents(model.EventQuery{}, model.Start{Resume: true, After: 2})
	s.AppendEvents(events(6, 2000))
	first := s.Stats()[0].FirstSeq
	require.Greater(t, first, uint64(5))

	rows, loss, err := tail.Next(t.Context(), 10)
	require.NoError(t, err)
	assert.Empty(t, rows)
	assert.Equal(t, model.Loss{Count: first - 3, First: 3, Last: first - 1}, loss)
	assert.Equal(t, first-3, s.Stats()[0].Lost)

	rows, loss, err = tail.Next(t.Context(), 10)
	require.NoError(t, err)
	assert.Zero(t, loss)
	assert.Equal(t, first, rows[0].Seq)
	assert.Len(t, rows, 10)
}

func TestOnlyPromisedRowsAreLost(t *testing.T) {
	s, _ := newTestStore(t, 64<<10, 0)
	s.AppendEvents(events(1, 5))
	tail := s.TailEvents(model.EventQuery{}, model.Start{})
	s.SetLimits(Limits{})
	rows, loss, more := tail.Poll(10)
	assert.Empty(t, rows)
	assert.Zero(t, loss, "what was evicted had been passed over on purpose")
	assert.False(t, more)

	all := s.TailEvents(model.EventQuery{}, model.Start{Resume: true, After: 2})
	rows, loss, _ = all.Poll(10)
	assert.Empty(t, rows)
	assert.Equal(t, model.Loss{Count: 3, First: 3, Last: 5}, loss)
}

func TestNextEndsWithItsContext(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	tail := s.TailEvents(model.EventQuery{}, model.Start{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, _, err := tail.Next(ctx, 10)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestNextPassesOverWhatDoesNotMatch(t *testing.T) {
	s, _ := newTestStore(t, 16*mebibyte, 0)
	rows := events(1, 5000)
	rows[4999].Name = "wanted"
	tail := s.TailEvents(model.EventQuery{Filter: model.Filter{EventNames: []string{"wanted"}}}, model.Start{})
	s.AppendEvents(rows)
	got, _, err := tail.Next(t.Context(), 10)
	require.NoError(t, err)
	assert.Equal(t, []uint64{5000}, seqs(got))
}

func TestTailPoints(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	tail := s.TailPoints(model.PointQuery{Names: []string{"load"}}, model.Start{})
	s.AppendPoints(gaugePoints("other", 3))
	s.AppendPoints(gaugePoints("load", 3))
	rows, _, err := tail.Next(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, rows, 3)
	assert.EqualValues(t, 4, rows[0].Seq)
}

func TestTailSpans(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	trace := model.TraceID{1}
	s.AppendSpans([]model.Span{
		{TraceID: trace, Name: "a", Start: 1, End: 2}, {TraceID: model.TraceID{2}, Name: "b"}, {TraceID: trace, Name: "b"},
	})
	for _, test := range []struct {
		query model.TraceQuery
		want  []string
	}{
		{model.TraceQuery{}, []string{"a", "b", "b"}},
		{model.TraceQuery{Operations: []string{"b"}}, []string{"b", "b"}},
		{model.TraceQuery{TraceIDs: []model.TraceID{trace}}, []string{"a", "b"}},
	} {
		rows, loss, _ := s.TailSpans(test.query, model.Start{Resume: true}).Poll(10)
		assert.Zero(t, loss)
		names := make([]string, len(rows))
		for i := range rows {
			names[i] = rows[i].Name
		}
		assert.Equal(t, test.want, names)
	}
}

func TestThousandTails(t *testing.T) {
	const tails, rows = 1000, 300
	s, _ := newTestStore(t, 4*mebibyte, 0)
	var group sync.WaitGroup
	for range tails {
		tail := s.TailEvents(model.EventQuery{}, model.Start{})
		group.Go(func() {
			for next := uint64(1); next <= rows; {
				got, loss, err := tail.Next(t.Context(), 64)
				if !assert.NoError(t, err) || !assert.Zero(t, loss) {
					return
				}
				for i := range got {
					if !assert.Equal(t, next, got[i].Seq) {
						return
					}
					next++
				}
			}
		})
	}
	for i := range rows / 10 {
		s.AppendEvents(events(i*10, 10))
	}
	group.Wait()
}

func TestEverythingAtOnce(t *testing.T) {
	s, _ := newTestStore(t, 128<<10, time.Nanosecond)
	ctx, cancel := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	reader := func(read func() error) {
		readers.Go(func() {
			for ctx.Err() == nil {
				if err := read(); ctx.Err() == nil && !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	paging := model.Paging{Limit: 20}
	reader(func() error { _, err := s.QueryEvents(ctx, model.EventQuery{Paging: paging}); return err })
	reader(func() error { _, err := s.QueryTraces(ctx, model.TraceQuery{Paging: paging}); return err })
	reader(func() error { _, err := s.QueryPoints(ctx, model.PointQuery{Paging: paging}); return err })
	reader(func() error { _, _, err := s.EventByID(ctx, s.eventID(7)); return err })
	reader(func() error {
		_, _, err := s.Aggregate(ctx, model.AggregateQuery{Aggregation: model.AggregateP90, Limit: 5})
		return err
	})
	reader(func() error { s.Retire(); s.Stats(); return nil })
	tail := s.TailEvents(model.EventQuery{}, model.Start{Resume: true})
	position := uint64(0)
	reader(func() error {
		rows, loss, err := tail.Next(ctx, 50)
		position += loss.Count
		for i := range rows {
			position++
			assert.Equal(t, position, rows[i].Seq, "no gap, no repeat")
		}
		return err
	})
	for range 2 {
		writers.Go(func() {
			for i := range 60 {
				s.AppendEvents(events(i, 20))
				s.AppendSpans(spansOfTraces(4, 5))
				s.AppendPoints(gaugePoints("load", 20))
			}
		})
	}
	writers.Wait()
	cancel()
	readers.Wait()
	assert.EqualValues(t, 2*60*20, s.Stats()[0].LastSeq)
}
