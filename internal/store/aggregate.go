// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/aggregate"
	"github.com/tapio/tapio/internal/store/budget"
)

const maxExemplars = 10

// Aggregate turns the selected points into one value for each group and window,
// as docs/reference/queries.md defines it. It returns the first q.Limit series by name and
// labels, and how many groups at most are left out. The error is the context's,
// a *model.FieldError for a wrong query and for more than 11,000 windows, or that
// of the working memory.
func (s *Store) Aggregate(ctx context.Context, q model.AggregateQuery) (series []model.AggregateSeries, truncated int, err error) {
	if err := checkAggregate(q); err != nil {
		return nil, 0, err
	}
	a := aggregation{query: q, budget: s.budget, account: s.budget.Account(ctx)}
	defer a.account.Close()
	if err := a.collect(ctx, s.points); err != nil {
		return nil, 0, err
	}
	if err := a.findExtent(ctx); err != nil {
		return nil, 0, err
	}
	return a.answer(ctx)
}

func checkAggregate(q model.AggregateQuery) error {
	if q.Aggregation == model.AggregateNone || q.Aggregation > model.AggregateRate {
		return model.InvalidField("query.aggregation", "unknown aggregation %d: name one", q.Aggregation)
	}
	if q.Resolution < 0 {
		return model.InvalidField("query.resolution", "must be above 0, or 0 for one window; is %v", q.Resolution)
	}
	if q.Filter.Time.Start == 0 || q.Filter.Time.End == 0 {
		return nil // the windows are known once the data is
	}
	f := aggregate.NewFrame(q, q.Filter.Time.Start, max(q.Filter.Time.End-1, q.Filter.Time.Start))
	return f.Check()
}

// aggregation is one Aggregate under way.
type aggregation struct {
	query   model.AggregateQuery
	budget  *budget.Budget
	account *budget.Account
	views   []pointView
	pieces  []piece
	groups  []*group // by name and labels, once all is collected
	extent  extent
}

// extent is the times of the points that count.
type extent struct{ oldest, newest model.Nanos }

func (e *extent) add(other extent) {
	switch {
	case other == extent{}:
	case *e == extent{}:
		*e = other
	default:
		e.oldest, e.newest = min(e.oldest, other.oldest), max(e.newest, other.newest)
	}
}

// findExtent looks at the times of all points where the one window without a
// resolution depends on them.
func (a *aggregation) findExtent(ctx context.Context) error {
	if a.query.Resolution > 0 || a.query.Filter.Time.Start != 0 && a.query.Filter.Time.End != 0 {
		return nil
	}
	extents := make([]extent, len(a.groups))
	err := a.inParallel(ctx, len(a.groups), func(i int, g *gatherer) error {
		for _, s := range a.groups[i].sources {
			if err := g.gather(ctx, a, a.groups[i].metric, s); err != nil {
				return err
			}
			extents[i].add(g.extent())
		}
		return nil
	})
	for _, e := range extents {
		a.extent.add(e)
	}
	return err
}

// answer computes the groups in their order, some at a time, until the limit is
// reached.
func (a *aggregation) answer(ctx context.Context) (series []model.AggregateSeries, truncated int, err error) {
	limit, extent := max(a.query.Limit, 1), a.extent
	for done := 0; done < len(a.groups); {
		if len(series) == limit {
			return series, len(a.groups) - done, nil
		}
		some := a.groups[done:min(done+limit-len(series), len(a.groups))]
		results := make([]groupResult, len(some))
		err := a.inParallel(ctx, len(some), func(i int, g *gatherer) (err error) {
			results[i], err = a.compute(ctx, some[i], g)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		for i := range results {
			extent.add(results[i].extent)
			if len(results[i].series.Points) > 0 {
				series = append(series, results[i].series)
			}
		}
		done += len(some)
		f := aggregate.NewFrame(a.query, extent.oldest, extent.newest)
		if err := f.Check(); err != nil {
			return nil, 0, err
		}
	}
	return series, 0, nil
}

// inParallel calls work for each number below n, on all processors. Each worker
// has a gatherer of its own. The first error ends it.
func (a *aggregation) inParallel(ctx context.Context, n int, work func(i int, g *gatherer) error) error {
	var (
		workers sync.WaitGroup
		next    atomic.Int64
		failed  = make(chan error, 1)
	)
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			var g gatherer
			defer func() { a.account.Give(g.held) }()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := a.inTurn(ctx, func() error { return worked(func() error { return work(i, &g) }) }); err != nil {
					next.Store(int64(n))
					select {
					case failed <- err:
					default: // another was first
					}
					return
				}
			}
		})
	}
	workers.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return ctx.Err()
	}
}

