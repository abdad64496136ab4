// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/tapio"
)

const (
	// maxSamples bounds the working memory of one Aggregate: some 120 bytes each,
	// for what a segment holds in fewer is a row again meanwhile.
	maxSamples   = 5_000_000
	maxExemplars = 10
)

// Aggregate turns the selected points into one value for each group and window,
// as docs/queries.md defines it. It returns the first q.Limit series by name and
// labels, and how many groups at most are left out. The error is the context's
// or a *tapio.FieldError: for a wrong query, for more than 11,000 windows, and
// for more than 5 million points.
func (s *Store) Aggregate(ctx context.Context, q tapio.AggregateQuery) (series []tapio.AggregateSeries, truncated int, err error) {
	if err := checkAggregate(q); err != nil {
		return nil, 0, err
	}
	views, _ := s.points.views()
	c := newCollector(q, s.maxSamples)
	if err := c.collect(ctx, views); err != nil {
		return nil, 0, err
	}
	frame := newFrame(q, c.oldest, c.newest)
	if err := frame.check(); err != nil {
		return nil, 0, err
	}
	return answer(ctx, q, frame, c.sorted())
}

func checkAggregate(q tapio.AggregateQuery) error {
	if q.Aggregation == tapio.AggregateNone || q.Aggregation > tapio.AggregateRate {
		return tapio.InvalidField("query.aggregation", "unknown aggregation %d: name one", q.Aggregation)
	}
	if q.Resolution < 0 {
		return tapio.InvalidField("query.resolution", "must be above 0, or 0 for one window; is %v", q.Resolution)
	}
	if q.Filter.Time.Start == 0 || q.Filter.Time.End == 0 {
		return nil // the windows are known once the data is
	}
	f := newFrame(q, q.Filter.Time.Start, max(q.Filter.Time.End-1, q.Filter.Time.Start))
	return f.check()
}

func answer(ctx context.Context, q tapio.AggregateQuery, f frame, groups []*group) ([]tapio.AggregateSeries, int, error) {
	var series []tapio.AggregateSeries
	for i, g := range groups {
		if len(series) == max(q.Limit, 1) {
			return series, len(groups) - i, nil
		}
		points, err := g.windows(ctx, f, q.Aggregation)
		if err != nil {
			return nil, 0, err
		}
		if len(points) == 0 {
			continue
		}
		series = append(series, tapio.AggregateSeries{
			Metric: g.metric, Labels: g.labels, Points: points,
			Exemplars: g.exemplars(), Sources: len(g.sources),
		})
	}
	return series, 0, nil
}

// group is the series that are put together.
type group struct {
	metric  *tapio.Metric
	labels  []string
	sources []*source
}

// source is one stored series, from all chunks.
type source struct {
	points []*tapio.Point // of the range
	before *tapio.Point   // the last one before the range, where it counts
	taken  int            // points of the windows that are done
}

// part is what a series brings to a window.
type part struct {
	before *tapio.Point // the last point before the window; nil: none known
	points []*tapio.Point
}

func (p part) last() *tapio.Point { return p.points[len(p.points)-1] }

func comparePoints(a, b *tapio.Point) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq))
}

// windows computes the values of the windows that hold data, the earliest
// first.
func (g *group) windows(ctx context.Context, f frame, how tapio.Aggregation) ([]tapio.AggregatePoint, error) {
	for _, s := range g.sources {
		slices.SortFunc(s.points, comparePoints)
		s.taken = 0
	}
	var points []tapio.AggregatePoint
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		next, found := g.next()
		if !found {
			return points, nil
		}
		w := f.window(next)
		value, count, ok := reduce(how, g.metric, w, g.take(w))
		if ok {
			points = append(points, tapio.AggregatePoint{Time: w.end, Value: value, Count: count})
		}
	}
}

// next returns the time of the earliest point that is not taken yet.
func (g *group) next() (earliest tapio.Nanos, found bool) {
	for _, s := range g.sources {
		if s.taken == len(s.points) {
			continue
		}
		if t := s.points[s.taken].Time; !found || t < earliest {
			earliest, found = t, true
		}
	}
	return earliest, found
}

// take returns what each series has within the window.
func (g *group) take(w window) []part {
	var parts []part
	for _, s := range g.sources {
		if p, ok := s.take(w); ok {
			parts = append(parts, p)
		}
	}
	return parts
}

func (s *source) take(w window) (part, bool) {
	from := s.taken
	for s.taken < len(s.points) && s.points[s.taken].Time <= w.last {
		s.taken++
	}
	p := part{before: s.before, points: s.points[from:s.taken]}
	if from > 0 {
		p.before = s.points[from-1]
	}
	return p, len(p.points) > 0
}

// exemplars returns the latest of all points, the latest first.
func (g *group) exemplars() []tapio.Exemplar {
	var found []tapio.Exemplar
	for _, s := range g.sources {
		for _, p := range s.points {
			found = append(found, p.Exemplars...)
			if len(found) > 100*maxExemplars {
				found = latestExemplars(found)
			}
		}
	}
	return latestExemplars(found)
}

func latestExemplars(list []tapio.Exemplar) []tapio.Exemplar {
	slices.SortStableFunc(list, func(a, b tapio.Exemplar) int { return cmp.Compare(b.Time, a.Time) })
	return slices.Clone(list[:min(len(list), maxExemplars)])
}

// reduce makes one value of a window, and tells how many samples made it; false
// if the aggregation has no value there.
func reduce(how tapio.Aggregation, metric *tapio.Metric, w window, parts []part) (value float64, count uint64, ok bool) {
	switch metric.Type {
	case tapio.MetricGauge, tapio.MetricSum:
		value, count, ok = reduceNumbers(how, metric, w, parts)
	default:
		value, count, ok = reduceDistributions(how, metric, w, parts)
	}
	return value, count, ok && !math.IsNaN(value)
}

// rank is the quantile that a percentile stands for; false for another
// aggregation.
func rank(how tapio.Aggregation) (float64, bool) {
	switch how {
	case tapio.AggregateP50:
		return 0.5, true
	case tapio.AggregateP90:
		return 0.9, true
	case tapio.AggregateP95:
		return 0.95, true
	case tapio.AggregateP99:
		return 0.99, true
	default:
		return 0, false
	}
}
