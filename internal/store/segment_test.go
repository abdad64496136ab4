// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/intern"
	"github.com/tapio/tapio/internal/store/segment"
)

// restore reads all rows of a segment.
func restore[R any](c segment.Codec[R], s *segment.Segment, h *segment.Hint) (rows []R, places []int32) {
	l := &segment.Loader{Segment: s}
	for b := range s.Blocks {
		if l.Blocks(h).Has(b) && l.Admits(h, b) {
			r := segment.Load(l, c, b, h)
			rows, places = append(rows, r.Rows...), append(places, r.Places...)
		}
	}
	return rows, places
}

func TestSegmentsGiveBackTheirRows(t *testing.T) {
	packer := colenc.NewPacker()
	for n := range uint64(8) {
		r := rand.New(rand.NewPCG(n, 2))
		events, spans := richEvents(r, 1+r.IntN(3*segment.BlockRows)), richSpans(r, 1+r.IntN(3*segment.BlockRows))
		s := segment.Compact(segment.Codec[model.Event](segment.EventCodec{}), packer, colenc.Packing(n%2), events)
		got, _ := restore(segment.Codec[model.Event](segment.EventCodec{}), s, &segment.Hint{})
		require.Len(t, got, len(events))
		for i := range events {
			requireEqualEvents(t, &events[i], &got[i])
		}
		s = segment.Compact(segment.Codec[model.Span](segment.SpanCodec{}), packer, colenc.Packing(n%2), spans)
		restored, _ := restore(segment.Codec[model.Span](segment.SpanCodec{}), s, &segment.Hint{})
		require.Len(t, restored, len(spans))
		for i := range spans {
			requireEqualSpans(t, &spans[i], &restored[i])
		}
	}
}

// requireEqualEvents compares attributes by what they say: NaN equals itself,
// and no attributes equal none.
func requireEqualEvents(t *testing.T, want, got *model.Event) {
	t.Helper()
	require.True(t, want.Body.Equal(got.Body), "%v, got %v", want.Body, got.Body)
	require.True(t, want.Attributes.Equal(got.Attributes), "%v, got %v", want.Attributes, got.Attributes)
	require.True(t, intern.EqualResources(want.Resource, got.Resource))
	require.True(t, intern.EqualScopes(want.Scope, got.Scope))
	a, b := *want, *got
	for _, e := range []*model.Event{&a, &b} {
		e.Seq, e.Body, e.Attributes, e.Resource, e.Scope = 0, model.Value{}, nil, nil, nil
	}
	require.Equal(t, a, b)
}

func requireEqualSpans(t *testing.T, want, got *model.Span) {
	t.Helper()
	require.True(t, want.Attributes.Equal(got.Attributes))
	require.True(t, intern.EqualResources(want.Resource, got.Resource))
	require.True(t, intern.EqualScopes(want.Scope, got.Scope))
	require.True(t, slices.EqualFunc(want.Events, got.Events, func(a, b model.SpanEvent) bool {
		return a.Time == b.Time && a.Name == b.Name && a.DroppedAttributes == b.DroppedAttributes && a.Attributes.Equal(b.Attributes)
	}))
	require.True(t, slices.EqualFunc(want.Links, got.Links, func(a, b model.SpanLink) bool {
		return a.TraceID == b.TraceID && a.SpanID == b.SpanID && a.TraceState == b.TraceState && a.Flags == b.Flags &&
			a.DroppedAttributes == b.DroppedAttributes && a.Attributes.Equal(b.Attributes)
	}))
	a, b := *want, *got
	for _, s := range []*model.Span{&a, &b} {
		s.Seq, s.Attributes, s.Events, s.Links, s.Resource, s.Scope = 0, nil, nil, nil, nil, nil
	}
	require.Equal(t, a, b)
}

// variedEvents returns two blocks of events. How they are alike depends on n.
func variedEvents(r *rand.Rand, n uint64) []model.Event {
	rows := richEvents(r, 2*segment.BlockRows)
	if n%2 == 0 { // blocks that differ from each other
		slices.SortFunc(rows, func(a, b model.Event) int { return cmp.Compare(a.Name, b.Name) })
	}
	if n%4 == 1 {
		for i := 0; i < len(rows); i += 100 {
			rows[i].Attributes = attributes(semconv.ServiceName, "service-1")
		}
	}
	if n%3 == 2 { // all alike: what holds for one value holds for all rows
		for i := range rows {
			rows[i].Attributes = attributes("key.0", fmt.Sprint("text ", i/segment.BlockRows), "key.1", fmt.Sprintf("text %x", i))
		}
	}
	return rows
}

// matches returns the indexes of the rows that match.
func matches(rows []model.Event, match func(*model.Event) bool) (at []int) {
	for i := range rows {
		if match(&rows[i]) {
			at = append(at, i)
		}
	}
	return at
}

func TestIndexesLoseNoRow(t *testing.T) {
	packer := colenc.NewPacker()
	matching, all := 0, 0
	for n := range uint64(12) {
		r := rand.New(rand.NewPCG(n, 3))
		rows := variedEvents(r, n)
		s := segment.Compact(segment.Codec[model.Event](segment.EventCodec{}), packer, colenc.Packing(n%2), rows)
		for range 100 {
			q := model.EventQuery{Filter: randomFilter(t, r), Kind: model.RecordKind(r.IntN(3))}
			if r.IntN(4) == 0 {
				q.TraceID = randomTrace(r)
			}
			match := eventMatcher(q)()
			loaded, places := restore(segment.Codec[model.Event](segment.EventCodec{}), s, segment.EventHint(&q))
			want, got := matches(rows, match), matches(loaded, match)
			for i, at := range got {
				got[i] = int(places[at])
			}
			require.Equal(t, want, got, "%+v", q)
			matching, all = matching+len(got), all+len(loaded)
		}
	}
	assert.Positive(t, matching)
	t.Logf("%d of %d loaded rows matched", matching, all)
}

