// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/intern"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mebibyte = 1 << 20

// clock is a time of arrival that only the test moves.
type clock struct{ now time.Time }

func newTestStore(t testing.TB, bytes int64, maxAge time.Duration) (*Store, *clock) {
	t.Helper()
	c := &clock{now: time.Unix(1_700_000_000, 0)}
	limits := Limits{Logs: bytes, Traces: bytes, Metrics: bytes, MaxAge: maxAge}
	return New(limits, func() time.Time { return c.now }), c
}

func attributes(pairs ...string) model.Attributes {
	var list model.Attributes
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, model.KeyValue{Key: pairs[i], Value: model.StringValue(pairs[i+1])})
	}
	return list
}

func resource(service string) *model.Resource {
	return &model.Resource{Attributes: attributes("service.name", service)}
}

// events makes n log records at the seconds from, from+1, ...
func events(from, n int) []model.Event {
	rows := make([]model.Event, n)
	for i := range rows {
		rows[i] = model.Event{
			Time: second(from + i), Name: "test.event",
			Body:     model.StringValue(fmt.Sprintf("row %d", from+i)),
			Resource: resource("shop"), Scope: &model.Scope{Name: "test"},
		}
	}
	return rows
}

func second(n int) model.Nanos { return model.Nanos(n) * 1e9 }

func seqs(rows []model.Event) []uint64 {
	list := make([]uint64, len(rows))
	for i := range rows {
		list[i] = rows[i].Seq
	}
	return list
}

// refusedOf returns how many rows an append refused; it must not fail.
func refusedOf(refused int, err error) int {
	if err != nil {
		panic(err)
	}
	return refused
}

// settle waits until what is full is compacted.
func settle(s *Store) {
	s.events.compactor.Wait()
	s.spans.compactor.Wait()
	s.points.compactor.Wait()
}

// recount adds up what a log really holds.
func recount[R any](l *log[R]) (rows int, bytes int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, c := range l.chunks {
		if c.segment != nil {
			rows += c.segment.Rows
			bytes += chunkBytes + c.segment.Size()
			continue
		}
		content := int64(chunkBytes)
		scratch := intern.NewParts(l.hash)
		for i, row := range c.rows {
			content += int64(l.signal.size(&row) + l.signal.cost(scratch, &row))
			l.signal.keep(scratch, &row, int32(i))
		}
		rows += len(c.rows)
		bytes += content + int64((cap(c.rows)-len(c.rows))*l.signal.slot)
	}
	return rows, bytes
}

func TestSizesCoverTheSlots(t *testing.T) {
	assert.GreaterOrEqual(t, (&model.Event{}).Size(), eventSignal().slot)
	assert.GreaterOrEqual(t, (&model.Span{}).Size(), spanSignal().slot)
}

func TestNothingIsEverNil(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendEvents(make([]model.Event, 1))
	s.AppendPoints(make([]model.Point, 1))
	events, err := s.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 1}})
	require.NoError(t, err)
	assert.NotNil(t, events.Rows[0].Resource)
	assert.NotNil(t, events.Rows[0].Scope)
	points, err := s.QueryPoints(t.Context(), model.PointQuery{Paging: model.Paging{Limit: 1}})
	require.NoError(t, err)
	assert.NotNil(t, points.Rows[0].Series.Metric)
}

func TestAccountsAreExactAfterEveryAppend(t *testing.T) {
	s, _ := newTestStore(t, 64<<10, 0)
	for i := range 2000 {
		s.AppendEvents(events(i*3, 3))
		stats := s.Stats()[0]
		require.LessOrEqual(t, stats.Bytes, stats.Capacity)
		settle(s)
		stats = s.Stats()[0]
		require.LessOrEqual(t, stats.Bytes, stats.Capacity)
		rows, bytes := recount(s.events)
		require.EqualValues(t, rows, stats.Rows)
		require.EqualValues(t, bytes, stats.Bytes)
		require.EqualValues(t, stats.Appended, stats.Rows+stats.Evicted["size"])
		require.Equal(t, stats.LastSeq-stats.Rows+1, stats.FirstSeq)
	}
	assert.Positive(t, s.Stats()[0].Evicted["size"])
}

func TestAccountsReturnToNothing(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendEvents(events(1, 100))
	s.AppendSpans(spansOfTraces(10, 10))
	s.AppendPoints(gaugePoints("load", 100))
	s.SetLimits(Limits{})
	for _, stats := range s.Stats()[:3] { // without profiles, of which there are none
		assert.Zero(t, stats.Bytes, stats.Signal)
		assert.Zero(t, stats.Rows, stats.Signal)
		assert.Zero(t, stats.Series, stats.Signal)
		assert.Zero(t, stats.FirstSeq, stats.Signal)
		assert.EqualValues(t, 100, stats.LastSeq, stats.Signal)
		assert.EqualValues(t, 100, stats.Evicted["size"], stats.Signal)
	}
	assert.Equal(t, 1, refusedOf(s.AppendEvents(events(1, 1))), "a store without room refuses")
}