// inTurn calls work as soon as a processor is to be had.
func (a *aggregation) inTurn(ctx context.Context, work func() error) error {
	if err := a.budget.Enter(ctx); err != nil {
		return err
	}
	defer a.budget.Leave(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	return work()
}

// groupResult is what was computed of a group.
type groupResult struct {
	series model.AggregateSeries // without points where there is no value
	extent extent
}

// compute makes the values of a group, series by series: no more than one
// series' points and the windows' sums are held at a time.
func (a *aggregation) compute(ctx context.Context, of *group, g *gatherer) (groupResult, error) {
	c := computation{of: of, aggregation: a, frame: aggregate.NewFrame(a.query, a.extent.oldest, a.extent.newest), cells: map[model.Nanos]*aggregate.Cell{}}
	defer func() { a.account.Give(c.held) }()
	result := groupResult{series: model.AggregateSeries{Metric: of.metric, Labels: of.labels}}
	for _, s := range of.sources {
		if err := g.gather(ctx, a, of.metric, s); err != nil {
			return result, err
		}
		if len(g.points) == 0 {
			continue
		}
		result.series.Sources++
		result.series.Duplicates += g.duplicates
		result.extent.add(g.extent())
		if err := c.addSource(g, &result.series); err != nil {
			return result, err
		}
	}
	result.series.Points = c.values()
	result.series.Exemplars = latestExemplars(c.exemplars)
	return result, nil
}

// computation is the windows of one group as its series are added.
type computation struct {
	of          *group
	aggregation *aggregation
	frame       aggregate.Frame
	cells       map[model.Nanos]*aggregate.Cell // by the end of the window
	exemplars   []model.Exemplar
	held        int64 // bytes of the budget
}

// add takes the points of one writer, which are in order, window by window.
func (c *computation) add(before *model.Point, points []model.Point) error {
	for len(points) > 0 {
		w := c.frame.Window(points[0].Time)
		n := 1
		for n < len(points) && points[n].Time <= w.Last {
			n++
		}
		in, err := c.cell(w, n)
		if err != nil {
			return err
		}
		in.Add(c.aggregation.query.Aggregation, c.of.metric, w, aggregate.Part{Before: before, Points: points[:n]})
		before, points = &points[n-1], points[n:]
	}
	return nil
}

// Cell returns the sums of a window that n more points come to.
func (c *computation) cell(w aggregate.Window, n int) (*aggregate.Cell, error) {
	in, found := c.cells[w.End]
	bytes := int64(0)
	if !found {
		in = &aggregate.Cell{}
		c.cells[w.End] = in
		bytes = aggregate.CellBytes
	}
	if _, isRank := aggregate.Rank(c.aggregation.query.Aggregation); isRank {
		bytes += int64(n) * 2 * 8 // values, and the list's room to grow
	}
	if bytes == 0 {
		return in, nil
	}
	if err := c.aggregation.account.Take(bytes); err != nil {
		return nil, err
	}
	c.held += bytes
	return in, nil
}

// values returns the values of the windows that have one, the earliest first.
func (c *computation) values() []model.AggregatePoint {
	var points []model.AggregatePoint
	for end, in := range c.cells {
		w := c.frame.Window(end)
		value, count, ok := in.Value(c.aggregation.query.Aggregation, c.of.metric, w)
		if ok {
			points = append(points, model.AggregatePoint{Time: w.End, Value: value, Count: count})
		}
	}
	slices.SortFunc(points, func(a, b model.AggregatePoint) int { return int(int64(a.Time) - int64(b.Time)) })
	return points
}
