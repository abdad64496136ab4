// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// reading is a point of a cumulative series in seconds; start 0 is none.
type reading struct {
	start, at int
	value     float64
}

// kinds are the metric types that can be cumulative, each with a point that
// counts so many.
func kinds() map[string]func(r reading) model.Point {
	point := func(kind model.MetricType, r reading) model.Point {
		series := &model.Series{
			Metric:   &model.Metric{Name: "m", Type: kind, Temporality: model.TemporalityCumulative, Monotonic: kind == model.MetricSum},
			Resource: resource("shop"), Scope: &model.Scope{},
		}
		return model.Point{Series: series, Start: second(r.start), Time: second(r.at)}
	}
	return map[string]func(reading) model.Point{
		"sum": func(r reading) model.Point {
			p := point(model.MetricSum, r)
			p.Number, p.Bits = model.NumberDouble, math.Float64bits(r.value)
			return p
		},
		"histogram": func(r reading) model.Point {
			p := point(model.MetricHistogram, r)
			p.Histogram = &model.Histogram{Count: uint64(r.value), Sum: set(r.value), Bounds: []float64{1}, Counts: []uint64{uint64(r.value), 0}}
			return p
		},
		"exponential histogram": func(r reading) model.Point {
			p := point(model.MetricExponentialHistogram, r)
			p.Exponential = &model.ExponentialHistogram{Count: uint64(r.value), Sum: set(r.value), Positive: model.Buckets{Counts: []uint64{uint64(r.value)}}}
			return p
		},
		"summary": func(r reading) model.Point {
			p := point(model.MetricSummary, r)
			p.Summary = &model.Summary{Count: uint64(r.value), Sum: r.value}
			return p
		},
	}
}

// each makes n readings at 10, 20, ... seconds.
func each(n int, read func(i int) reading) []reading {
	list := make([]reading, n)
	for i := range list {
		list[i] = read(i)
		list[i].at = 1000 + 10*i
	}
	return list
}

// rateOf aggregates one series over the time of its points.
func rateOf(t *testing.T, list []reading, kind func(reading) model.Point) model.AggregateSeries {
	t.Helper()
	s, _ := newTestStore(t, mebibyte, 0)
	var rows []model.Point
	for _, r := range list {
		rows = append(rows, kind(r))
	}
	for i := range rows {
		rows[i].Series = rows[0].Series
	}
	require.Zero(t, refusedOf(s.AppendPoints(rows)))
	series, _, err := s.Aggregate(t.Context(), model.AggregateQuery{Aggregation: model.AggregateRate, Limit: 1})
	require.NoError(t, err)
	require.Len(t, series, 1)
	require.Len(t, series[0].Points, 1)
	return series[0]
}

