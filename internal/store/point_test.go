// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/intern"
)

func randomOptional(r *rand.Rand) model.Optional {
	if r.IntN(2) == 0 {
		return model.Optional{}
	}
	return model.Optional{Value: r.NormFloat64(), Set: true}
}

func randomSeries(r *rand.Rand) []*model.Series {
	o := randomOrigins(r)
	var list []*model.Series
	for i := range 20 {
		s := &model.Series{Attributes: randomAttributes(r, 1), Metric: &model.Metric{
			Name: fmt.Sprint("metric.", i%7), Description: randomText(r), Unit: "s", Metadata: randomAttributes(r, 1),
			Type: model.MetricType(i % 6), Temporality: model.Temporality(i % 3), Monotonic: i%2 == 0,
		}}
		s.Resource, s.Scope = o.pick(r)
		list = append(list, s)
	}
	return list
}

func richPoints(r *rand.Rand, n int) []model.Point {
	series, rows := randomSeries(r), make([]model.Point, n)
	for i := range rows {
		p := model.Point{
			Series: series[r.IntN(len(series))], Start: model.Nanos(randomNumber(r)), Time: model.Nanos(randomNumber(r)),
			Bits: randomNumber(r), Number: model.NumberKind(r.IntN(3)), Flags: r.Uint32N(3),
		}
		if r.IntN(2) == 0 {
			p.Bits = math.Float64bits(float64(r.IntN(100)) / 4)
		}
		switch r.IntN(6) {
		case 0:
			p.Histogram = &model.Histogram{
				Count: randomNumber(r), Sum: randomOptional(r), Min: randomOptional(r), Max: randomOptional(r),
				Bounds: []float64{1, 2.5}, Counts: []uint64{1, randomNumber(r), 3},
			}
		case 1:
			p.Exponential = &model.ExponentialHistogram{
				Count: 3, Sum: randomOptional(r), ZeroCount: 2, ZeroThreshold: 0.5, Scale: -3,
				Positive: model.Buckets{Offset: -5, Counts: []uint64{1, 2}}, Negative: model.Buckets{Offset: 9},
			}
		case 2:
			p.Summary = &model.Summary{Count: 1, Sum: r.Float64(), Quantiles: []model.Quantile{{Q: 0.5, Value: r.Float64()}}}
		}
		for range r.IntN(2) {
			p.Exemplars = append(p.Exemplars, model.Exemplar{
				Time: model.Nanos(randomNumber(r)), Bits: randomNumber(r), Number: 1, TraceID: randomTrace(r), SpanID: randomSpanID(r),
			})
		}
		rows[i] = p
	}
	return rows
}

// pointLimit is small enough for a few thousand points to be compacted, evicted
// and distinguished.
const pointLimit = mebibyte

// storedPoints returns what a tail from the beginning gives.
func storedPoints(s *Store) (rows []model.Point) {
	tail := s.TailPoints(model.PointQuery{}, model.Start{Resume: true})
	for more := true; more; {
		var got []model.Point
		got, _, more = tail.Poll(1000)
		rows = append(rows, got...)
	}
	return rows
}

func requireWithin(t *testing.T, stats Stats) {
	t.Helper()
	assert.LessOrEqual(t, stats.Bytes, stats.Capacity)
}

func TestPointsComeBackAsTheyWere(t *testing.T) {
	for n := range uint64(4) {
		r := rand.New(rand.NewPCG(n, 4))
		s, _ := newTestStore(t, 16*mebibyte, 0)
		var want []model.Point
		for range 1 + r.IntN(3) {
			batch := richPoints(r, 1+r.IntN(20_000))
			require.Zero(t, refusedOf(s.AppendPoints(batch)))
			want = append(want, batch...)
		}
		settle(s)
		requireCompacted(t, s, n == 0)
		got := storedPoints(s)
		require.Len(t, got, len(want))
		for i := range want {
			require.EqualValues(t, i+1, got[i].Seq)
			requireEqualPoints(t, &want[i], &got[i])
		}
	}
}

// requireCompacted: without a compacted chunk the test would prove nothing.
func requireCompacted(t *testing.T, s *Store, required bool) {
	t.Helper()
	if required {
		require.NotNil(t, s.points.chunks[0].segment)
	}
}

