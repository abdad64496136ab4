// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"errors"
	"fmt"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// unread is the part of a Reader that is about signals which are not read.
type unread struct{ empty bool }

// answer is what queries for a signal return.
func (u *unread) answer(ctx context.Context, signal string) error {
	if err := ctx.Err(); err != nil || u.empty {
		return err
	}
	return fmt.Errorf("%s are not read from Elasticsearch: %w", signal, errors.ErrUnsupported)
}

// The signals that are not read.
const (
	spans, points, profiles = "spans", "metrics", "profiles"
)

// QueryTraces implements query.TraceReader.
func (u *unread) QueryTraces(ctx context.Context, _ model.TraceQuery) (page model.Page[model.Trace], err error) {
	return page, u.answer(ctx, spans)
}

// QueryPoints implements query.MetricReader.
func (u *unread) QueryPoints(ctx context.Context, _ model.PointQuery) (page model.Page[model.Point], err error) {
	return page, u.answer(ctx, points)
}

// Aggregate implements query.MetricReader.
func (u *unread) Aggregate(ctx context.Context, _ model.AggregateQuery) ([]model.AggregateSeries, int, error) {
	return nil, 0, u.answer(ctx, points)
}

// SelectSeries implements query.MetricReader.
func (u *unread) SelectSeries(ctx context.Context, _ model.SeriesQuery) (query.SeriesSet, error) {
	if err := u.answer(ctx, points); err != nil {
		return nil, err
	}
	return noSeries{}, nil
}

// noSeries is an empty set.
type noSeries struct{}

func (noSeries) Take(int64) error         { return nil }
func (noSeries) Give(int64)               {}
func (noSeries) Close()                   {}
func (noSeries) Len() int                 { return 0 }
func (noSeries) Series(int) *model.Series { return nil }

func (noSeries) Points(_ int, buffer []model.Point) ([]model.Point, error) { return buffer, nil }

// ListProfiles implements query.ProfileReader.
func (u *unread) ListProfiles(ctx context.Context, _ model.ProfileQuery) (page model.Page[model.ProfileInfo], err error) {
	return page, u.answer(ctx, profiles)
}

// MergeProfiles implements query.ProfileReader.
func (u *unread) MergeProfiles(ctx context.Context, _ model.ProfileQuery) (*model.CallTree, error) {
	return &model.CallTree{}, u.answer(ctx, profiles)
}

// GroupProfiles implements query.ProfileReader.
func (u *unread) GroupProfiles(ctx context.Context, _ model.ProfileGroupQuery) (groups model.ProfileGroups, err error) {
	return groups, u.answer(ctx, profiles)
}

// ListOperations implements query.Discoverer.
func (u *unread) ListOperations(ctx context.Context, _ model.OperationQuery) (list model.List[model.Operation], err error) {
	return list, u.answer(ctx, spans)
}

// ListMetrics implements query.Discoverer.
func (u *unread) ListMetrics(ctx context.Context, _ model.MetricQuery) (list model.List[model.MetricInfo], err error) {
	return list, u.answer(ctx, points)
}

// GetServiceGraph implements query.Discoverer.
func (u *unread) GetServiceGraph(ctx context.Context, _ model.GraphQuery) (graph model.ServiceGraph, err error) {
	return graph, u.answer(ctx, spans)
}

// CountCalls implements query.Discoverer.
func (u *unread) CountCalls(ctx context.Context, _ model.TimeRange) (counts model.CallCounts, err error) {
	return counts, u.answer(ctx, spans)
}

// TailSpans implements query.Tailer.
func (u *unread) TailSpans(context.Context, model.TraceQuery, model.Start) query.Tail[model.Span] {
	return noRows[model.Span]{}
}

// TailPoints implements query.Tailer.
func (u *unread) TailPoints(context.Context, model.PointQuery, model.Start) query.Tail[model.Point] {
	return noRows[model.Point]{}
}

// noRows is a tail without rows.
type noRows[Row any] struct{}

func (noRows[Row]) Ready(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (noRows[Row]) Poll(int) ([]Row, model.Loss, bool) { return nil, model.Loss{}, false }
func (noRows[Row]) Bound(int)                          {}
func (noRows[Row]) Skip() model.Loss                   { return model.Loss{} }
func (noRows[Row]) Position() uint64                   { return 0 }
