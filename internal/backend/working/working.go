// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package working holds rows that one query read from other backends, and answers it
// from them as the store does: a query that cannot be put together from the answers of
// several backends, such as a percentile or the join of spans with their parents, is
// answered from the rows of all of them.
package working

import (
	"context"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
)

// Set is rows in memory. It is for one query, and MUST be closed.
type Set struct {
	store *store.Store
	room  int64 // bytes of rows that may still be added
}

// New makes an empty set that holds rows of so many bytes at most.
func New(bytes int64) *Set {
	// The store must not evict what the set takes.
	limits := store.Limits{Logs: 4*bytes + 16<<20, Traces: 4*bytes + 16<<20, Metrics: 4*bytes + 16<<20, QueryMemory: 4*bytes + 32<<20}
	return &Set{store: store.New(limits, time.Now), room: bytes}
}

// Close lets the rows go.
func (s *Set) Close() { s.store.Close() }

// AddSpans adds spans. It returns false, and adds none, if there is no room for them.
func (s *Set) AddSpans(spans []model.Span) (bool, error) {
	for i := range spans {
		s.room -= int64(spans[i].Size())
	}
	if s.room < 0 {
		return false, nil
	}
	_, err := s.store.AppendSpans(spans)
	return true, err
}

// AddEvents adds log records. Without room for them it is an *ExhaustedError.
func (s *Set) AddEvents(events []model.Event) error {
	for i := range events {
		s.room -= int64(events[i].Size())
	}
	if s.room < 0 {
		return model.Exhausted("the log records of the query take more memory than a query may hold: " +
			"ask for a shorter time range, or raise store::query_memory of the tapio extension")
	}
	_, err := s.store.AppendEvents(events)
	return err
}

// AddPoints adds points. Without room for them it is an *ExhaustedError.
func (s *Set) AddPoints(points []model.Point) error {
	for i := range points {
		s.room -= int64(points[i].Size())
	}
	if s.room < 0 {
		return model.Exhausted("the points of the query take more memory than a query may hold: " +
			"request a shorter time range or fewer metrics, or raise store::query_memory of the tapio extension")
	}
	_, err := s.store.AppendPoints(points)
	return err
}

// Reader answers from the rows.
func (s *Set) Reader() query.Reader { return s.store.Reader() }

// Aggregate answers from the points.
func (s *Set) Aggregate(ctx context.Context, q model.AggregateQuery) ([]model.AggregateSeries, int, error) {
	return s.store.Aggregate(ctx, q)
}

// SelectSeries answers from the points, and closes the set with its answer.
func (s *Set) SelectSeries(ctx context.Context, q model.SeriesQuery) (query.SeriesSet, error) {
	series, err := s.store.SelectSeries(ctx, q)
	if err != nil {
		s.Close()
		return nil, err
	}
	return &owner{SeriesSet: series, set: s}, nil
}

// owner closes the set behind its series.
type owner struct {
	query.SeriesSet
	set *Set
}

// Close implements query.Account.
func (o *owner) Close() {
	o.SeriesSet.Close()
	o.set.Close()
}

// Check returns what is wrong with a query, before points are read for it.
func Check(ctx context.Context, q model.AggregateQuery) error {
	empty := New(0)
	defer empty.Close()
	_, _, err := empty.Aggregate(ctx, q)
	return err
}

// LookBack is how long before the range of an aggregation points matter: the increase
// of a counter is counted from the last one before the range.
const LookBack = 5 * time.Minute

// PointsOf returns the query for the points that an aggregation needs.
func PointsOf(q *model.AggregateQuery) model.PointQuery {
	points := model.PointQuery{Names: q.Names, Filter: q.Filter}
	back := model.Nanos(max(q.Resolution, LookBack))
	points.Filter.Time.Start -= min(back, points.Filter.Time.Start)
	return points
}
