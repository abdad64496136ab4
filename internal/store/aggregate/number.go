// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// numberCell is what gauges or sums together say of a window.
type numberCell struct {
	count    uint64
	sum      float64 // of all samples
	lasts    float64 // sum of the last sample of each series
	min, max float64
	values   []float64 // all samples, where a percentile is asked for
	rate     float64   // sum of the series' rates
	hasRate  bool
}

// add takes what one series brings to the window.
func (c *numberCell) add(how model.Aggregation, metric *model.Metric, w Window, p Part) {
	_, isRank := Rank(how)
	for i := range p.Points {
		value := p.Points[i].Float()
		if c.count == 0 {
			c.min, c.max = value, value
		}
		c.count++
		c.sum += value
		c.min, c.max = min(c.min, value), max(c.max, value)
		if isRank {
			c.values = append(c.values, value)
		}
	}
	c.lasts += p.last().Float()
	if how == model.AggregateRate {
		c.addRate(metric, w, p.Points)
	}
}

// addRate adds the change per second of a series.
func (c *numberCell) addRate(metric *model.Metric, w Window, points []model.Point) {
	if points[len(points)-1].Time == points[0].Time {
		return // a single moment has no rate
	}
	c.hasRate = true
	if metric.Type == model.MetricSum && metric.Monotonic {
		c.rate += counterRate(w, points)
	} else {
		c.rate += slope(points)
	}
}

func (c *numberCell) value(how model.Aggregation, metric *model.Metric, w Window) (value float64, ok bool) {
	deltas := metric.Type == model.MetricSum && IsDelta(metric)
	switch how {
	case model.AggregateCount:
		return float64(c.count), true
	case model.AggregateAvg:
		return c.sum / float64(c.count), true
	case model.AggregateMin:
		return c.min, true
	case model.AggregateMax:
		return c.max, true
	case model.AggregateSum:
		if deltas {
			return c.sum, true
		}
		return c.lasts, true
	case model.AggregateRate:
		if deltas {
			return c.sum / w.seconds(), w.seconds() > 0
		}
		return c.rate, c.hasRate
	default:
		q, isRank := Rank(how)
		return quantile(q, c.values), isRank
	}
}

// IsDelta reports whether each point holds what was added since the one before.
func IsDelta(m *model.Metric) bool { return m.Temporality == model.TemporalityDelta }

// quantile is linear between the closest ranks. It sorts the values, which are
// at least one.
func quantile(q float64, values []float64) float64 {
	slices.Sort(values)
	place := q * float64(len(values)-1)
	low := int(place)
	high := min(low+1, len(values)-1)
	share := place - math.Floor(place)
	return values[low]*(1-share) + values[high]*share
}

func slope(points []model.Point) float64 {
	first, last := &points[0], &points[len(points)-1]
	return (last.Float() - first.Float()) / seconds(first.Time, last.Time)
}

// counterRate is the rate of a counter as PromQL's rate() defines it: the
// increase between the first and the last sample, extended to the bounds of the
// window where these are not farther away than samples usually are from each
// other, but not to before the counter was 0.
func counterRate(w Window, points []model.Point) float64 {
	first, last := &points[0], &points[len(points)-1]
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
func counterIncrease(points []model.Point) float64 {
	increase := points[len(points)-1].Float() - points[0].Float()
	for i := 1; i < len(points); i++ {
		if Restarted(&points[i-1], &points[i]) || points[i].Float() < points[i-1].Float() {
			increase += points[i-1].Float()
		}
	}
	return increase
}

// Rank is the quantile that a percentile stands for; false for another
// aggregation.
func Rank(how model.Aggregation) (float64, bool) {
	switch how {
	case model.AggregateP50:
		return 0.5, true
	case model.AggregateP90:
		return 0.9, true
	case model.AggregateP95:
		return 0.95, true
	case model.AggregateP99:
		return 0.99, true
	default:
		return 0, false
	}
}
