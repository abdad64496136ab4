// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package promcompare

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tapio/tapio/internal/model"
)

// explicit adds a histogram, and to Prometheus the series that it becomes there.
func (w *world) explicit(s *model.Series, of labels.Labels, at time.Time, h *model.Histogram) {
	w.points = append(w.points, model.Point{Series: s, Time: model.Nanos(at.UnixNano()), Histogram: h})
	named := func(name string) *labels.Builder { return labels.NewBuilder(of).Set("__name__", name) }
	sum := uint64(0)
	for i, n := range h.Counts {
		sum += n
		le := "+Inf"
		if i < len(h.Bounds) {
			le = fmt.Sprint(h.Bounds[i])
		}
		w.prom.add(named("m_bucket").Set("le", le).Labels(), sample{t: at.UnixMilli(), f: float64(sum)})
	}
	w.prom.add(named("m_count").Labels(), sample{t: at.UnixMilli(), f: float64(h.Count)})
	w.prom.add(named("m_sum").Labels(), sample{t: at.UnixMilli(), f: h.Sum.Value})
}

// observe adds a random observation.
func (w *world) observe(h *model.Histogram) {
	value := w.ExpFloat64() * 3
	i := 0
	for i < len(h.Bounds) && value > h.Bounds[i] {
		i++
	}
	h.Counts[i]++
	h.Count++
	h.Sum.Value += value
}

func cloned(h *model.Histogram) *model.Histogram {
	c := *h
	c.Counts = append([]uint64(nil), h.Counts...)
	return &c
}

func empty() *model.Histogram {
	bounds := []float64{.1, .5, 1, 2.5, 5, 10}
	return &model.Histogram{Bounds: bounds, Counts: make([]uint64, len(bounds)+1), Sum: model.Optional{Set: true}}
}

// The increase is that from the last point before the window to the last one in
// it, which Prometheus calls anchored.
func TestCumulativeHistograms(t *testing.T) {
	for seed := range uint64(rounds) {
		w := newWorld(seed, model.Metric{Type: model.MetricHistogram, Temporality: model.TemporalityCumulative})
		state := map[*model.Series]*model.Histogram{}
		w.eachSample(func(s *model.Series, of labels.Labels, at time.Time) {
			// A reset, once it is one in every series that Prometheus makes of the histogram.
			if state[s] == nil || state[s].Counts[0] > 20 && w.IntN(20) == 0 {
				state[s] = empty()
			}
			for range w.IntN(20) {
				w.observe(state[s])
			}
			w.explicit(s, of, at, cloned(state[s]))
		})
		w.expect(t, model.AggregateCount, `sum by (group) (increase(m_count[1m] anchored))`)
		w.expect(t, model.AggregateSum, `sum by (group) (increase(m_sum[1m] anchored))`)
		w.expect(t, model.AggregateRate, `sum by (group) (increase(m_count[1m] anchored)) / 60`)
		w.expect(t, model.AggregateAvg, `sum by (group) (increase(m_sum[1m] anchored)) / sum by (group) (increase(m_count[1m] anchored))`)
		for how, q := range percentiles() {
			w.expect(t, how, fmt.Sprintf(`histogram_quantile(%g, sum by (group, le) (increase(m_bucket[1m] anchored)))`, q))
		}
	}
}

func TestDeltaHistograms(t *testing.T) {
	for seed := range uint64(rounds) {
		w := newWorld(seed, model.Metric{Type: model.MetricHistogram, Temporality: model.TemporalityDelta})
		w.eachSample(func(s *model.Series, of labels.Labels, at time.Time) {
			h := empty()
			for range 1 + w.IntN(20) {
				w.observe(h)
			}
			w.explicit(s, of, at, h)
		})
		w.expect(t, model.AggregateCount, `sum by (group) (sum_over_time(m_count[1m]))`)
		for how, q := range percentiles() {
			w.expect(t, how, fmt.Sprintf(`histogram_quantile(%g, sum by (group, le) (sum_over_time(m_bucket[1m])))`, q))
		}
	}
}

// exponential makes a histogram with negative, zero and positive observations,
// as the store has it and as Prometheus' native one.
func (w *world) exponential() (*model.ExponentialHistogram, *histogram.FloatHistogram) {
	scale := int32(w.IntN(4))
	side := func() (model.Buckets, []histogram.Span, []float64) {
		offset, n := int32(w.IntN(10)-5), 1+w.IntN(12)
		counts, floats := make([]uint64, n), make([]float64, n)
		for i := range counts {
			counts[i] = uint64(w.IntN(9))
			floats[i] = float64(counts[i])
		}
		// Prometheus numbers buckets by their upper bound.
		return model.Buckets{Offset: offset, Counts: counts}, []histogram.Span{{Offset: offset + 1, Length: uint32(n)}}, floats
	}
	e := &model.ExponentialHistogram{Scale: scale, ZeroCount: uint64(w.IntN(4)), ZeroThreshold: 1e-9}
	f := &histogram.FloatHistogram{Schema: scale, ZeroCount: float64(e.ZeroCount), ZeroThreshold: e.ZeroThreshold}
	e.Positive, f.PositiveSpans, f.PositiveBuckets = side()
	if w.IntN(2) == 0 {
		e.Negative, f.NegativeSpans, f.NegativeBuckets = side()
	}
	e.Count = e.ZeroCount
	for _, counts := range [][]uint64{e.Positive.Counts, e.Negative.Counts} {
		for _, n := range counts {
			e.Count += n
		}
	}
	e.Sum = model.Optional{Value: w.NormFloat64() * 100, Set: true}
	f.Count, f.Sum = float64(e.Count), e.Sum.Value
	return e, f
}

func TestExponentialHistograms(t *testing.T) {
	for seed := range uint64(rounds) {
		w := newWorld(seed, model.Metric{Type: model.MetricExponentialHistogram, Temporality: model.TemporalityDelta})
		w.eachSample(func(s *model.Series, of labels.Labels, at time.Time) {
			e, f := w.exponential()
			f.CounterResetHint = histogram.GaugeType
			w.points = append(w.points, model.Point{Series: s, Time: model.Nanos(at.UnixNano()), Exponential: e})
			w.prom.add(of, sample{t: at.UnixMilli(), fh: f})
		})
		w.expect(t, model.AggregateCount, `histogram_count(sum by (group) (sum_over_time(m[1m])))`)
		w.expect(t, model.AggregateSum, `histogram_sum(sum by (group) (sum_over_time(m[1m])))`)
		w.expect(t, model.AggregateAvg, `histogram_avg(sum by (group) (sum_over_time(m[1m])))`)
		for how, q := range percentiles() {
			w.expect(t, how, fmt.Sprintf(`histogram_quantile(%g, sum by (group) (sum_over_time(m[1m])))`, q))
		}
	}
}
