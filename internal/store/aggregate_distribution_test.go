// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/tapio"
)

func set(v float64) tapio.Optional { return tapio.Optional{Value: v, Set: true} }

func distributionSeries(kind tapio.MetricType, temporality tapio.Temporality, instance string) *tapio.Series {
	return &tapio.Series{
		Metric:     &tapio.Metric{Name: "latency", Type: kind, Temporality: temporality},
		Attributes: attributes("instance", instance),
	}
}

// histogram makes one point of a histogram; each observation counts 10 to its sum.
func histogram(temporality tapio.Temporality, instance string, at int, bounds []float64, counts ...uint64) tapio.Point {
	h := &tapio.Histogram{Bounds: bounds, Counts: counts}
	for _, n := range counts {
		h.Count += n
	}
	h.Sum = set(10 * float64(h.Count))
	return tapio.Point{
		Series: distributionSeries(tapio.MetricHistogram, temporality, instance),
		Time:   second(at), Histogram: h,
	}
}

func TestAggregateDeltaHistograms(t *testing.T) {
	point := histogram(tapio.TemporalityDelta, "a", 60, []float64{10, 20, 30}, 2, 4, 2, 0)
	want := map[tapio.Aggregation]float64{
		tapio.AggregateCount: 8,
		tapio.AggregateSum:   80,
		tapio.AggregateAvg:   10,
		tapio.AggregateRate:  8.0 / 60,
		tapio.AggregateP50:   15, // rank 4: 2 of the 4 in (10, 20]
		tapio.AggregateP90:   26, // rank 7.2: 1.2 of the 2 in (20, 30]
		tapio.AggregateMin:   0,
		tapio.AggregateMax:   30,
	}
	expect(t, want, []tapio.Point{point})

	point.Histogram.Min, point.Histogram.Max = set(16), set(25)
	want[tapio.AggregateMin], want[tapio.AggregateMax] = 16, 25
	want[tapio.AggregateP50], want[tapio.AggregateP90] = 16, 25
	expect(t, want, []tapio.Point{point})
}

func TestPercentileBeyondTheLastBound(t *testing.T) {
	expect(t, map[tapio.Aggregation]float64{tapio.AggregateP50: 20, tapio.AggregateMax: 20},
		[]tapio.Point{histogram(tapio.TemporalityDelta, "a", 60, []float64{10, 20}, 0, 0, 4)})
}

func TestHistogramsWithoutBucketsOrSum(t *testing.T) {
	point := histogram(tapio.TemporalityDelta, "a", 60, nil, 4)
	point.Histogram.Sum = tapio.Optional{}
	expect(t, map[tapio.Aggregation]float64{
		tapio.AggregateCount: 4,
		tapio.AggregateSum:   math.NaN(),
		tapio.AggregateAvg:   math.NaN(),
		tapio.AggregateP50:   math.NaN(),
		tapio.AggregateMin:   math.NaN(),
	}, []tapio.Point{point})
}

func TestHistogramsWithDifferentBounds(t *testing.T) {
	expect(t, map[tapio.Aggregation]float64{
		tapio.AggregateCount: 4,
		tapio.AggregateP50:   10 + 10.0/3, // (0,10]: 1, (10,20]: 3
	}, []tapio.Point{
		histogram(tapio.TemporalityDelta, "a", 60, []float64{10, 20}, 1, 1, 0),
		histogram(tapio.TemporalityDelta, "b", 60, []float64{20}, 2, 0),
	})
}

func TestMalformedHistogramsDoNotPanic(t *testing.T) {
	for _, bounds := range [][]float64{{1, 1}, {2, 1}, {1, 2, 3}, {math.NaN(), 1}} {
		expect(t, map[tapio.Aggregation]float64{tapio.AggregateCount: 3, tapio.AggregateP50: math.NaN()},
			[]tapio.Point{histogram(tapio.TemporalityDelta, "a", 60, bounds, 1, 1, 1)})
	}
}

func TestAggregateCumulativeHistograms(t *testing.T) {
	bounds := []float64{10}
	row := func(at int, counts ...uint64) tapio.Point {
		return histogram(tapio.TemporalityCumulative, "a", at, bounds, counts...)
	}
	s, _ := newTestStore(t, mebibyte, 0)
	s.AppendPoints([]tapio.Point{
		row(10, 1, 0), row(50, 3, 2), // 4 since the first
		row(110, 3, 6),                 // 4 since the point before
		row(140, 4, 6), row(170, 1, 0), // 1, a reset, 1
		row(200, 1, 2), row(230, 1, 2), // 2
		row(3600, 2, 2), row(3610, 2, 2), // 1, in two windows
	})
	query := tapio.AggregateQuery{Aggregation: tapio.AggregateCount, Resolution: time.Minute, Limit: 1}
	counts := func() (list []float64) {
		series, _, err := s.Aggregate(t.Context(), query)
		require.NoError(t, err)
		for _, p := range series[0].Points {
			list = append(list, p.Value)
		}
		return list
	}
	assert.Equal(t, []float64{4, 4, 2, 2, 1, 0}, counts())
	query.Filter.Time = tapio.TimeRange{Start: second(181), End: second(240)}
	assert.Equal(t, []float64{2}, counts(), "the point before the range is looked for")
	query.Filter.Time = tapio.TimeRange{Start: second(3600)}
	assert.Equal(t, []float64{0}, counts(), "but not for long: what the first window gained is not known")
	query.Aggregation = tapio.AggregateP50
	assert.Equal(t, []float64{10}, counts(), "but its shape is")
}

