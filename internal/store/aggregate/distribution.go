// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"math"

	"github.com/tapio/tapio/internal/model"
)

// distribution is what histograms or summaries together say of a window.
type distribution struct {
	count       uint64
	sum         float64
	noSum       bool // a part has no sum
	shapeOnly   bool // a part holds more than the window's observations
	min, max    float64
	noMin       bool // a part has no smallest value
	noMax       bool
	filled      bool // min and max hold something
	explicit    explicitBuckets
	exponential exponentialBuckets
	reported    model.Optional // the quantile that summaries report, or their smallest or largest value
}

// addPart takes what one series brings to the window.
func (d *distribution) addPart(how model.Aggregation, metric *model.Metric, w Window, p Part) {
	if IsDelta(metric) {
		for i := range p.Points {
			d.add(&p.Points[i])
		}
	} else {
		d.addIncrease(p, w)
	}
	if q, isQuantile := summaryQuantile(how); isQuantile && metric.Type == model.MetricSummary {
		d.report(q, how == model.AggregateMin, p.last().Summary)
	}
}

// totals is what a point says besides its buckets.
type totals struct {
	count         uint64
	sum, min, max model.Optional
}

func totalsOf(p *model.Point) totals {
	switch {
	case p.Histogram != nil:
		h := p.Histogram
		return totals{count: h.Count, sum: h.Sum, min: h.Min, max: h.Max}
	case p.Exponential != nil:
		h := p.Exponential
		return totals{count: h.Count, sum: h.Sum, min: h.Min, max: h.Max}
	case p.Summary != nil:
		return totals{count: p.Summary.Count, sum: model.Optional{Value: p.Summary.Sum, Set: true}}
	default:
		return totals{}
	}
}

// addIncrease adds what a cumulative series gained: since the point before the
// window, else since the series began if that was in the window, else since the
// first point in it. Where that is the only point, what the window gained is
// not known: it stands for the shape of the distribution alone.
func (d *distribution) addIncrease(p Part, w Window) {
	base, points := p.Before, p.Points
	if base == nil && !beganIn(w, &points[0]) {
		if len(points) == 1 {
			d.shapeOnly = true
		} else {
			base, points = &points[0], points[1:]
		}
	}
	previous := base
	for i := range points {
		point := &points[i]
		if previous != nil && wasReset(previous, point) {
			d.addStretch(base, previous)
			base = nil
		}
		previous = point
	}
	d.addStretch(base, previous)
}

// beganIn reports whether the series counts from 0 within the window.
func beganIn(w Window, first *model.Point) bool {
	return KnowsStart(first) && first.Start >= w.from
}

// addStretch adds the difference of two points without a reset between them; a
// nil base is an empty distribution.
func (d *distribution) addStretch(base, last *model.Point) {
	if base == last {
		return
	}
	d.add(last)
	if base != nil {
		d.subtract(base)
	}
}

func (d *distribution) add(p *model.Point) {
	t := totalsOf(p)
	d.count += t.count
	d.sum += t.sum.Value
	d.noSum = d.noSum || !t.sum.Set
	if t.count > 0 {
		d.widen(t)
	}
	if p.Histogram != nil {
		d.explicit.add(p.Histogram)
	}
	if p.Exponential != nil {
		d.exponential.add(p.Exponential)
	}
}

func (d *distribution) widen(t totals) {
	d.noMin, d.noMax = d.noMin || !t.min.Set, d.noMax || !t.max.Set
	if !d.filled {
		d.min, d.max, d.filled = t.min.Value, t.max.Value, true
		return
	}
	d.min, d.max = min(d.min, t.min.Value), max(d.max, t.max.Value)
}

func (d *distribution) subtract(p *model.Point) {
	t := totalsOf(p)
	d.count -= min(d.count, t.count)
	d.sum -= t.sum.Value
	d.noSum = d.noSum || !t.sum.Set
	if p.Histogram != nil {
		d.explicit.subtract(p.Histogram)
	}
	if p.Exponential != nil {
		d.exponential.subtract(p.Exponential)
	}
}

// value returns one aggregation; false where it has no value.
func (d *distribution) value(how model.Aggregation, metric *model.Metric, w Window) (float64, bool) {
	if _, isQuantile := summaryQuantile(how); isQuantile && metric.Type == model.MetricSummary {
		return d.reported.Value, d.reported.Set
	}
	switch how {
	case model.AggregateCount:
		return float64(d.count), !d.shapeOnly
	case model.AggregateSum:
		return d.sum, !d.noSum && !d.shapeOnly
	case model.AggregateAvg:
		return d.sum / float64(d.count), !d.noSum && d.count > 0
	case model.AggregateRate:
		return float64(d.count) / w.seconds(), w.seconds() > 0 && !d.shapeOnly
	default:
		return d.position(how)
	}
}

// position returns a value of the range that the observations lie in.
func (d *distribution) position(how model.Aggregation) (float64, bool) {
	if d.count == 0 {
		return 0, false
	}
	switch {
	case how == model.AggregateMin && d.filled && !d.noMin:
		return d.min, true
	case how == model.AggregateMax && d.filled && !d.noMax:
		return d.max, true
	}
	buckets := append(d.explicit.list(), d.exponential.list()...) // one of them is empty
	value, ok := pick(how, buckets)
	return d.clamp(value), ok
}

func (d *distribution) clamp(value float64) float64 {
	if d.filled && !d.noMin {
		value = max(value, d.min)
	}
	if d.filled && !d.noMax {
		value = min(value, d.max)
	}
	return value
}

// wasReset reports whether a cumulative distribution began again between two
// points. New bounds or a finer scale are a new beginning too.
func wasReset(before, after *model.Point) bool {
	return Restarted(before, after) || distributionFell(before, after)
}

// distributionFell reports whether a cumulative distribution holds less than
// before, which it never does without a reset.
func distributionFell(before, after *model.Point) bool {
	if totalsOf(after).count < totalsOf(before).count {
		return true
	}
	switch {
	case before.Histogram != nil && after.Histogram != nil:
		return explicitReset(before.Histogram, after.Histogram)
	case before.Exponential != nil && after.Exponential != nil:
		a, b := before.Exponential, after.Exponential
		return b.Scale > a.Scale || b.ZeroCount < a.ZeroCount
	default:
		return false
	}
}

// summaryQuantile is the quantile that the aggregation of a summary stands for.
// By convention its quantiles 0 and 1 are the smallest and the largest value.
func summaryQuantile(how model.Aggregation) (float64, bool) {
	switch how {
	case model.AggregateMin:
		return 0, true
	case model.AggregateMax:
		return 1, true
	default:
		return Rank(how)
	}
}

// report keeps the largest (or smallest) of what the series report last for that
// very quantile.
func (d *distribution) report(q float64, smallest bool, summary *model.Summary) {
	for _, reported := range summary.Quantiles {
		if math.Abs(reported.Q-q) > 1e-9 || math.IsNaN(reported.Value) {
			continue
		}
		if !d.reported.Set || (reported.Value < d.reported.Value) == smallest {
			d.reported = model.Optional{Value: reported.Value, Set: true}
		}
	}
}