func TestRowLargerThanAChunkHasItsOwn(t *testing.T) {
	s, _ := newTestStore(t, 1<<20, 0)
	large := events(1, 3)
	large[1].Body = model.StringValue(strings.Repeat("x", 2*minChunkBytes))
	assert.Zero(t, refusedOf(s.AppendEvents(large)))
	settle(s)
	page, err := s.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 10}})
	require.NoError(t, err)
	assert.Len(t, page.Rows, 3)
	_, bytes := recount(s.events)
	assert.EqualValues(t, bytes, s.Stats()[0].Bytes)
}

func TestRowsLargerThanTheStoreAreRefused(t *testing.T) {
	s, _ := newTestStore(t, 64<<10, 0)
	large := events(1, 3)
	large[1].Body = model.StringValue(strings.Repeat("x", 64<<10))
	assert.Equal(t, 1, refusedOf(s.AppendEvents(large)))
	settle(s)
	stats := s.Stats()[0]
	assert.EqualValues(t, 1, stats.Refused["too_large"])
	assert.EqualValues(t, 2, stats.LastSeq, "the sequence has no gap")
	_, bytes := recount(s.events)
	assert.EqualValues(t, bytes, stats.Bytes)
}

func TestSharedPartsAreKeptOncePerChunk(t *testing.T) {
	s, _ := newTestStore(t, 64*mebibyte, 0)
	for i := range 50 {
		s.AppendEvents(events(i, 1)) // each with a resource of its own, of equal content
	}
	require.Len(t, s.events.chunks, 1)
	assert.Len(t, s.events.chunks[0].parts.Resources.Kept, 1)
	assert.Same(t, s.events.chunks[0].rows[0].Resource, s.events.chunks[0].rows[49].Resource)

	for range 50 {
		s.AppendPoints(gaugePoints("load", 1))
	}
	assert.EqualValues(t, 1, s.Stats()[2].Series)
}

// One row whose sender left out its time must not hide how old the others are.
func TestRowsWithoutATimeAreNotTheOldest(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, time.Hour)
	spans, points := []model.Span{{Start: 5}, {}, {Start: 3}, {Start: 4}}, gaugePoints("load", 4)
	for i := range points {
		points[i].Time = spans[i].Start
	}
	s.AppendSpans(spans)
	s.AppendPoints(points)
	for _, stats := range s.Stats()[1:3] { // spans and points
		assert.EqualValues(t, 3, stats.Oldest, stats.Signal)
		assert.EqualValues(t, 5, stats.Newest, stats.Signal)
	}
}

func TestAgeCountsFromArrival(t *testing.T) {
	s, c := newTestStore(t, mebibyte, time.Hour)
	s.AppendEvents(events(1, 5)) // the times in these rows are of 1970
	s.Retire()
	assert.EqualValues(t, 5, s.Stats()[0].Rows)

	c.now = c.now.Add(30 * time.Minute)
	s.Retire()
	s.AppendEvents(events(6, 5))
	c.now = c.now.Add(31 * time.Minute)
	s.Retire()
	settle(s)
	stats := s.Stats()[0]
	assert.EqualValues(t, 5, stats.Rows)
	assert.EqualValues(t, 5, stats.Evicted["age"])
	assert.Equal(t, second(6), stats.Oldest)
	assert.Equal(t, second(10), stats.Newest)
	_, bytes := recount(s.events)
	assert.EqualValues(t, bytes, stats.Bytes)

	c.now = c.now.Add(time.Hour)
	s.Retire()
	assert.Zero(t, s.Stats()[0].Bytes)
}

func TestEventByID(t *testing.T) {
	s, _ := newTestStore(t, 64<<10, 0)
	rows := events(1, 2)
	rows[1].Attributes = attributes(model.UIDKey, "my-id")
	s.AppendEvents(rows)
	page, err := s.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 2}})
	require.NoError(t, err)
	require.Equal(t, "my-id", page.Rows[0].ID)
	for _, want := range page.Rows {
		got, found, err := s.EventByID(t.Context(), want.ID)
		require.NoError(t, err)
		require.True(t, found)
		assert.Equal(t, want, got)
	}
	for _, id := range []string{"", "other", fmt.Sprintf("%08x-1", uint32(s.epoch+2)), s.eventID(3), s.eventID(0)} {
		_, found, err := s.EventByID(t.Context(), id)
		assert.NoError(t, err)
		assert.False(t, found, id)
	}
	s.AppendEvents(events(3, 1000))
	_, found, err := s.EventByID(t.Context(), "my-id")
	assert.NoError(t, err)
	assert.False(t, found, "the index goes with the rows")
}
