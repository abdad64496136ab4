// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"slices"

	"github.com/tapio/tapio/internal/tapio"
)

// reduceNumbers makes one value of gauges or sums.
func reduceNumbers(how tapio.Aggregation, metric *tapio.Metric, w window, parts []part) (value float64, count uint64, ok bool) {
	for _, p := range parts {
		count += uint64(len(p.points))
	}
	switch how {
	case tapio.AggregateCount:
		return float64(count), count, true
	case tapio.AggregateSum:
		return sumOf(metric, parts), count, true
	case tapio.AggregateRate:
		value, ok = rateOf(metric, w, parts)
		return value, count, ok
	case tapio.AggregateAvg:
		return total(parts) / float64(count), count, true
	default:
		return ofSorted(how, sortedValues(parts, count)), count, true
	}
}

func isDelta(m *tapio.Metric) bool { return m.Temporality == tapio.TemporalityDelta }

// sumOf adds up deltas, or the last value of each series.
func sumOf(metric *tapio.Metric, parts []part) float64 {
	if metric.Type == tapio.MetricSum && isDelta(metric) {
		return total(parts)
	}
	sum := 0.0
	for _, p := range parts {
		sum += p.last().Float()
	}
	return sum
}

func total(parts []part) float64 {
	sum := 0.0
	for _, p := range parts {
		for _, point := range p.points {
			sum += point.Float()
		}
	}
	return sum
}

func sortedValues(parts []part, count uint64) []float64 {
	values := make([]float64, 0, count)
	for _, p := range parts {
		for _, point := range p.points {
			values = append(values, point.Float())
		}
	}
	slices.Sort(values)
	return values
}

// ofSorted returns the smallest, the largest or a percentile of the values,
// which are at least one: linear between the closest ranks.
func ofSorted(how tapio.Aggregation, values []float64) float64 {
	q, isRank := rank(how)
	switch {
	case how == tapio.AggregateMin:
		return values[0]
	case !isRank:
		return values[len(values)-1]
	}
	place := q * float64(len(values)-1)
	low := int(place)
	high := min(low+1, len(values)-1)
	share := place - math.Floor(place)
	return values[low]*(1-share) + values[high]*share
}

// rateOf is the change per second, added up over the series; false if no series
// has one.
func rateOf(metric *tapio.Metric, w window, parts []part) (rate float64, ok bool) {
	if metric.Type == tapio.MetricSum && isDelta(metric) {
		width := w.seconds()
		return total(parts) / width, width > 0
	}
	for _, p := range parts {
		if p.last().Time == p.points[0].Time {
			continue // a single moment has no rate
		}
		ok = true
		if metric.Type == tapio.MetricSum && metric.Monotonic {
			rate += counterRate(w, p.points)
		} else {
			rate += slope(p.points)
		}
	}
	return rate, ok
}

func slope(points []*tapio.Point) float64 {
	first, last := points[0], points[len(points)-1]
	return (last.Float() - first.Float()) / seconds(first.Time, last.Time)
}

// counterRate is the rate of a counter as PromQL's rate() defines it: the
// increase between the first and the last sample, extended to the bounds of the
// window where these are not farther away than samples usually are from each
// other, but not to before the counter was 0.
func counterRate(w window, points []*tapio.Point) float64 {
	first, last := points[0], points[len(points)-1]
	increase := counterIncrease(points)
	sampled := seconds(first.Time, last.Time)
	apart := sampled / float64(len(points)-1)
	ahead := extension(seconds(w.from, first.Time), apart)
	if increase > 0 && first.Float() >= 0 {
		ahead = min(ahead, sampled*first.Float()/increase)
	}
	behind := extension(seconds(last.Time, w.to), apart)
	return increase * (sampled + ahead + behind) / sampled / w.seconds()
}

// extension is how far the samples are extended towards a bound.
func extension(gap, apart float64) float64 {
	if gap >= 1.1*apart {
		return apart / 2
	}
	return gap
}

// counterIncrease adds up the steps; after a reset a counter begins at 0.
func counterIncrease(points []*tapio.Point) float64 {
	increase := points[len(points)-1].Float() - points[0].Float()
	for i := 1; i < len(points); i++ {
		if restarted(points[i-1], points[i]) || points[i].Float() < points[i-1].Float() {
			increase += points[i-1].Float()
		}
	}
	return increase
}

// restarted reports whether two points of a cumulative series count from
// different starts.
func restarted(before, after *tapio.Point) bool {
	return before.Start != 0 && after.Start != 0 && before.Start != after.Start
}