func requireEqualPoints(t *testing.T, want, got *model.Point) {
	t.Helper()
	m, n := *want.Series.Metric, *got.Series.Metric
	require.True(t, m.Metadata.Equal(n.Metadata))
	m.Metadata, n.Metadata = nil, nil
	require.Equal(t, m, n)
	require.True(t, intern.EqualResources(want.Series.Resource, got.Series.Resource))
	require.True(t, intern.EqualScopes(want.Series.Scope, got.Series.Scope))
	require.True(t, want.Series.Attributes.Equal(got.Series.Attributes))
	a, b := *want, *got
	a.Series, b.Series, a.Seq, b.Seq = nil, nil, 0, 0
	require.Equal(t, a, b)
}

// naivePoints answers a query as docs/reference/queries.md defines it.
func naivePoints(stored []model.Point, q model.PointQuery) (seqs []uint64) {
	var found []model.Point
	for i := range stored {
		p := &stored[i]
		if q.Filter.Time.Contains(p.Time) && model.MatchName(q.Names, p.Series.Metric.Name) && q.Filter.MatchSeries(p.Series) {
			found = append(found, *p)
		}
	}
	slices.SortFunc(found, func(a, b model.Point) int { return comparePoints(&a, &b) })
	if !q.Paging.Ascending {
		slices.Reverse(found)
	}
	for i := range found {
		seqs = append(seqs, found[i].Seq)
	}
	return seqs
}

func TestPointsAreFoundAsByLookingAtAll(t *testing.T) {
	for n := range uint64(3) {
		r := rand.New(rand.NewPCG(n, 5))
		s, _ := newTestStore(t, pointLimit, 0)
		for range 4 {
			s.AppendPoints(richPoints(r, 4000))
		}
		settle(s)
		stored := storedPoints(s)
		require.EqualValues(t, s.Stats()[2].Rows, len(stored))
		for range 12 {
			q := model.PointQuery{Filter: randomFilter(t, r), Paging: model.Paging{Limit: 500 + r.IntN(5000), Ascending: r.IntN(2) == 0}}
			if r.IntN(2) == 0 {
				q.Names = []string{[]string{"metric.1", "met*", "metric.9"}[r.IntN(3)], "metric.3"}
			}
			if r.IntN(3) == 0 {
				q.Paging.MaxBytes = 1<<19 + r.IntN(1<<20)
			}
			want, got := naivePoints(stored, q), []uint64(nil)
			for more := true; more; more = !q.Paging.After.IsZero() {
				page, err := s.QueryPoints(t.Context(), q)
				require.NoError(t, err)
				for i := range page.Rows {
					got = append(got, page.Rows[i].Seq)
				}
				q.Paging.After = page.Next
			}
			require.Equal(t, want, got, "%+v", q)
		}
	}
}

// Anyone who tails while points are compacted and evicted and series come and go sees
// each row, as it was, or is informed of it.
func TestPointReadersDoNotSeeTheCompaction(t *testing.T) {
	s, _ := newTestStore(t, 512<<10, 0)
	const batches, size = 150, 200
	tail := s.TailPoints(model.PointQuery{}, model.Start{Resume: true})
	var writers sync.WaitGroup
	for range 2 {
		writers.Go(func() {
			for n := range batches {
				rows := gaugePoints(fmt.Sprint("metric.", n), size)
				for i := range rows {
					rows[i].Bits = math.Float64bits(float64(n))
				}
				s.AppendPoints(rows)
			}
		})
	}
	writers.Go(func() { // the bound comes and goes
		for n := range 200 {
			s.SetLimits(Limits{Metrics: int64(384+n%5*32) << 10, MaxAge: time.Hour})
			s.Retire()
			requireWithin(t, s.Stats()[2])
		}
		s.SetLimits(Limits{Metrics: 512 << 10})
	})
	var seen, lost uint64
	for n := 0; seen+lost < 2*batches*size; n++ {
		rows, loss, err := tail.Next(t.Context(), 77)
		require.NoError(t, err)
		lost += loss.Count
		for i := range rows {
			seen++
			require.Equal(t, seen+lost, rows[i].Seq)
			require.Equal(t, fmt.Sprint("metric.", rows[i].Float()), rows[i].Series.Metric.Name)
		}
		if n%50 > 0 {
			continue
		}
		_, err = s.QueryPoints(t.Context(), model.PointQuery{Names: []string{"metric.7*"}, Paging: model.Paging{Limit: 10}})
		require.NoError(t, err)
		series, _, err := s.Aggregate(t.Context(), model.AggregateQuery{Aggregation: model.AggregateMax, Limit: 1000})
		require.NoError(t, err)
		for i := range series {
			require.Equal(t, fmt.Sprint("metric.", series[i].Points[0].Value), series[i].Metric.Name)
		}
	}
	writers.Wait()
	require.Positive(t, seen)
	settle(s)
	requireExactPoints(t, s)
}
