// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
)

// countBytes is charged for a bucket of counts.
const countBytes = 48

// maxCounts is the most buckets of all groups, so that an answer fits one message.
const maxCounts = 100_000

// CountRecords implements query.Discoverer.
func (s *Store) CountRecords(ctx context.Context, q model.CountQuery) (model.Counts, error) {
	if q.Resolution < 0 {
		return model.Counts{}, model.InvalidField("resolution", "must be above 0, or 0 for one bucket; is %v", q.Resolution)
	}
	a := s.budget.Account(ctx)
	defer a.Close()
	c := newRecordCounter(&q, a)
	var err error
	switch q.Selection.Signal {
	case model.SignalLogs:
		err = countRows(ctx, c, s.scanEvents(q.Selection.Events(), a), eventFacts())
	case model.SignalTraces:
		err = countRows(ctx, c, s.scanSpans(q.Selection.Spans(), a), spanFacts())
	default:
		err = wrongSignal(q.Selection.Signal)
	}
	if err != nil {
		return model.Counts{}, err
	}
	return c.result()
}

func wrongSignal(signal model.Signal) error {
	return model.InvalidField("signal", "must be logs or traces, is %d", signal)
}

// recordCounter counts records by bucket and group.
type recordCounter struct {
	query   *model.CountQuery
	key     model.LabelKey
	account *budget.Account
	groups  map[string]*countGroup
	buckets map[model.Nanos]bool
}

type countGroup struct {
	total  uint64
	counts map[model.Nanos]uint64
}

func newRecordCounter(q *model.CountQuery, a *budget.Account) *recordCounter {
	return &recordCounter{
		query: q, key: model.NewLabelKey(q.GroupBy), account: a,
		groups: map[string]*countGroup{}, buckets: map[model.Nanos]bool{},
	}
}

func countRows[R any](ctx context.Context, c *recordCounter, rows scan[R], of facts[R]) error {
	when := rows.log.signal.when
	use := func(r *R) error {
		value := ""
		if c.query.GroupBy != "" {
			value, _ = of.of(r, c.key)
		}
		return c.add(value, c.bucket(when(r)), 1)
	}
	if !rows.whole {
		return rows.each(ctx, use)
	}
	views, _ := rows.log.views()
	for i := range views {
		if !rows.hint.Times.Overlaps(views[i].oldest, views[i].newest) {
			continue
		}
		if err := countView(ctx, c, &rows, &views[i], use); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// inOne reports whether all times from oldest to newest are in the range and in one
// bucket.
func (c *recordCounter) inOne(over model.TimeRange, oldest, newest model.Nanos) bool {
	return covers(over, oldest, newest) && c.bucket(oldest) == c.bucket(newest)
}

// bucket returns the start of the bucket that a time falls in.
func (c *recordCounter) bucket(at model.Nanos) model.Nanos {
	if c.query.Resolution == 0 {
		return c.query.Selection.Filter.Time.Start
	}
	return at - at%model.Nanos(c.query.Resolution)
}

func (c *recordCounter) add(value string, bucket model.Nanos, n uint64) error {
	g, known := c.groups[value]
	if !known {
		value = strings.Clone(value) // the row goes
		if err := c.account.Take(tallyBytes + int64(len(value))); err != nil {
			return err
		}
		g = &countGroup{counts: map[model.Nanos]uint64{}}
		c.groups[value] = g
	}
	if _, known := g.counts[bucket]; !known {
		if err := c.account.Take(countBytes); err != nil {
			return err
		}
		if c.buckets[bucket] = true; len(c.buckets) > model.MaxCountBuckets {
			return c.tooFine()
		}
	}
	g.total += n
	g.counts[bucket] += n
	return nil
}

func (c *recordCounter) tooFine() error {
	return model.InvalidField("resolution", "%v makes more than %d buckets with records: give a coarser one, or a shorter time range",
		c.query.Resolution, model.MaxCountBuckets)
}

// result puts the groups above the limit together.
func (c *recordCounter) result() (model.Counts, error) {
	var answer model.Counts
	for value, g := range c.groups {
		answer.Total += g.total
		answer.Groups = append(answer.Groups, model.CountGroup{Value: value, Total: g.total})
	}
	slices.SortFunc(answer.Groups, func(a, b model.CountGroup) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Value, b.Value))
	})
	limit := max(c.query.Limit, 1)
	if len(answer.Groups) > limit {
		others := &countGroup{counts: map[model.Nanos]uint64{}}
		for _, g := range answer.Groups[limit:] {
			others.total += g.Total
			for bucket, n := range c.groups[g.Value].counts {
				others.counts[bucket] += n
			}
		}
		answer.Groups = append(answer.Groups[:limit:limit], model.CountGroup{Others: true, Total: others.total, Counts: others.sorted()})
	}
	cells := 0
	for i := range answer.Groups {
		if g := &answer.Groups[i]; !g.Others {
			g.Counts = c.groups[g.Value].sorted()
		}
		if cells += len(answer.Groups[i].Counts); cells > maxCounts {
			return model.Counts{}, model.InvalidField("limit", "%d groups have more than %d buckets together: give fewer groups or a coarser resolution",
				limit, maxCounts)
		}
	}
	return answer, nil
}

func (g *countGroup) sorted() []model.CountBucket {
	list := make([]model.CountBucket, 0, len(g.counts))
	for start, n := range g.counts {
		list = append(list, model.CountBucket{Start: start, Count: n})
	}
	slices.SortFunc(list, func(a, b model.CountBucket) int { return cmp.Compare(a.Start, b.Start) })
	return list
}
