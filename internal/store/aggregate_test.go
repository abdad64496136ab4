// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// gaugePoints makes one series with the values 1, 2, ... at the seconds 1, 2, ...
func gaugePoints(name string, n int) []model.Point {
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(i + 1)
	}
	return numbers(model.Metric{Name: name, Type: model.MetricGauge}, "a", 1, values...)
}

// numbers makes a series with values that are so many seconds apart; the first
// is as long after 0.
func numbers(metric model.Metric, instance string, apart int, values ...float64) []model.Point {
	series := &model.Series{Metric: &metric, Resource: resource("shop"), Scope: &model.Scope{}, Attributes: attributes("instance", instance)}
	rows := make([]model.Point, len(values))
	for i, v := range values {
		rows[i] = model.Point{
			Series: series, Time: second(apart * (i + 1)),
			Number: model.NumberDouble, Bits: math.Float64bits(v),
		}
	}
	return rows
}

func counter() model.Metric {
	return model.Metric{Name: "requests", Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative}
}

// value aggregates the rows over the minute (0 s, 60 s] into one value.
func value(t *testing.T, how model.Aggregation, rows ...[]model.Point) (model.AggregatePoint, bool) {
	t.Helper()
	s, _ := newTestStore(t, mebibyte, 0)
	for _, batch := range rows {
		require.Zero(t, refusedOf(s.AppendPoints(batch)))
	}
	series, truncated, err := s.Aggregate(t.Context(), model.AggregateQuery{Aggregation: how, Resolution: time.Minute, Limit: 10})
	require.NoError(t, err)
	require.Zero(t, truncated)
	if len(series) == 0 {
		return model.AggregatePoint{}, false
	}
	require.Len(t, series, 1)
	require.Len(t, series[0].Points, 1)
	require.Equal(t, second(60), series[0].Points[0].Time)
	return series[0].Points[0], true
}

// expect checks aggregations of the same rows; NaN stands for no value.
func expect(t *testing.T, want map[model.Aggregation]float64, rows ...[]model.Point) {
	t.Helper()
	for how, number := range want {
		got, ok := value(t, how, rows...)
		if math.IsNaN(number) {
			assert.False(t, ok, "aggregation %d", how)
			continue
		}
		require.True(t, ok, "aggregation %d", how)
		assert.InDelta(t, number, got.Value, 1e-9, "aggregation %d", how)
	}
}

func TestAggregateGauges(t *testing.T) {
	gauge := model.Metric{Name: "load", Type: model.MetricGauge}
	expect(t, map[model.Aggregation]float64{
		model.AggregateAvg:   14.0 / 3,
		model.AggregateSum:   3 + 10, // the last of each series
		model.AggregateMin:   1,
		model.AggregateMax:   10,
		model.AggregateCount: 3,
		model.AggregateP50:   3,
		model.AggregateP90:   3 + 0.8*7,
		model.AggregateP95:   3 + 0.9*7,
		model.AggregateP99:   3 + 0.98*7,
		model.AggregateRate:  2.0 / 20,
	}, numbers(gauge, "a", 20, 1, 3), numbers(gauge, "b", 30, 10))
}

func TestAggregateDeltas(t *testing.T) {
	delta := counter()
	delta.Temporality = model.TemporalityDelta
	expect(t, map[model.Aggregation]float64{
		model.AggregateSum:   14,
		model.AggregateAvg:   14.0 / 3,
		model.AggregateCount: 3,
		model.AggregateRate:  14.0 / 60,
	}, numbers(delta, "a", 20, 1, 3), numbers(delta, "b", 30, 10))
}

func TestAggregateCounters(t *testing.T) {
	expect(t, map[model.Aggregation]float64{
		model.AggregateSum:  150 + 8,
		model.AggregateRate: 1, // 50 in 50 s, extended to the whole minute; b has one sample
	}, numbers(counter(), "a", 10, 100, 110, 120, 130, 140, 150), numbers(counter(), "b", 30, 8))
}

func TestRateOfCounters(t *testing.T) {
	restart := numbers(counter(), "a", 30, 10, 20)
	restart[0].Start, restart[1].Start = second(1), second(40)
	late := numbers(counter(), "a", 10, 0, 0, 0, 1000, 1010)[3:]
	upDown := counter()
	upDown.Monotonic = false
	for name, test := range map[string]struct {
		rows []model.Point
		want float64
	}{
		"a lower value is a reset":             {numbers(counter(), "a", 15, 100, 110, 5, 15), 25.0 / 45},
		"a new start is one, not below 0":      {restart, 20.0 * 45 / 30 / 60},
		"far bounds are met half a step ahead": {late, 10.0 * 25 / 10 / 60},
		"what goes up and down has a slope":    {numbers(upDown, "a", 20, 10, 20, 4), -6.0 / 40},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, map[model.Aggregation]float64{model.AggregateRate: test.want}, test.rows)
		})
	}
}

