// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/tapio"
)

func randomOptional(r *rand.Rand) tapio.Optional {
	if r.IntN(2) == 0 {
		return tapio.Optional{}
	}
	return tapio.Optional{Value: r.NormFloat64(), Set: true}
}

func randomSeries(r *rand.Rand) []*tapio.Series {
	o := randomOrigins(r)
	var list []*tapio.Series
	for i := range 20 {
		s := &tapio.Series{Attributes: randomAttributes(r, 1), Metric: &tapio.Metric{
			Name: fmt.Sprint("metric.", i%7), Description: randomText(r), Unit: "s", Metadata: randomAttributes(r, 1),
			Type: tapio.MetricType(i % 6), Temporality: tapio.Temporality(i % 3), Monotonic: i%2 == 0,
		}}
		s.Resource, s.Scope = o.pick(r)
		list = append(list, s)
	}
	return list
}

func richPoints(r *rand.Rand, n int) []tapio.Point {
	series, rows := randomSeries(r), make([]tapio.Point, n)
	for i := range rows {
		p := tapio.Point{
			Series: series[r.IntN(len(series))], Start: tapio.Nanos(randomNumber(r)), Time: tapio.Nanos(randomNumber(r)),
			Bits: randomNumber(r), Number: tapio.NumberKind(r.IntN(3)), Flags: r.Uint32N(3),
		}
		if r.IntN(2) == 0 {
			p.Bits = math.Float64bits(float64(r.IntN(100)) / 4)
		}
		switch r.IntN(6) {
		case 0:
			p.Histogram = &tapio.Histogram{
				Count: randomNumber(r), Sum: randomOptional(r), Min: randomOptional(r), Max: randomOptional(r),
				Bounds: []float64{1, 2.5}, Counts: []uint64{1, randomNumber(r), 3},
			}
		case 1:
			p.Exponential = &tapio.ExponentialHistogram{
				Count: 3, Sum: randomOptional(r), ZeroCount: 2, ZeroThreshold: 0.5, Scale: -3,
				Positive: tapio.Buckets{Offset: -5, Counts: []uint64{1, 2}}, Negative: tapio.Buckets{Offset: 9},
			}
		case 2:
			p.Summary = &tapio.Summary{Count: 1, Sum: r.Float64(), Quantiles: []tapio.Quantile{{Q: 0.5, Value: r.Float64()}}}
		}
		for range r.IntN(2) {
			p.Exemplars = append(p.Exemplars, tapio.Exemplar{
				Time: tapio.Nanos(randomNumber(r)), Bits: randomNumber(r), Number: 1, TraceID: randomTrace(r), SpanID: randomSpanID(r),
			})
		}
		rows[i] = p
	}
	return rows
}

func TestPointSegmentsGiveBackTheirRows(t *testing.T) {
	packer, seed := newPacker(), maphash.MakeSeed()
	for n := range uint64(4) {
		r := rand.New(rand.NewPCG(n, 4))
		points := richPoints(r, 1+r.IntN(2*pointBlockRows))
		s := seal(codec[tapio.Point](pointCodec{}), packer, seed, points)
		got, _ := restore(codec[tapio.Point](pointCodec{}), s, &hint{})
		require.Len(t, got, len(points))
		for i := range points {
			requireEqualPoints(t, &points[i], &got[i])
		}
	}
}

func requireEqualPoints(t *testing.T, want, got *tapio.Point) {
	t.Helper()
	require.True(t, equalMetrics(want.Series.Metric, got.Series.Metric))
	require.True(t, equalResources(want.Series.Resource, got.Series.Resource))
	require.True(t, equalScopes(want.Series.Scope, got.Series.Scope))
	require.True(t, want.Series.Attributes.Equal(got.Series.Attributes))
	a, b := *want, *got
	a.Series, b.Series = nil, nil
	require.Equal(t, a, b)
}

func TestIndexesLoseNoPoint(t *testing.T) {
	packer, seed := newPacker(), maphash.MakeSeed()
	for n := range uint64(5) {
		r := rand.New(rand.NewPCG(n, 5))
		rows := richPoints(r, 2*pointBlockRows)
		s := seal(codec[tapio.Point](pointCodec{}), packer, seed, rows)
		for range 30 {
			q := tapio.PointQuery{Filter: randomFilter(t, r)}
			if r.IntN(2) == 0 {
				q.Names = []string{[]string{"metric.1", "met*", "metric.9"}[r.IntN(3)], "metric.3"}
			}
			match := pointMatcher(q)()
			loaded, places := restore(codec[tapio.Point](pointCodec{}), s, pointHint(&q))
			var want, got []int
			for i := range rows {
				if match(&rows[i]) {
					want = append(want, i)
				}
			}
			for i := range loaded {
				if match(&loaded[i]) {
					requireEqualPoints(t, &rows[places[i]], &loaded[i])
					got = append(got, int(places[i]))
				}
			}
			require.Equal(t, want, got, "%+v", q)
		}
	}
}
