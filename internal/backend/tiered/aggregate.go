// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tiered

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapio/tapio/internal/backend/working"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

const (
	pointPage    = 10_000
	mostSeries   = 10_000
	maxExemplars = 10
)

// readPoints reads the points of a query from both tiers.
func readPoints(ctx context.Context, r *Reader, q model.PointQuery) (*working.Set, error) {
	set := working.New(r.QueryMemory)
	q.Paging = model.Paging{Limit: pointPage, Ascending: true}
	for {
		page, err := r.QueryPoints(ctx, q)
		if err == nil {
			err = set.AddPoints(page.Rows)
		}
		if err != nil {
			set.Close()
			return nil, err
		}
		if page.Next.IsZero() {
			return set, nil
		}
		q.Paging.After = page.Next
	}
}

// SelectSeries implements query.MetricReader.
func (r *Reader) SelectSeries(ctx context.Context, q model.SeriesQuery) (query.SeriesSet, error) {
	if isEmpty(before(r.now(ctx), q.Filter.Time)) {
		return r.Recent.Reader.SelectSeries(ctx, q)
	}
	set, err := readPoints(ctx, r, model.PointQuery{Names: q.Names, Filter: q.Filter})
	if err != nil {
		return nil, err
	}
	return set.SelectSeries(ctx, q)
}

// Aggregate implements query.MetricReader. Windows on one side of the seam come from one
// tier. Those that the seam is in, or close behind, come from the points of both: neither
// percentiles nor the increase of a counter can be put together from two values.
func (r *Reader) Aggregate(ctx context.Context, q model.AggregateQuery) ([]model.AggregateSeries, int, error) {
	if err := working.Check(ctx, q); err != nil {
		return nil, 0, err
	}
	ctx = r.now(ctx)
	if reached := working.PointsOf(&q).Filter.Time; reached.Start != 0 && isEmpty(before(ctx, reached)) {
		return r.Recent.Reader.Aggregate(ctx, q)
	}
	parts := q.Filter.Time
	first, last, split := windowsAround(seamIn(ctx), &q)
	if !split {
		return fromPoints(ctx, r, q)
	}
	sum := &added{groups: map[string]*model.AggregateSeries{}}
	q.Filter.Time = model.TimeRange{Start: parts.Start, End: first}
	if err := addTier(ctx, r, q, sum); err != nil {
		return nil, 0, err
	}
	q.Filter.Time = model.TimeRange{Start: max(parts.Start, first), End: last}
	if parts.End != 0 {
		q.Filter.Time.End = min(last, parts.End)
	}
	if !isEmpty(q.Filter.Time) {
		one := q
		one.Limit = mostSeries
		series, truncated, err := fromPoints(ctx, r, one)
		if err != nil {
			return nil, 0, err
		}
		sum.add(series, truncated)
	}
	if q.Filter.Time = (model.TimeRange{Start: max(parts.Start, last), End: parts.End}); !isEmpty(q.Filter.Time) {
		if err := addTier(ctx, r, q, sum); err != nil {
			return nil, 0, err
		}
	}
	series, truncated := sum.result(max(q.Limit, 1))
	return series, truncated, nil
}

// windowsAround returns the time between which windows need points of both tiers, and
// whether there are windows before it.
func windowsAround(seam model.Nanos, q *model.AggregateQuery) (first, last model.Nanos, split bool) {
	if q.Resolution <= 0 {
		return 0, 0, false
	}
	resolution := model.Nanos(q.Resolution)
	// A window holds the time of its end, and not that of its start.
	first = seam/resolution*resolution + 1
	if first > seam {
		first -= min(resolution, first-1)
	}
	last = (seam+model.Nanos(working.LookBack))/resolution*resolution + resolution + 1
	return first, last, first > q.Filter.Time.Start && first > 1
}

// fromPoints aggregates the points of both tiers.
func fromPoints(ctx context.Context, r *Reader, q model.AggregateQuery) ([]model.AggregateSeries, int, error) {
	set, err := readPoints(ctx, r, working.PointsOf(&q))
	if err != nil {
		return nil, 0, err
	}
	defer set.Close()
	return set.Aggregate(ctx, q)
}

// addTier adds the windows of a range that lies in one tier.
func addTier(ctx context.Context, r *Reader, q model.AggregateQuery, to *added) error {
	q.Limit = mostSeries
	type part struct {
		series    []model.AggregateSeries
		truncated int
	}
	// The older reader is asked for the first windows, and the recent one for the last:
	// the windows between them leave no part of a range to the other one.
	answers, err := ask(ctx, r, q.Filter.Time, func(ctx context.Context, from query.Reader, times model.TimeRange) (p part, err error) {
		if isEmpty(times) {
			return p, nil
		}
		p.series, p.truncated, err = from.Aggregate(ctx, q)
		return p, err
	})
	for _, a := range answers {
		to.add(a.series, a.truncated)
	}
	return err
}

// added is series whose windows come from several answers.
type added struct {
	groups    map[string]*model.AggregateSeries
	truncated int
}

func (a *added) add(series []model.AggregateSeries, truncated int) {
	a.truncated = max(a.truncated, truncated)
	for i := range series {
		from := &series[i]
		key := string(from.Metric.AppendIdentity(nil)) + model.ListKey(from.Labels...)
		to := a.groups[key]
		if to == nil {
			a.groups[key] = from
			continue
		}
		to.Points = append(to.Points, from.Points...)
		to.Sources, to.ManyWriters = max(to.Sources, from.Sources), max(to.ManyWriters, from.ManyWriters)
		to.Duplicates += from.Duplicates
		to.Exemplars = append(to.Exemplars, from.Exemplars...)
	}
}

// result returns the series in order.
func (a *added) result(limit int) (series []model.AggregateSeries, truncated int) {
	for _, one := range a.groups {
		slices.SortFunc(one.Points, func(x, y model.AggregatePoint) int { return cmp.Compare(x.Time, y.Time) })
		slices.SortStableFunc(one.Exemplars, func(x, y model.Exemplar) int { return cmp.Compare(y.Time, x.Time) })
		one.Exemplars = slices.Clip(one.Exemplars[:min(len(one.Exemplars), maxExemplars)])
		series = append(series, *one)
	}
	slices.SortFunc(series, func(a, b model.AggregateSeries) int {
		return cmp.Or(
			cmp.Compare(a.Metric.Name, b.Metric.Name), slices.Compare(a.Labels, b.Labels),
			slices.Compare(a.Metric.AppendIdentity(nil), b.Metric.AppendIdentity(nil)),
		)
	})
	if len(series) > limit {
		a.truncated += len(series) - limit
		series = slices.Clip(series[:limit])
	}
	return series, a.truncated
}