// Each series counts 1 a second, save where the name says otherwise.
func TestStartTimesOfCumulativeSeries(t *testing.T) {
	value := func(i int) float64 { return 1000 + 10*float64(i) }
	for name, test := range map[string]struct {
		list []reading
		rate float64
	}{
		"no start":                  {each(7, func(i int) reading { return reading{0, 0, value(i)} }), 1},
		"one start":                 {each(7, func(i int) reading { return reading{1, 0, value(i)} }), 1},
		"start is the first time":   {each(7, func(i int) reading { return reading{1000, 0, value(i)} }), 1},
		"start is each point's own": {each(7, func(i int) reading { return reading{1000 + 10*i, 0, value(i)} }), 1},
		"start lies in the future":  {each(7, func(i int) reading { return reading{2000 + i, 0, value(i)} }), 1},
		"start moves a little":      {each(7, func(i int) reading { return reading{500 + i%3, 0, value(i)} }), 1},
		"start drifts on":           {each(7, func(i int) reading { return reading{500 + i, 0, value(i)} }), 1},
		"start drifts back":         {each(7, func(i int) reading { return reading{500 - i, 0, value(i)} }), 1},
		"start appears late": {each(7, func(i int) reading {
			if i < 3 {
				return reading{0, 0, value(i)}
			}
			return reading{900, 0, value(i)}
		}), 1},
		// 100 to 120, then 5 to 35: 20 + 35 in 60 s.
		"reset under one start": {each(7, func(i int) reading { return reading{1, 0, []float64{100, 110, 120, 5, 15, 25, 35}[i]} }), 55.0 / 60},
		// A reset at 1025: 20, then from 0 to 1000 and 30 more.
		"reset to a higher value": {each(7, func(i int) reading {
			return reading{[]int{1, 1, 1, 1025, 1025, 1025, 1025}[i], 0, []float64{100, 110, 120, 1000, 1010, 1020, 1030}[i]}
		}), 1050.0 / 60},
		// The same, where the new start is the time of the last point before it.
		"reset without a gap": {each(7, func(i int) reading {
			return reading{[]int{1, 1, 1, 1020, 1020, 1020, 1020}[i], 0, []float64{100, 110, 120, 1000, 1010, 1020, 1030}[i]}
		}), 1050.0 / 60},
		"reset though no start was known": {each(7, func(i int) reading {
			return reading{[]int{0, 0, 0, 1025, 1025, 1025, 1025}[i], 0, []float64{100, 110, 120, 1000, 1010, 1020, 1030}[i]}
		}), 1050.0 / 60},
	} {
		for kind, point := range kinds() {
			t.Run(name+"/"+kind, func(t *testing.T) {
				got := rateOf(t, test.list, point)
				assert.InDelta(t, test.rate, got.Points[0].Value, 1e-9)
				assert.Zero(t, got.ManyWriters)
				assert.Zero(t, got.Duplicates)
			})
		}
	}
}

// interleave puts the readings of two writers in order of time.
func interleave(a, b []reading) []reading {
	list := slices.Concat(a, b)
	slices.SortStableFunc(list, func(x, y reading) int { return x.at - y.at })
	return list
}

func later(list []reading, by int) []reading {
	for i := range list {
		list[i].at += by
	}
	return list
}

func TestSeveralWriters(t *testing.T) {
	high := func(start int) []reading {
		return each(7, func(i int) reading { return reading{start, 0, 1000 + 10*float64(i)} })
	}
	low := func(start int) []reading {
		return each(7, func(i int) reading { return reading{start, 0, 10 * float64(i+1)} })
	}
	for name, list := range map[string][]reading{
		"by their starts":       interleave(high(1), later(low(500), 3)),
		"at one time":           interleave(high(1), low(500)),
		"without starts":        interleave(high(0), later(low(0), 3)),
		"at one time, no start": interleave(high(0), low(0)),
	} {
		for kind, point := range kinds() {
			t.Run(name+"/"+kind, func(t *testing.T) {
				got := rateOf(t, list, point)
				assert.Equal(t, 1, got.Sources)
				assert.Equal(t, 1, got.ManyWriters)
				if list[0].start != 0 {
					assert.InDelta(t, 2, got.Points[0].Value, 0.2, "each writer counts 1 a second")
				}
			})
		}
	}
	one := kinds()["sum"]
	crashes := each(12, func(i int) reading { return reading{1001 + 30*(i/3), 0, float64(100 * (i % 3))} })
	assert.Zero(t, rateOf(t, crashes, one).ManyWriters, "one process that starts again and again")
	crashes = each(12, func(i int) reading { return reading{0, 0, float64(100 * (i % 4))} })
	assert.Zero(t, rateOf(t, crashes, one).ManyWriters, "likewise without start times")
}