func TestStaleAndNaNAreSkipped(t *testing.T) {
	rows := gaugePoints("load", 4)
	rows[1].Flags = model.FlagNoRecordedValue
	rows[2].Bits = math.Float64bits(math.NaN())
	expect(t, map[model.Aggregation]float64{model.AggregateCount: 2, model.AggregateAvg: 2.5}, rows)
}

func TestWindows(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendPoints(gaugePoints("load", 25))
	q := model.AggregateQuery{Aggregation: model.AggregateCount, Resolution: 10 * time.Second, Limit: 1}
	count := func(sec int, n uint64) model.AggregatePoint {
		return model.AggregatePoint{Time: second(sec), Value: float64(n), Count: n}
	}
	for name, test := range map[string]struct {
		resolution time.Duration
		times      model.TimeRange
		want       []model.AggregatePoint
	}{
		"end inclusive":      {10 * time.Second, model.TimeRange{}, []model.AggregatePoint{count(10, 10), count(20, 10), count(30, 5)}},
		"cut by the range":   {10 * time.Second, model.TimeRange{Start: second(5), End: second(11)}, []model.AggregatePoint{count(10, 6)}},
		"one over all":       {0, model.TimeRange{}, []model.AggregatePoint{count(25, 25)}},
		"one over the range": {0, model.TimeRange{Start: second(5), End: second(11)}, []model.AggregatePoint{count(11, 6)}},
		"nothing there":      {0, model.TimeRange{Start: second(90)}, nil},
	} {
		q.Resolution, q.Filter.Time = test.resolution, test.times
		series, _, err := s.Aggregate(t.Context(), q)
		require.NoError(t, err)
		if test.want == nil {
			assert.Empty(t, series, name)
			continue
		}
		require.Len(t, series, 1, name)
		assert.Equal(t, test.want, series[0].Points, name)
	}
}

func TestGroupsAreSortedAndCut(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	gauge := model.Metric{Name: "b", Unit: "s", Type: model.MetricGauge}
	s.AppendPoints(numbers(gauge, "2", 1, 5))
	s.AppendPoints(numbers(gauge, "1", 1, 7))
	s.AppendPoints(numbers(gauge, "1", 2, 8)) // the same series again
	s.AppendPoints(gaugePoints("a", 3))
	q := model.AggregateQuery{
		Aggregation: model.AggregateMax, Limit: 2,
		GroupBy: []model.LabelKey{model.NewLabelKey("service"), model.NewLabelKey("instance"), model.NewLabelKey("absent")},
	}
	series, truncated, err := s.Aggregate(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, series, 2)
	assert.Equal(t, 1, truncated)
	assert.Equal(t, "a", series[0].Metric.Name)
	assert.Equal(t, []string{"shop", "1", ""}, series[1].Labels)
	assert.Equal(t, 1, series[1].Sources)
	assert.Equal(t, 8.0, series[1].Points[0].Value)

	q.GroupBy = nil
	series, _, err = s.Aggregate(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, 2, series[1].Sources)
}

func TestSeriesAreOneAcrossChunks(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	for batch := range 10 {
		rows := gaugePoints("load", 1000)
		for i := range rows {
			rows[i].Time += second(1000 * batch)
		}
		s.AppendPoints(rows)
	}
	require.Greater(t, len(s.points.chunks), 1)
	series, _, err := s.Aggregate(t.Context(), model.AggregateQuery{Aggregation: model.AggregateCount, Limit: 1})
	require.NoError(t, err)
	assert.Equal(t, 1, series[0].Sources)
	assert.EqualValues(t, 10_000, series[0].Points[0].Count)
}

func TestExemplarsAreTheLatest(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	rows := gaugePoints("load", 30)
	for i := range rows {
		rows[i].Exemplars = []model.Exemplar{{Time: rows[i].Time}}
	}
	s.AppendPoints(rows)
	series, _, err := s.Aggregate(t.Context(), model.AggregateQuery{Aggregation: model.AggregateAvg, Limit: 1})
	require.NoError(t, err)
	require.Len(t, series[0].Exemplars, 10)
	assert.Equal(t, second(30), series[0].Exemplars[0].Time)
	assert.Equal(t, second(21), series[0].Exemplars[9].Time)
}

func TestAggregateRefuses(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendPoints(gaugePoints("load", 100))
	avg := model.AggregateAvg
	for name, test := range map[string]struct {
		query model.AggregateQuery
		field string
	}{
		"no aggregation":    {model.AggregateQuery{}, "query.aggregation"},
		"negative width":    {model.AggregateQuery{Aggregation: avg, Resolution: -1}, "query.resolution"},
		"windows of range":  {model.AggregateQuery{Aggregation: avg, Resolution: time.Second, Filter: model.Filter{Time: model.TimeRange{Start: second(1), End: second(11_002)}}}, "query.resolution"},
		"windows of points": {model.AggregateQuery{Aggregation: avg, Resolution: time.Millisecond, Filter: model.Filter{Time: model.TimeRange{Start: second(2)}}}, "query.resolution"},
	} {
		_, _, err := s.Aggregate(t.Context(), test.query)
		var field *model.FieldError
		require.ErrorAs(t, err, &field, name)
		assert.Equal(t, test.field, field.Field, name)
	}
}
