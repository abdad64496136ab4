// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"context"
	"sync"

	"github.com/tapio/tapio/internal/backend/working"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// GetServiceGraph implements query.Discoverer. Client and server of a call are often on
// different members, so that the spans of all are joined.
func (r *Reader) GetServiceGraph(ctx context.Context, q model.GraphQuery) (model.ServiceGraph, error) {
	set, truncated, err := r.spans(ctx, q.Filter.Time)
	if err != nil {
		return model.ServiceGraph{}, err
	}
	defer set.Close()
	graph, err := set.Reader().GetServiceGraph(ctx, q)
	graph.Truncated = graph.Truncated || truncated
	return graph, err
}

// CountCalls implements query.Discoverer, likewise.
func (r *Reader) CountCalls(ctx context.Context, times model.TimeRange) (model.CallCounts, error) {
	set, truncated, err := r.spans(ctx, working.WithParents(times))
	if err != nil {
		return model.CallCounts{}, err
	}
	defer set.Close()
	counts, err := set.Reader().CountCalls(ctx, times)
	counts.Truncated = counts.Truncated || truncated
	return counts, err
}

// spans reads the spans of a range from all members, as many as there is room for.
func (r *Reader) spans(ctx context.Context, times model.TimeRange) (set *working.Set, truncated bool, err error) {
	set = working.New(r.QueryMemory)
	var adding sync.Mutex
	_, err = ask(ctx, r, func(ctx context.Context, m *member) (struct{}, error) {
		cut, err := set.ReadSpans(ctx, m.Reader, times, &adding)
		if cut {
			adding.Lock()
			truncated = true
			adding.Unlock()
			incomplete(ctx, m, "has more spans in the time range than a query may hold: request a shorter one, or raise store::query_memory")
		}
		return struct{}{}, err
	})
	if err != nil {
		set.Close()
		return nil, false, err
	}
	return set, truncated, nil
}

// pointPage is how many points of a member are read at once.
const pointPage = 10_000

// points reads the points of a query from all members. More than a query may hold are
// an *ExhaustedError, for a part of the points would make wrong figures.
func (r *Reader) points(ctx context.Context, q model.PointQuery) (*working.Set, error) {
	set := working.New(r.QueryMemory)
	var adding sync.Mutex
	var full error
	_, err := ask(ctx, r, func(ctx context.Context, m *member) (struct{}, error) {
		one := q
		one.Paging = model.Paging{Limit: pointPage}
		for {
			page, err := m.Reader.QueryPoints(ctx, one)
			if err != nil {
				return struct{}{}, err
			}
			adding.Lock()
			if full == nil {
				full = set.AddPoints(page.Rows)
			}
			err = full
			adding.Unlock()
			if err != nil || page.Next.IsZero() {
				return struct{}{}, err
			}
			one.Paging.After = page.Next
		}
	})
	if full != nil {
		err = full
	}
	if err != nil {
		set.Close()
		return nil, err
	}
	return set, nil
}

// SelectSeries implements query.MetricReader. It reads the points of the series.
func (r *Reader) SelectSeries(ctx context.Context, q model.SeriesQuery) (query.SeriesSet, error) {
	set, err := r.points(ctx, model.PointQuery{Names: q.Names, Filter: q.Filter})
	if err != nil {
		return nil, err
	}
	return set.SelectSeries(ctx, q)
}