func TestSeveralWritersOfDeltasAndGauges(t *testing.T) {
	deltas := func(starts ...int) []model.Point {
		metric := counter()
		metric.Temporality = model.TemporalityDelta
		rows := numbers(metric, "a", 10, slices.Repeat([]float64{5}, len(starts))...)
		for i := range rows {
			rows[i].Start = second(starts[i])
		}
		return rows
	}
	offset := deltas(4, 14, 24)
	for i := range offset {
		offset[i].Time += second(4)
		offset[i].Series.Attributes = attributes("instance", "a")
	}
	gauge := model.Metric{Name: "load", Type: model.MetricGauge}
	for name, test := range map[string]struct {
		rows [][]model.Point
		want int
	}{
		"one writer of deltas":        {[][]model.Point{deltas(1, 10, 20)}, 0},
		"deltas with one start":       {[][]model.Point{deltas(1, 1, 1, 1)}, 0},
		"deltas that overlap":         {[][]model.Point{deltas(1, 10, 20), offset}, 1},
		"gauges of different moments": {[][]model.Point{numbers(gauge, "a", 10, 9, 1, 9, 1, 9)}, 0},
		"gauges of the same moments":  {[][]model.Point{numbers(gauge, "a", 10, 9, 9), numbers(gauge, "a", 10, 1, 1)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newTestStore(t, mebibyte, 0)
			for _, rows := range test.rows {
				require.Zero(t, refusedOf(s.AppendPoints(rows)))
			}
			series, _, err := s.Aggregate(t.Context(), model.AggregateQuery{Aggregation: model.AggregateCount, Resolution: time.Hour, Limit: 2})
			require.NoError(t, err)
			require.Len(t, series, 1)
			assert.Equal(t, test.want, series[0].ManyWriters)
		})
	}
}

// What was sent twice counts once, whatever it is.
func TestDuplicatesCountOnce(t *testing.T) {
	for kind, point := range kinds() {
		for _, temporality := range []model.Temporality{model.TemporalityCumulative, model.TemporalityDelta} {
			once, twice := newStoreOf(t), newStoreOf(t)
			var rows []model.Point
			for i := range 20 {
				rows = append(rows, point(reading{10 * i, 10 * (i + 1), float64(10 * (i + 1))}))
				rows[i].Series = rows[0].Series
				rows[i].Exemplars = []model.Exemplar{{Time: rows[i].Time}}
			}
			rows[0].Series.Metric.Temporality = temporality
			require.Zero(t, refusedOf(once.AppendPoints(rows)))
			require.Zero(t, refusedOf(twice.AppendPoints(rows)))
			require.Zero(t, refusedOf(twice.AppendPoints(rows[:15])))
			for how := model.AggregateAvg; how <= model.AggregateRate; how++ {
				q := model.AggregateQuery{Aggregation: how, Resolution: time.Minute, Limit: 2}
				want, _, err := once.Aggregate(t.Context(), q)
				require.NoError(t, err)
				got, _, err := twice.Aggregate(t.Context(), q)
				require.NoError(t, err)
				if len(want) > 0 {
					assert.Zero(t, want[0].Duplicates)
					want[0].Duplicates = 15
				}
				assert.Equal(t, want, got, "%s, aggregation %d", kind, how)
			}
		}
	}
}

func newStoreOf(t *testing.T) *Store {
	t.Helper()
	s, _ := newTestStore(t, mebibyte, 0)
	return s
}

// Points without a time cannot be distinguished, and points that differ in any part
// are not the same.
func TestPointsThatAreNoDuplicates(t *testing.T) {
	s := newStoreOf(t)
	rows := gaugePoints("load", 4)
	rows[0].Time, rows[1].Time, rows[1].Bits = 0, 0, rows[0].Bits
	rows[3].Time = rows[2].Time
	require.Zero(t, refusedOf(s.AppendPoints(rows)))
	series, _, err := s.Aggregate(t.Context(), model.AggregateQuery{Aggregation: model.AggregateCount, Limit: 1})
	require.NoError(t, err)
	require.Len(t, series[0].Points, 1)
	assert.EqualValues(t, 4, series[0].Points[0].Count)
	assert.Zero(t, series[0].Duplicates)
}
