// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapio/tapio/internal/backend/working"
	"github.com/tapio/tapio/internal/model"
)

// mostSeries is the most series that a member is asked for, and maxExemplars the most
// exemplars of one.
const (
	mostSeries   = 10_000
	maxExemplars = 10
)

// Aggregate implements query.MetricReader. Sums, counts, extremes and means of numbers
// are put together from those of the members. Percentiles, and all figures of
// histograms and summaries, come from the points of all members.
func (r *Reader) Aggregate(ctx context.Context, q model.AggregateQuery) ([]model.AggregateSeries, int, error) {
	if addable(&q) {
		series, truncated, done, err := r.addedUp(ctx, q)
		if done || err != nil {
			return series, truncated, err
		}
	}
	if err := working.Check(ctx, q); err != nil {
		return nil, 0, err
	}
	set, err := r.points(ctx, working.PointsOf(&q))
	if err != nil {
		return nil, 0, err
	}
	defer set.Close()
	return set.Aggregate(ctx, q)
}

// addable reports whether the windows are the same on all members, and their values
// can be put together.
func addable(q *model.AggregateQuery) bool {
	switch q.Aggregation {
	case model.AggregateAvg, model.AggregateSum, model.AggregateMin, model.AggregateMax, model.AggregateCount, model.AggregateRate:
		return q.Resolution > 0 || q.Filter.Time.Start != 0 && q.Filter.Time.End != 0
	default:
		return false
	}
}

// addedUp puts the series of the members together. It is not done where there is a
// distribution: a window without a value may count there all the same.
func (r *Reader) addedUp(ctx context.Context, q model.AggregateQuery) (series []model.AggregateSeries, truncated int, done bool, err error) {
	type part struct {
		series    []model.AggregateSeries
		truncated int
	}
	answers, err := ask(ctx, r, func(ctx context.Context, m *member) (p part, err error) {
		one := q
		one.Limit = mostSeries
		p.series, p.truncated, err = m.Reader.Aggregate(ctx, one)
		return p, err
	})
	if err != nil {
		return nil, 0, false, err
	}
	groups := map[string]*added{}
	for _, a := range answers {
		if a.value.truncated > 0 {
			truncated = max(truncated, a.value.truncated)
			incomplete(ctx, a.member, "has more than %d series: the last of them are left out", mostSeries)
		}
		for i := range a.value.series {
			from := &a.value.series[i]
			if from.Metric.Type != model.MetricGauge && from.Metric.Type != model.MetricSum {
				return nil, 0, false, nil
			}
			key := string(from.Metric.AppendIdentity(nil)) + model.ListKey(from.Labels...)
			if groups[key] == nil {
				groups[key] = &added{windows: map[model.Nanos]model.AggregatePoint{}}
			}
			groups[key].add(q.Aggregation, from)
		}
	}
	for _, g := range groups {
		series = append(series, g.result())
	}
	slices.SortFunc(series, compareSeries)
	if limit := max(q.Limit, 1); len(series) > limit {
		truncated += len(series) - limit
		series = slices.Clip(series[:limit])
	}
	return series, truncated, true, nil
}

func compareSeries(a, b model.AggregateSeries) int {
	return cmp.Or(
		cmp.Compare(a.Metric.Name, b.Metric.Name), slices.Compare(a.Labels, b.Labels),
		slices.Compare(a.Metric.AppendIdentity(nil), b.Metric.AppendIdentity(nil)),
	)
}

// added is one group of series of several members.
type added struct {
	series  model.AggregateSeries
	windows map[model.Nanos]model.AggregatePoint
}

func (a *added) add(how model.Aggregation, from *model.AggregateSeries) {
	if a.series.Metric == nil {
		a.series.Metric, a.series.Labels = from.Metric, from.Labels
	}
	a.series.Sources += from.Sources
	a.series.ManyWriters += from.ManyWriters
	a.series.Duplicates += from.Duplicates
	a.series.Exemplars = append(a.series.Exemplars, from.Exemplars...)
	for _, p := range from.Points {
		if known, found := a.windows[p.Time]; found {
			p = together(how, known, p)
		}
		a.windows[p.Time] = p
	}
}

// together is the value of a window of two members.
func together(how model.Aggregation, a, b model.AggregatePoint) model.AggregatePoint {
	sum := model.AggregatePoint{Time: a.Time, Count: a.Count + b.Count}
	switch how {
	case model.AggregateMin:
		sum.Value = min(a.Value, b.Value)
	case model.AggregateMax:
		sum.Value = max(a.Value, b.Value)
	case model.AggregateAvg:
		sum.Value = (a.Value*float64(a.Count) + b.Value*float64(b.Count)) / float64(sum.Count)
	default: // sums, counts and rates
		sum.Value = a.Value + b.Value
	}
	return sum
}

func (a *added) result() model.AggregateSeries {
	for _, p := range a.windows {
		a.series.Points = append(a.series.Points, p)
	}
	slices.SortFunc(a.series.Points, func(x, y model.AggregatePoint) int { return cmp.Compare(x.Time, y.Time) })
	slices.SortStableFunc(a.series.Exemplars, func(x, y model.Exemplar) int { return cmp.Compare(y.Time, x.Time) })
	a.series.Exemplars = slices.Clone(a.series.Exemplars[:min(len(a.series.Exemplars), maxExemplars)])
	return a.series
}
