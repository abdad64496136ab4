// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package servicelist

import (
	"math"

	"github.com/tapio/tapio/internal/correlate/redmetric"
	"github.com/tapio/tapio/internal/model"
)

// pieces is in how many parts a bucket of a histogram is divided: durations are taken as spread evenly in it.
const pieces = 8

// tally counts the requests of one service by metric: several metrics count the same requests.
type tally struct{ metrics map[string]*requests }

func (t *tally) of(metric string) *requests {
	r := t.metrics[metric]
	if r == nil {
		r = &requests{took: &model.Durations{}}
		t.metrics[metric] = r
	}
	return r
}

// red returns the requests of the metric with durations that counts most, else of the one that counts most.
// Whether they failed is taken from another metric if that one does not report it.
func (t *tally) red() model.RED {
	var best, judge *requests
	for _, r := range t.metrics {
		if best == nil || r.timed != best.timed && r.timed || r.timed == best.timed && r.count > best.count {
			best = r
		}
		if r.reports && (judge == nil || r.count > judge.count) {
			judge = r
		}
	}
	if best == nil || best.count < 0.5 {
		return model.RED{}
	}
	errors := best.failed
	if !best.reports && judge != nil && judge.count > 0 {
		errors = best.count * judge.failed / judge.count
	}
	seconds := max(float64(best.newest-best.oldest)/1e9, 1)
	return model.RED{
		Requests: uint64(math.Round(best.count)), Errors: uint64(math.Round(errors)), Rate: best.count / seconds,
		P50: best.took.Quantile(0.5), P95: best.took.Quantile(0.95), P99: best.took.Quantile(0.99), Took: best.took, Metrics: true,
	}
}

// requests are those that one metric counts.
type requests struct {
	count, failed  float64
	timed, reports bool
	took           *model.Durations
	oldest, newest model.Nanos
}

// add counts the points of a series, the oldest first.
func (r *requests) add(is *redmetric.Metric, m *model.Metric, points []model.Point) {
	r.timed = r.timed || is.Timed
	r.reports = r.reports || is.Reports
	delta := m.Temporality == model.TemporalityDelta
	var before *model.Point
	for i := range points {
		p := &points[i]
		if n := total(p); p.Flags&model.FlagNoRecordedValue != 0 || math.IsNaN(n) || math.IsInf(n, 0) {
			before = nil
			continue
		}
		r.saw(p.Time)
		if delta && p.Start != 0 {
			r.saw(p.Start)
		}
		if delta || before != nil {
			r.grow(is, before, p, delta)
		}
		before = p
	}
}

func (r *requests) saw(at model.Nanos) {
	if r.oldest == 0 || at < r.oldest {
		r.oldest = at
	}
	r.newest = max(r.newest, at)
}

// grow counts what a point has more than the one before; all of it if it counts from zero again.
func (r *requests) grow(is *redmetric.Metric, before, p *model.Point, delta bool) {
	old := 0.0
	reset := delta
	if !delta {
		old = total(before)
		reset = total(p) < old
	}
	grown := total(p)
	if !reset {
		grown -= old
	}
	if grown < 0 { // no counter
		return
	}
	r.count += grown
	if is.Failed {
		r.failed += grown
	}
	switch {
	case p.Histogram != nil:
		r.histogram(is.Seconds, p.Histogram, countsOf(before, p, reset))
	case p.Exponential != nil && delta:
		r.exponential(is.Seconds, p.Exponential)
	}
}

// total is how many requests a point counts.
func total(p *model.Point) float64 {
	switch {
	case p.Histogram != nil:
		return float64(p.Histogram.Count)
	case p.Exponential != nil:
		return float64(p.Exponential.Count)
	case p.Summary != nil:
		return float64(p.Summary.Count)
	}
	return p.Float()
}

// countsOf are the counts to subtract from a histogram's, nil for none.
func countsOf(before, p *model.Point, reset bool) []uint64 {
	if reset || before == nil || before.Histogram == nil || len(before.Histogram.Counts) != len(p.Histogram.Counts) {
		return nil
	}
	return before.Histogram.Counts
}

func (r *requests) histogram(unit float64, h *model.Histogram, before []uint64) {
	for i, n := range h.Counts {
		if before != nil {
			n -= min(n, before[i])
		}
		low, high := boundsOf(h.Bounds, i)
		r.spread(low*unit, high*unit, n)
	}
}

// boundsOf are the bounds of a bucket; those of the last one, which has no end, are its begin.
func boundsOf(bounds []float64, i int) (low, high float64) {
	switch {
	case len(bounds) == 0:
		return 0, 0
	case i == 0:
		return 0, bounds[0]
	case i >= len(bounds):
		return bounds[len(bounds)-1], bounds[len(bounds)-1]
	}
	return bounds[i-1], bounds[i]
}

func (r *requests) exponential(unit float64, x *model.ExponentialHistogram) {
	r.spread(0, x.ZeroThreshold*unit, x.ZeroCount)
	base := math.Exp2(-float64(x.Scale))
	for i, n := range x.Positive.Counts {
		at := float64(x.Positive.Offset) + float64(i)
		r.spread(math.Exp2(at*base)*unit, math.Exp2((at+1)*base)*unit, n)
	}
}

// spread counts n requests that took between low and high seconds.
func (r *requests) spread(low, high float64, n uint64) {
	if n == 0 || math.IsNaN(low) || math.IsNaN(high) {
		return
	}
	if n < pieces || low == high {
		r.take((low+high)/2, n)
		return
	}
	for i := range uint64(pieces) {
		part := n*(i+1)/pieces - n*i/pieces
		r.take(low+(high-low)*(float64(i)+0.5)/pieces, part)
	}
}

func (r *requests) take(seconds float64, n uint64) {
	nanos := min(max(seconds, 0)*1e9, math.MaxInt64)
	r.took.Add(model.DurationBucket(model.Nanos(nanos)), uint32(min(n, math.MaxUint32)))
}
