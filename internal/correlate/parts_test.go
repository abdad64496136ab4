// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/model"
)

func TestLinesThatDifferInValuesAreOneTemplate(t *testing.T) {
	m := logtemplate.NewMiner(1 << 20)
	first := m.Of("16:42:09 INFO a.Seat#31 served user 8a533bf9-bd12-4608-a8eb-606890982448 in 17 ms")
	assert.Same(t, first, m.Of("17:00:00 INFO a.Seat#31 served user 2f533bf9-bd12-4608-a8eb-606890982441 in 2 ms"))
	assert.NotSame(t, first, m.Of("17:00:00 INFO a.Seat#37 served user 2f533bf9-bd12-4608-a8eb-606890982441 in 2 ms"), "another place in the code")
	assert.Equal(t, "a.Seat#31", first.CodePlace())
}

func TestWordsThatVaryBecomeWild(t *testing.T) {
	m := logtemplate.NewMiner(1 << 20)
	first := m.Of("cannot reach host alpha for user bob today")
	assert.Same(t, first, m.Of("cannot reach host omega for user eve today"))
	assert.Equal(t, "cannot reach host <*> for user <*> today", first.Shown())
}

func TestMessageOfAJSONBodyIsTheLine(t *testing.T) {
	e := &model.Event{Body: model.StringValue(`{"id":"7","message":"went wrong","time":"x"}`)}
	assert.Equal(t, "went wrong", logtemplate.LineOf(e))
	e.Body = model.MapValue([]model.KeyValue{{Key: "msg", Value: model.StringValue("went well")}})
	assert.Equal(t, "went well", logtemplate.LineOf(e))
}

func pointOf(m *model.Metric, i int, x float64) model.Point {
	return model.Point{
		Time: begin + model.Nanos(i)*60*second, Number: model.NumberInt, Bits: uint64(int64(x)),
		Series: &model.Series{Metric: m, Resource: resourceOf("a")},
	}
}

func seriesOf(t *testing.T, m *model.Metric, values ...float64) *series {
	t.Helper()
	e, err := New(Config{})
	require.NoError(t, err)
	for i, x := range values {
		e.ObservePoints([]model.Point{pointOf(m, i, x)})
	}
	require.Equal(t, 1, e.measures.series.Size())
	return newest(e.measures.series)
}

func TestResetOfACounterIsNoChange(t *testing.T) {
	m := &model.Metric{Name: "requests", Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative}
	s := seriesOf(t, m, 600, 1200, 1800, 2400, 3000, 600, 1200)
	assert.Equal(t, 1, s.resets)
	assert.Zero(t, s.strange)
	assert.InDelta(t, 10, s.newest, 1e-9)
}

func TestFaultDoesNotHideTheNextOne(t *testing.T) {
	m := &model.Metric{Name: "cpu", Type: model.MetricGauge}
	s := seriesOf(t, m, 10, 11, 10, 9, 100, 100, 100, 100, 100, 10, 11, 100)
	assert.Equal(t, 1, s.strange)
	assert.InDelta(t, 10, s.median, 1)
}

func TestOutliersDoNotMoveTheSpread(t *testing.T) {
	assert.InDelta(t, 1, mad([]float64{1, 2, 3, 4, 1000}, 3), 1e-9)
	assert.InDelta(t, 0, mad([]float64{3, 3, 3, 9}, 3), 1e-9)
}

func TestTrendPredictsALeakAndNoNoise(t *testing.T) {
	var leak, noise baseline.Trend
	for i := range 40 {
		at := begin + model.Nanos(i)*60*second
		leak.Add(0.3+0.01*float64(i), at)
		noise.Add(0.5+0.1*float64(i*7919%13), at)
	}
	earliest, latest, ok := leak.Until(1, 0.69)
	require.True(t, ok)
	assert.InDelta(t, 31*60, earliest, 300)
	assert.GreaterOrEqual(t, latest, earliest)
	_, _, ok = noise.Until(10, 0.5)
	assert.False(t, ok)
}

func TestChangeIsDated(t *testing.T) {
	var runs, hits, time baseline.History
	for slot := range int64(30) {
		runs.Observe(1000+slot, baseline.Sample{N: 4})
		x := float32(1)
		if slot >= 20 {
			hits.Observe(1000+slot, baseline.Sample{N: 4})
			x = 5
		}
		time.Observe(1000+slot, baseline.Sample{N: 4, Sum: 4 * x, Square: 4 * x * x})
	}
	assert.EqualValues(t, 1020, baseline.ShareChange(&runs, &hits, true).Bucket)
	assert.Zero(t, baseline.ShareChange(&runs, &hits, false).Ratio)
	assert.EqualValues(t, 1020, baseline.RiseOf(&time).Bucket)
}

func TestTableForgetsWhatWasUsedLongestAgo(t *testing.T) {
	l := lru.New[int, string](3)
	for i := range 3 {
		l.Put(i, fmt.Sprint(i))
	}
	l.Get(0)
	l.Put(3, "3")
	assert.Nil(t, l.Peek(1))
	var order []int
	for key := range l.All() {
		order = append(order, key)
	}
	assert.Equal(t, []int{2, 0, 3}, order)
	assert.Equal(t, 1, l.Evicted)
}

func TestTwoFaultsStayTwoGroups(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	for _, service := range []string{"cart", "pay"} {
		s.e.ObserveEvents([]model.Event{{Time: s.at, Name: "tapio.process.oom_kill", Resource: s.resource(service)}})
	}
	s.fails["front"] = true
	s.run(30)
	causes := map[string]bool{}
	for _, g := range s.last {
		causes[g.RootCause.Factors[0].Entity.Name] = true
	}
	assert.Equal(t, map[string]bool{"cart": true, "pay": true}, causes)
}

func TestAnIncidentWithoutRoomIsCounted(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	for range maxGroups {
		e.book.groups = append(e.book.groups, &group{into: "another"}) // of no kin to any incident
	}
	e.admission.admit(&incident{suspects: []*suspect{{service: "late"}}})
	assert.Len(t, e.book.groups, maxGroups)
	assert.Equal(t, 1, e.Stats().Evictions["incident"])
}

// More series than there is room for leave those in place that are known already,
// until one of them falls silent.
func TestSeriesKeepTheirPlacesWhileTheyReport(t *testing.T) {
	e, err := New(Config{MemoryLimit: minMemoryLimit})
	require.NoError(t, err)
	report := func(name string, at model.Nanos) {
		metric := &model.Metric{Name: name, Type: model.MetricGauge}
		e.ObservePoints([]model.Point{{Time: at, Number: model.NumberDouble, Series: &model.Series{Metric: metric, Resource: resourceOf("a")}}})
	}
	for i := range e.measures.series.Capacity {
		report(fmt.Sprint("known.", i), begin)
	}
	report("late", begin+seriesSilence-1)
	assert.Equal(t, 1, e.Stats().Evictions["point_of_new_series"])
	assert.Zero(t, e.Stats().Evictions["series"])
	report("later", begin+seriesSilence)
	assert.Equal(t, 1, e.Stats().Evictions["series"])
}

// newest is the value of the entry used last.
func newest[K comparable, V any](t *lru.Table[K, V]) (last V) {
	for _, held := range t.All() {
		last = *held
	}
	return last
}