func TestCumulativeHistogramWithNewStart(t *testing.T) {
	rows := []tapio.Point{
		histogram(tapio.TemporalityCumulative, "a", 20, []float64{10}, 2, 0),
		histogram(tapio.TemporalityCumulative, "a", 40, []float64{10}, 3, 0),
	}
	rows[0].Start, rows[1].Start = second(1), second(30)
	expect(t, map[tapio.Aggregation]float64{tapio.AggregateCount: 2 + 3, tapio.AggregateSum: 50}, rows)
}

// exponential makes one point of an exponential histogram.
func exponential(instance string, scale, offset int32, zero uint64, negative []uint64, positive ...uint64) tapio.Point {
	h := &tapio.ExponentialHistogram{
		Scale: scale, Count: zero, ZeroCount: zero, Sum: set(1),
		Positive: tapio.Buckets{Offset: offset, Counts: positive},
		Negative: tapio.Buckets{Offset: offset, Counts: negative},
	}
	for _, side := range [][]uint64{negative, positive} {
		for _, n := range side {
			h.Count += n
		}
	}
	return tapio.Point{
		Series: distributionSeries(tapio.MetricExponentialHistogram, tapio.TemporalityDelta, instance),
		Time:   second(60), Exponential: h,
	}
}

func TestAggregateExponentialHistograms(t *testing.T) {
	expect(t, map[tapio.Aggregation]float64{
		tapio.AggregateCount: 4,
		tapio.AggregateP50:   math.Sqrt2, // half of (1, 2] on a logarithmic scale
		tapio.AggregateMin:   1,
		tapio.AggregateMax:   2,
	}, []tapio.Point{exponential("a", 0, 0, 0, nil, 4)})
}

func TestExponentialHistogramsOfDifferentScales(t *testing.T) {
	expect(t, map[tapio.Aggregation]float64{
		tapio.AggregateCount: 8,
		tapio.AggregateP50:   2,                      // (1,2]: 4, (2,4]: 4
		tapio.AggregateP90:   2 * math.Exp2(3.2/4.0), // rank 7.2
		tapio.AggregateMin:   1,
		tapio.AggregateMax:   4,
	}, []tapio.Point{
		exponential("a", 0, 0, 0, nil, 1, 3),
		exponential("b", 1, 0, 0, nil, 2, 1, 1, 0), // (1, 1.4], (1.4, 2], (2, 2.8], (2.8, 4]
	})
}

func TestExponentialHistogramsBelowZero(t *testing.T) {
	expect(t, map[tapio.Aggregation]float64{
		tapio.AggregateP50: 0, // half lie above the lower end of the zero bucket
		tapio.AggregateP99: 0,
		tapio.AggregateMin: -2,
		tapio.AggregateMax: 0,
	}, []tapio.Point{exponential("a", 0, 0, 2, []uint64{2})})
}

func TestCumulativeExponentialHistogramGoesCoarser(t *testing.T) {
	first, second20 := exponential("a", 1, 0, 0, nil, 2, 1), exponential("a", 0, 0, 0, nil, 5, 1)
	first.Time, second20.Time = second(10), second(20)
	series := distributionSeries(tapio.MetricExponentialHistogram, tapio.TemporalityCumulative, "a")
	first.Series, second20.Series = series, series
	expect(t, map[tapio.Aggregation]float64{
		tapio.AggregateCount: 3,
		tapio.AggregateP50:   math.Exp2(1.5 / 2), // (1,2]: 2, (2,4]: 1
	}, []tapio.Point{first, second20})
}

func TestAggregateSummaries(t *testing.T) {
	row := func(instance string, at int, count uint64, median float64) tapio.Point {
		return tapio.Point{
			Series: distributionSeries(tapio.MetricSummary, tapio.TemporalityUnspecified, instance),
			Time:   second(at),
			Summary: &tapio.Summary{
				Count: count, Sum: 2 * float64(count),
				Quantiles: []tapio.Quantile{{Q: 0, Value: 1}, {Q: 0.5, Value: median}},
			},
		}
	}
	young := row("b", 20, 5, 9)
	young.Start = second(15)
	expect(t, map[tapio.Aggregation]float64{
		tapio.AggregateCount: 10 + 5,
		tapio.AggregateSum:   30,
		tapio.AggregateAvg:   2,
		tapio.AggregateRate:  15.0 / 60,
		tapio.AggregateP50:   9,
		tapio.AggregateP90:   math.NaN(),
		tapio.AggregateMin:   1,
		tapio.AggregateMax:   math.NaN(),
	}, []tapio.Point{row("a", 10, 10, 70), row("a", 20, 20, 7), young})
}
