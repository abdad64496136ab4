// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package promcompare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store"
)

const (
	window  = time.Minute
	windows = 30
	rounds  = 8 // data sets of each test
)

// begin is the end of the first window that is compared: before it there is a
// window of data for what looks back.
var begin = time.Unix(1_700_000_040, 0) // a full minute

// world makes the same data for the store and for Prometheus.
type world struct {
	*rand.Rand
	metric model.Metric
	points []model.Point
	prom   series
}

func newWorld(seed uint64, metric model.Metric) *world {
	metric.Name = "m"
	return &world{Rand: rand.New(rand.NewPCG(seed, 9)), metric: metric}
}

// eachSample calls use for each sample of some series of three groups. Scrapes
// are some seconds apart, with jitter, and some are missing.
func (w *world) eachSample(use func(s *model.Series, of labels.Labels, at time.Time)) {
	for n := range 7 {
		group := fmt.Sprint("group-", n%3)
		s := &model.Series{Metric: &w.metric, Resource: &model.Resource{}, Scope: &model.Scope{}, Attributes: model.Attributes{
			{Key: "group", Value: model.StringValue(group)}, {Key: "n", Value: model.IntValue(int64(n))},
		}}
		of := labels.FromStrings("__name__", "m", "group", group, "n", fmt.Sprint(n))
		apart := time.Duration(1+w.IntN(25)) * time.Second
		at := begin.Add(-3 * window / 2)
		for at.Before(begin.Add(windows * window)) {
			at = at.Add(apart + time.Duration(w.IntN(1000)-500)*time.Millisecond)
			if w.IntN(10) > 0 {
				use(s, of, at)
			}
		}
	}
}

// number adds a sample of a gauge or counter.
func (w *world) number(s *model.Series, of labels.Labels, at time.Time, value float64) {
	w.points = append(w.points, model.Point{
		Series: s, Time: model.Nanos(at.UnixNano()), Number: model.NumberDouble, Bits: math.Float64bits(value),
	})
	w.prom.add(of, sample{t: at.UnixMilli(), f: value})
}

// aggregate asks the store.
func (w *world) aggregate(t *testing.T, how model.Aggregation) values {
	t.Helper()
	s := store.New(store.Limits{Metrics: 1 << 19}, time.Now) // so small that most is compacted
	w.Shuffle(len(w.points)/50, func(i, j int) { w.points[i], w.points[j] = w.points[j], w.points[i] })
	refused, err := s.AppendPoints(w.points)
	require.NoError(t, err)
	require.Zero(t, refused)
	require.Len(t, w.points, int(s.Stats()[2].Rows), "nothing is evicted")
	answer, _, err := s.Aggregate(t.Context(), model.AggregateQuery{
		Aggregation: how, GroupBy: []model.LabelKey{model.NewLabelKey("group")}, Resolution: window, Limit: 100,
		Filter: model.Filter{Time: model.TimeRange{
			Start: model.Nanos(begin.Add(-window).UnixNano()) + 1, End: model.Nanos(begin.Add((windows-1)*window).UnixNano()) + 1,
		}},
	})
	require.NoError(t, err)
	got := values{}
	for _, group := range answer {
		for _, p := range group.Points {
			got.put(group.Labels[0], int64(p.Time/1e6), p.Value)
		}
	}
	return got
}

// expect compares an aggregation with a query of Prometheus, value for value.
func (w *world) expect(t *testing.T, how model.Aggregation, query string) {
	t.Helper()
	w.expectOf(t, how, query, w.prom.queryable())
}

// expectOf is expect with the data as Prometheus keeps it.
func (w *world) expectOf(t *testing.T, how model.Aggregation, query string, data storage.Queryable) {
	t.Helper()
	want := ask(t, data, query, begin, begin.Add((windows-1)*window), window)
	got := w.aggregate(t, how)
	require.NotEmpty(t, want)
	require.Len(t, got, len(want), query)
	for group := range want {
		require.Greater(t, len(want[group]), windows/2, "the data must say something")
		require.Len(t, got[group], len(want[group]), "%s of %s", query, group)
		for at, value := range want[group] {
			require.Contains(t, got[group], at, "%s of %s", query, group)
			require.InEpsilon(t, 1+value, 1+got[group][at], 1e-9, "%s of %s at %d", query, group, at)
		}
	}
}

func TestGauges(t *testing.T) {
	for seed := range uint64(rounds) {
		w := newWorld(seed, model.Metric{Type: model.MetricGauge})
		w.eachSample(func(s *model.Series, of labels.Labels, at time.Time) { w.number(s, of, at, 100*w.Float64()) })
		for how, query := range map[model.Aggregation]string{
			model.AggregateAvg:   `sum by (group) (sum_over_time(m[1m])) / sum by (group) (count_over_time(m[1m]))`,
			model.AggregateSum:   `sum by (group) (last_over_time(m[1m]))`,
			model.AggregateMin:   `min by (group) (min_over_time(m[1m]))`,
			model.AggregateMax:   `max by (group) (max_over_time(m[1m]))`,
			model.AggregateCount: `sum by (group) (count_over_time(m[1m]))`,
		} {
			w.expect(t, how, query)
		}
	}
}

// Of one series the percentiles are Prometheus'. It has none over the samples
// of several.
func TestPercentilesOfAGauge(t *testing.T) {
	for seed := range uint64(rounds) {
		w := newWorld(seed, model.Metric{Type: model.MetricGauge})
		w.eachSample(func(s *model.Series, of labels.Labels, at time.Time) {
			if n, _ := s.Attributes.Get("n"); n.Int() < 3 { // one of each group
				w.number(s, of, at, 100*w.Float64())
			}
		})
		for how, q := range percentiles() {
			w.expect(t, how, fmt.Sprintf(`max by (group) (quantile_over_time(%g, m[1m]))`, q))
		}
	}
}

func percentiles() map[model.Aggregation]float64 {
	return map[model.Aggregation]float64{
		model.AggregateP50: .5, model.AggregateP90: .9, model.AggregateP95: .95, model.AggregateP99: .99,
	}
}

func TestCounters(t *testing.T) {
	for seed := range uint64(rounds) {
		w := newWorld(seed, model.Metric{Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative})
		count := map[*model.Series]float64{}
		w.eachSample(func(s *model.Series, of labels.Labels, at time.Time) {
			if w.IntN(30) == 0 {
				count[s] = 0 // a reset
			}
			count[s] += float64(w.IntN(100)) / 4
			w.number(s, of, at, count[s])
		})
		w.expect(t, model.AggregateRate, `sum by (group) (rate(m[1m]))`)
		w.expect(t, model.AggregateSum, `sum by (group) (last_over_time(m[1m]))`)
	}
}

func TestDeltas(t *testing.T) {
	for seed := range uint64(rounds) {
		w := newWorld(seed, model.Metric{Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityDelta})
		w.eachSample(func(s *model.Series, of labels.Labels, at time.Time) { w.number(s, of, at, float64(w.IntN(50))) })
		w.expect(t, model.AggregateSum, `sum by (group) (sum_over_time(m[1m]))`)
		w.expect(t, model.AggregateRate, `sum by (group) (sum_over_time(m[1m])) / 60`)
	}
}
