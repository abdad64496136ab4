// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func (s *suite) aggregate(t *testing.T, q model.AggregateQuery) []model.AggregateSeries {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	series, truncated, err := s.reader.Aggregate(within(t), q)
	require.NoError(t, err)
	require.Zero(t, truncated)
	return series
}

// wholeRange is a range that begins and ends at multiples of a minute and holds the
// whole dataset.
func wholeRange() model.TimeRange {
	return model.TimeRange{Start: datasetStart - minute, End: datasetEnd + minute}
}

// samplesOf returns the values of a gauge that lie in each window of a minute.
func samplesOf(instances []int) map[model.Nanos][]float64 {
	windows := map[model.Nanos][]float64{}
	for n := range pointCount {
		at := datasetStart + model.Nanos(n)*pointEvery
		end := (at + minute - 1) / minute * minute
		for _, i := range instances {
			windows[end] = append(windows[end], queueValue(i, n))
		}
	}
	return windows
}

func everyInstance() []int { return []int{0, 1, 2, 3, 4} }

func total(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

func (s *suite) aggregateNumbers(t *testing.T) {
	windows := samplesOf(everyInstance())
	for name, of := range map[model.Aggregation]func([]float64) float64{
		model.AggregateAvg:   func(v []float64) float64 { return total(v) / float64(len(v)) },
		model.AggregateMin:   slices.Min[[]float64],
		model.AggregateMax:   slices.Max[[]float64],
		model.AggregateCount: func(v []float64) float64 { return float64(len(v)) },
	} {
		series := s.aggregate(t, model.AggregateQuery{
			Names: []string{queueSize}, Aggregation: name, Resolution: time.Minute, Filter: model.Filter{Time: wholeRange()},
		})
		require.Len(t, series, 1)
		require.Equal(t, 10, series[0].Sources, "two queues of five instances")
		require.Len(t, series[0].Points, len(windows))
		for _, p := range series[0].Points {
			require.InDelta(t, of(windows[p.Time]), p.Value, 1e-9, "aggregation %d", name)
			require.Equal(t, uint64(len(windows[p.Time])), p.Count)
		}
	}
	sums := s.aggregate(t, model.AggregateQuery{Names: []string{sentBytes}, Aggregation: model.AggregateSum, Filter: model.Filter{Time: wholeRange()}})
	require.Len(t, sums, 1)
	require.Len(t, sums[0].Points, 1, "one window without a resolution")
	require.InDelta(t, float64(pointCount*100*(1+2+3+4+5)), sums[0].Points[0].Value, 1e-6)
	require.Equal(t, wholeRange().End, sums[0].Points[0].Time)

	last := s.aggregate(t, model.AggregateQuery{Names: []string{temperature}, Aggregation: model.AggregateSum, Filter: model.Filter{Time: wholeRange()}})
	require.InDelta(t, float64(20+21+22+23+24), last[0].Points[0].Value, 1e-9, "the sum of a gauge is that of the last values of its series")

	average := s.aggregate(t, model.AggregateQuery{Names: []string{durations}, Aggregation: model.AggregateAvg, Filter: model.Filter{Time: wholeRange()}})
	require.InDelta(t, 0.25, average[0].Points[0].Value, 1e-9)
	require.Equal(t, uint64(pointCount*observedEachTime()), average[0].Points[0].Count)

	open := s.aggregate(t, model.AggregateQuery{Names: []string{temperature}, Aggregation: model.AggregateMax})
	require.Len(t, open[0].Points, 1)
	require.Equal(t, datasetStart+(pointCount-1)*pointEvery, open[0].Points[0].Time, "without a range the window ends with the data")
}

// observedEachTime is what the histograms of all instances count at one point.
func observedEachTime() (count int) {
	for i := range origins() {
		for _, n := range bucketCounts(i) {
			count += int(n)
		}
	}
	return count
}

func (s *suite) aggregateGroups(t *testing.T) {
	series := s.aggregate(t, model.AggregateQuery{
		Names: []string{queueSize, temperature}, Aggregation: model.AggregateMax, Filter: model.Filter{Time: wholeRange()},
		GroupBy: []model.LabelKey{model.NewLabelKey("service"), model.NewLabelKey("queue")},
	})
	var got [][]string
	for i := range series {
		got = append(got, append([]string{series[i].Metric.Name}, series[i].Labels...))
	}
	require.Equal(t, [][]string{
		{queueSize, "billing", "mail"},
		{queueSize, "billing", "print"},
		{queueSize, "gateway", "mail"},
		{queueSize, "gateway", "print"},
		{queueSize, "orders", "mail"},
		{queueSize, "orders", "print"},
		{temperature, "billing", ""},
		{temperature, "gateway", ""},
		{temperature, "orders", ""},
	}, got, "by name and labels")
	require.InDelta(t, 24, series[6].Points[0].Value, 0)
	require.InDelta(t, 21, series[7].Points[0].Value, 0)
	require.Equal(t, model.MetricGauge, series[0].Metric.Type)
	require.Equal(t, "{item}", series[0].Metric.Unit)

	some, truncated, err := s.reader.Aggregate(within(t), model.AggregateQuery{
		Names: []string{queueSize}, Aggregation: model.AggregateAvg, Filter: model.Filter{Time: wholeRange()},
		GroupBy: []model.LabelKey{model.NewLabelKey("instance")}, Limit: 2,
	})
	require.NoError(t, err)
	require.Equal(t, []string{"billing-0"}, some[0].Labels)
	require.Equal(t, []string{"gateway-0"}, some[1].Labels)
	require.Len(t, some, 2)
	require.Equal(t, 3, truncated)
}

// aggregatePercentiles requires that percentiles come from all values together, for
// the mean of percentiles is none.
func (s *suite) aggregatePercentiles(t *testing.T) {
	windows := samplesOf(everyInstance())
	for name, q := range map[model.Aggregation]float64{
		model.AggregateP50: 0.5, model.AggregateP90: 0.9, model.AggregateP95: 0.95, model.AggregateP99: 0.99,
	} {
		series := s.aggregate(t, model.AggregateQuery{
			Names: []string{queueSize}, Aggregation: name, Resolution: time.Minute, Filter: model.Filter{Time: wholeRange()},
		})
		require.Len(t, series, 1)
		for _, p := range series[0].Points {
			require.InDelta(t, interpolated(windows[p.Time], q), p.Value, 1e-9)
		}
		for _, metric := range []string{durations, totalTook} {
			series = s.aggregate(t, model.AggregateQuery{Names: []string{metric}, Aggregation: name, Filter: model.Filter{Time: wholeRange()}})
			require.Len(t, series, 1)
			require.InDelta(t, ofBuckets(q), series[0].Points[0].Value, 1e-9, "%s of the histograms of all instances", metric)
		}
	}
	series := s.aggregate(t, model.AggregateQuery{Names: []string{latency}, Aggregation: model.AggregateP50, Filter: model.Filter{Time: wholeRange()}})
	// The buckets 0 to 6 hold 10, 20, 30, 30, 30, 20 and 10 each time: the median is
	// halfway through bucket 3.
	require.InDelta(t, math.Exp2(3.5/8), series[0].Points[0].Value, 1e-6)
}

// interpolated is the percentile of the values, between the two nearest.
func interpolated(values []float64, q float64) float64 {
	values = slices.Sorted(slices.Values(values))
	place := q * float64(len(values)-1)
	low := int(place)
	high := min(low+1, len(values)-1)
	return values[low] + (values[high]-values[low])*(place-float64(low))
}

// ofBuckets is the percentile of what all instances observe, evenly spread within each
// bucket.
func ofBuckets(q float64) float64 {
	counts, sum := make([]float64, len(bounds())+1), 0.0
	for i := range origins() {
		for bucket, n := range bucketCounts(i) {
			counts[bucket] += float64(n)
			sum += float64(n)
		}
	}
	wanted, low := q*sum, 0.0
	for bucket, high := range bounds() {
		if wanted <= counts[bucket] {
			return low + (high-low)*wanted/counts[bucket]
		}
		wanted -= counts[bucket]
		low = high
	}
	return low
}

func (s *suite) aggregateRates(t *testing.T) {
	inside := model.TimeRange{Start: datasetStart + minute, End: datasetStart + 9*minute}
	counters := s.aggregate(t, model.AggregateQuery{
		Names: []string{requests}, Aggregation: model.AggregateRate, Filter: model.Filter{Time: inside},
		GroupBy: []model.LabelKey{model.NewLabelKey("service")},
	})
	require.Len(t, counters, 3)
	for i, instances := range []float64{1, 2, 2} {
		require.InDelta(t, 5*instances, counters[i].Points[0].Value, 1e-6, "5 requests a second and instance")
	}
	deltas := s.aggregate(t, model.AggregateQuery{Names: []string{sentBytes}, Aggregation: model.AggregateRate, Filter: model.Filter{Time: inside}})
	require.InDelta(t, 10*(1+2+3+4+5), deltas[0].Points[0].Value, 1e-6)
	histograms := s.aggregate(t, model.AggregateQuery{Names: []string{durations}, Aggregation: model.AggregateRate, Filter: model.Filter{Time: inside}})
	require.InDelta(t, float64(observedEachTime())/10, histograms[0].Points[0].Value, 1e-6)
}
