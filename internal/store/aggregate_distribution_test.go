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

func set(v float64) model.Optional { return model.Optional{Value: v, Set: true} }

func distributionSeries(kind model.MetricType, temporality model.Temporality, instance string) *model.Series {
	return &model.Series{
		Metric:     &model.Metric{Name: "latency", Type: kind, Temporality: temporality},
		Attributes: attributes("instance", instance),
	}
}

// histogram makes one point of a histogram; each observation counts 10 to its sum.
func histogram(temporality model.Temporality, instance string, at int, bounds []float64, counts ...uint64) model.Point {
	h := &model.Histogram{Bounds: bounds, Counts: counts}
	for _, n := range counts {
		h.Count += n
	}
	h.Sum = set(10 * float64(h.Count))
	return model.Point{
		Series: distributionSeries(model.MetricHistogram, temporality, instance),
		Time:   second(at), Histogram: h,
	}
}

func TestAggregateDeltaHistograms(t *testing.T) {
	point := histogram(model.TemporalityDelta, "a", 60, []float64{10, 20, 30}, 2, 4, 2, 0)
	want := map[model.Aggregation]float64{
		model.AggregateCount: 8,
		model.AggregateSum:   80,
		model.AggregateAvg:   10,
		model.AggregateRate:  8.0 / 60,
		model.AggregateP50:   15, // rank 4: 2 of the 4 in (10, 20]
		model.AggregateP90:   26, // rank 7.2: 1.2 of the 2 in (20, 30]
		model.AggregateMin:   0,
		model.AggregateMax:   30,
	}
	expect(t, want, []model.Point{point})

	point.Histogram.Min, point.Histogram.Max = set(16), set(25)
	want[model.AggregateMin], want[model.AggregateMax] = 16, 25
	want[model.AggregateP50], want[model.AggregateP90] = 16, 25
	expect(t, want, []model.Point{point})
}

func TestPercentileBeyondTheLastBound(t *testing.T) {
	expect(t, map[model.Aggregation]float64{model.AggregateP50: 20, model.AggregateMax: 20},
		[]model.Point{histogram(model.TemporalityDelta, "a", 60, []float64{10, 20}, 0, 0, 4)})
}

func TestHistogramsWithoutBucketsOrSum(t *testing.T) {
	point := histogram(model.TemporalityDelta, "a", 60, nil, 4)
	point.Histogram.Sum = model.Optional{}
	expect(t, map[model.Aggregation]float64{
		model.AggregateCount: 4,
		model.AggregateSum:   math.NaN(),
		model.AggregateAvg:   math.NaN(),
		model.AggregateP50:   math.NaN(),
		model.AggregateMin:   math.NaN(),
	}, []model.Point{point})
}

func TestHistogramsWithDifferentBounds(t *testing.T) {
	expect(t, map[model.Aggregation]float64{
		model.AggregateCount: 4,
		model.AggregateP50:   10 + 10.0/3, // (0,10]: 1, (10,20]: 3
	}, []model.Point{
		histogram(model.TemporalityDelta, "a", 60, []float64{10, 20}, 1, 1, 0),
		histogram(model.TemporalityDelta, "b", 60, []float64{20}, 2, 0),
	})
}

func TestMalformedHistogramsDoNotPanic(t *testing.T) {
	for _, bounds := range [][]float64{{1, 1}, {2, 1}, {1, 2, 3}, {math.NaN(), 1}} {
		expect(t, map[model.Aggregation]float64{model.AggregateCount: 3, model.AggregateP50: math.NaN()},
			[]model.Point{histogram(model.TemporalityDelta, "a", 60, bounds, 1, 1, 1)})
	}
}

func TestAggregateCumulativeHistograms(t *testing.T) {
	bounds := []float64{10}
	row := func(at int, counts ...uint64) model.Point {
		return histogram(model.TemporalityCumulative, "a", at, bounds, counts...)
	}
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendPoints([]model.Point{
		row(10, 1, 0), row(50, 3, 2), // 4 since the first
		row(110, 3, 6),                 // 4 since the point before
		row(140, 4, 6), row(170, 1, 0), // 1, a reset, 1
		row(200, 1, 2), row(230, 1, 2), // 2
		row(3600, 2, 2), row(3610, 2, 2), // 1, in two windows
	})
	query := model.AggregateQuery{Aggregation: model.AggregateCount, Resolution: time.Minute, Limit: 1}
	counts := func() (list []float64) {
		series, _, err := s.Aggregate(t.Context(), query)
		require.NoError(t, err)
		for _, p := range series[0].Points {
			list = append(list, p.Value)
		}
		return list
	}
	assert.Equal(t, []float64{4, 4, 2, 2, 1, 0}, counts())
	query.Filter.Time = model.TimeRange{Start: second(181), End: second(240)}
	assert.Equal(t, []float64{2}, counts(), "the point before the range is looked for")
	query.Filter.Time = model.TimeRange{Start: second(3600)}
	assert.Equal(t, []float64{0}, counts(), "but not for long: what the first window gained is not known")
	query.Aggregation = model.AggregateP50
	assert.Equal(t, []float64{10}, counts(), "but its shape is")
}