func TestTracesAgreeWithTheNaiveModel(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 6))
		s, _ := newTestStore(t, mebibyte, 0)
		rows := richSpans(r, 600)
		require.Zero(t, refusedOf(s.AppendSpans(slices.Clone(rows))))
		settle(s)
		for i := range rows {
			rows[i].Seq = uint64(i + 1)
		}
		stats := s.Stats()[1]
		require.Greater(t, len(s.spans.chunks), 1)
		require.NotNil(t, s.spans.chunks[0].segment)
		held := rows[stats.FirstSeq-1:]
		for range 20 {
			q := model.TraceQuery{Filter: randomFilter(t, r), Paging: model.Paging{Limit: 100}}
			if r.IntN(4) == 0 {
				q.MinDuration, q.MaxDuration = time.Duration(randomNumber(r)>>1), time.Duration(randomNumber(r)>>1)
			}
			q.Filter.Text = ""
			if r.IntN(2) == 0 {
				q.StatusCodes, q.Operations = []int32{r.Int32N(3)}, []string{"te*", "Long"}
			}
			page, err := s.QueryTraces(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, naiveTraces(held, q), traceSizes(page.Rows), "%+v", q)
		}
	}
}

// traceSize is a trace, and how many spans it has.
type traceSize struct {
	id    model.TraceID
	spans int
}

func traceSizes(traces []model.Trace) []traceSize {
	var list []traceSize
	for _, trace := range traces {
		list = append(list, traceSize{trace.ID, len(trace.Spans)})
	}
	return list
}

// naiveTraces answers as the definition states.
func naiveTraces(stored []model.Span, q model.TraceQuery) (answer []traceSize) {
	match, newest, spans := spanMatcher(q)(), map[model.TraceID]*model.Span{}, map[model.TraceID]int{}
	var alone []*model.Span // without a trace
	for i := range stored {
		span := &stored[i]
		if span.TraceID.IsZero() && match(span) {
			alone = append(alone, span)
		}
		spans[span.TraceID]++
		if known := newest[span.TraceID]; match(span) && (known == nil || compareSpans(span, known) > 0) {
			newest[span.TraceID] = span
		}
	}
	delete(newest, model.TraceID{})
	spans[model.TraceID{}] = 1
	stands := append(slices.Collect(maps.Values(newest)), alone...)
	slices.SortFunc(stands, func(a, b *model.Span) int { return compareSpans(b, a) })
	for _, span := range stands {
		answer = append(answer, traceSize{span.TraceID, spans[span.TraceID]})
	}
	return answer
}

func TestAccountsAreExactForEverySignal(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	s, _ := newTestStore(t, 2*mebibyte, 0)
	for range 30 {
		s.AppendEvents(richEvents(r, 300))
		s.AppendSpans(richSpans(r, 300))
		s.AppendPoints(richPoints(r, 2000))
		settle(s)
		requireExact(t, s.events, s.Stats()[0])
		requireExact(t, s.spans, s.Stats()[1])
		requireExactPoints(t, s)
	}
	require.NotNil(t, s.points.chunks[0].segment)
	s.SetLimits(Limits{})
	for _, stats := range s.Stats() {
		assert.Zero(t, stats.Bytes+stats.Rows+stats.Series, stats.Signal)
	}
}

func requireExact[R any](t *testing.T, l *log[R], stats Stats) {
	t.Helper()
	rows, bytes := recount(l)
	require.EqualValues(t, rows, stats.Rows, stats.Signal)
	require.EqualValues(t, bytes, stats.Bytes, stats.Signal)
	require.LessOrEqual(t, stats.Bytes, stats.Capacity, stats.Signal)
}

// Anyone who reads while chunks are compacted and evicted sees every row as it was
// written.
func TestReadersDoNotSeeTheCompaction(t *testing.T) {
	s, _ := newTestStore(t, 4*mebibyte, 0)
	first := s.TailEvents(model.EventQuery{}, model.Start{Resume: true})
	var writers sync.WaitGroup
	for range 2 {
		writers.Go(func() {
			for n := range 100 {
				s.AppendEvents(events(n*100, 100))
			}
		})
	}
	var seen, lost uint64
	for seen+lost < 20_000 {
		rows, loss, err := first.Next(t.Context(), 77)
		require.NoError(t, err)
		for i := range rows {
			require.Equal(t, seen+lost+uint64(i)+1, rows[i].Seq)
			require.Equal(t, fmt.Sprint("row ", uint64(rows[i].Time/1e9)), rows[i].Body.Str())
		}
		seen, lost = seen+uint64(len(rows)), lost+loss.Count
		page, err := s.QueryEvents(t.Context(), model.EventQuery{
			Filter: model.Filter{Text: "row 50"}, Paging: model.Paging{Limit: 10},
		})
		require.NoError(t, err)
		for i := range page.Rows {
			require.Contains(t, page.Rows[i].Body.Str(), "row 50")
		}
	}
	writers.Wait()
	assert.Positive(t, seen)
}