func TestCumulativeHistogramWithNewStart(t *testing.T) {
	rows := []model.Point{
		histogram(model.TemporalityCumulative, "a", 20, []float64{10}, 2, 0),
		histogram(model.TemporalityCumulative, "a", 40, []float64{10}, 3, 0),
	}
	rows[0].Start, rows[1].Start = second(1), second(30)
	expect(t, map[model.Aggregation]float64{model.AggregateCount: 2 + 3, model.AggregateSum: 50}, rows)
}

// exponential makes one point of an exponential histogram.
func exponential(instance string, scale, offset int32, zero uint64, negative []uint64, positive ...uint64) model.Point {
	h := &model.ExponentialHistogram{
		Scale: scale, Count: zero, ZeroCount: zero, Sum: set(1),
		Positive: model.Buckets{Offset: offset, Counts: positive},
		Negative: model.Buckets{Offset: offset, Counts: negative},
	}
	for _, side := range [][]uint64{negative, positive} {
		for _, n := range side {
			h.Count += n
		}
	}
	return model.Point{
		Series: distributionSeries(model.MetricExponentialHistogram, model.TemporalityDelta, instance),
		Time:   second(60), Exponential: h,
	}
}

func TestAggregateExponentialHistograms(t *testing.T) {
	expect(t, map[model.Aggregation]float64{
		model.AggregateCount: 4,
		model.AggregateP50:   math.Sqrt2, // half of (1, 2] on a logarithmic scale
		model.AggregateMin:   1,
		model.AggregateMax:   2,
	}, []model.Point{exponential("a", 0, 0, 0, nil, 4)})
}

func TestExponentialHistogramsOfDifferentScales(t *testing.T) {
	expect(t, map[model.Aggregation]float64{
		model.AggregateCount: 8,
		model.AggregateP50:   2,                      // (1,2]: 4, (2,4]: 4
		model.AggregateP90:   2 * math.Exp2(3.2/4.0), // rank 7.2
		model.AggregateMin:   1,
		model.AggregateMax:   4,
	}, []model.Point{
		exponential("a", 0, 0, 0, nil, 1, 3),
		exponential("b", 1, 0, 0, nil, 2, 1, 1, 0), // (1, 1.4], (1.4, 2], (2, 2.8], (2.8, 4]
	})
}

func TestExponentialHistogramsBelowZero(t *testing.T) {
	expect(t, map[model.Aggregation]float64{
		model.AggregateP50: 0, // half lie above the lower end of the zero bucket
		model.AggregateP99: 0,
		model.AggregateMin: -2,
		model.AggregateMax: 0,
	}, []model.Point{exponential("a", 0, 0, 2, []uint64{2})})
}

func TestCumulativeExponentialHistogramGoesCoarser(t *testing.T) {
	first, second20 := exponential("a", 1, 0, 0, nil, 2, 1), exponential("a", 0, 0, 0, nil, 5, 1)
	first.Time, second20.Time = second(10), second(20)
	series := distributionSeries(model.MetricExponentialHistogram, model.TemporalityCumulative, "a")
	first.Series, second20.Series = series, series
	expect(t, map[model.Aggregation]float64{
		model.AggregateCount: 3,
		model.AggregateP50:   math.Exp2(1.5 / 2), // (1,2]: 2, (2,4]: 1
	}, []model.Point{first, second20})
}

func TestAggregateSummaries(t *testing.T) {
	row := func(instance string, at int, count uint64, median float64) model.Point {
		return model.Point{
			Series: distributionSeries(model.MetricSummary, model.TemporalityUnspecified, instance),
			Time:   second(at),
			Summary: &model.Summary{
				Count: count, Sum: 2 * float64(count),
				Quantiles: []model.Quantile{{Q: 0, Value: 1}, {Q: 0.5, Value: median}},
			},
		}
	}
	young := row("b", 20, 5, 9)
	young.Start = second(15)
	expect(t, map[model.Aggregation]float64{
		model.AggregateCount: 10 + 5,
		model.AggregateSum:   30,
		model.AggregateAvg:   2,
		model.AggregateRate:  15.0 / 60,
		model.AggregateP50:   9,
		model.AggregateP90:   math.NaN(),
		model.AggregateMin:   1,
		model.AggregateMax:   math.NaN(),
	}, []model.Point{row("a", 10, 10, 70), row("a", 20, 20, 7), young})
}
