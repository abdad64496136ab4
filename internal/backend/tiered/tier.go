// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tiered

import (
	"context"

	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// tier reports with query.AddSource which answers its reader took part in.
type tier struct {
	query.Reader
	name string
}

func tierOf(m federation.Member) federation.Member {
	m.Reader = &tier{m.Reader, m.Name}
	return m
}

// from reports that a tier answered, unless it failed.
func from[T any](ctx context.Context, t *tier, answer T, err error) (T, error) {
	if err == nil {
		query.AddSource(ctx, t.name)
	}
	return answer, err
}

// unnamed leaves a tier out of what is reported if no time is left for it: it is asked
// only for what is wrong with the query.
func unnamed(ctx context.Context, part model.TimeRange) context.Context {
	if isEmpty(part) {
		ctx, _ = query.WithSources(ctx)
	}
	return ctx
}

// following reports that a tier is followed.
func following[Row any](ctx context.Context, t *tier, tail query.Tail[Row]) query.Tail[Row] {
	query.AddSource(ctx, t.name)
	return tail
}

func (t *tier) QueryEvents(ctx context.Context, q model.EventQuery) (model.Page[model.Event], error) {
	page, err := t.Reader.QueryEvents(ctx, q)
	return from(ctx, t, page, err)
}

func (t *tier) EventByID(ctx context.Context, id string) (event model.Event, found bool, err error) {
	if event, found, err = t.Reader.EventByID(ctx, id); err == nil {
		query.AddSource(ctx, t.name)
	}
	return event, found, err
}

func (t *tier) QueryTraces(ctx context.Context, q model.TraceQuery) (model.Page[model.Trace], error) {
	page, err := t.Reader.QueryTraces(ctx, q)
	return from(ctx, t, page, err)
}

func (t *tier) QueryPoints(ctx context.Context, q model.PointQuery) (model.Page[model.Point], error) {
	page, err := t.Reader.QueryPoints(ctx, q)
	return from(ctx, t, page, err)
}

func (t *tier) Aggregate(ctx context.Context, q model.AggregateQuery) (series []model.AggregateSeries, truncated int, err error) {
	if series, truncated, err = t.Reader.Aggregate(ctx, q); err == nil {
		query.AddSource(ctx, t.name)
	}
	return series, truncated, err
}

func (t *tier) SelectSeries(ctx context.Context, q model.SeriesQuery) (query.SeriesSet, error) {
	set, err := t.Reader.SelectSeries(ctx, q)
	return from(ctx, t, set, err)
}

func (t *tier) ListServices(ctx context.Context, q model.ServiceQuery) (model.List[model.Service], error) {
	list, err := t.Reader.ListServices(ctx, q)
	return from(ctx, t, list, err)
}

func (t *tier) ListOperations(ctx context.Context, q model.OperationQuery) (model.List[model.Operation], error) {
	list, err := t.Reader.ListOperations(ctx, q)
	return from(ctx, t, list, err)
}

func (t *tier) ListMetrics(ctx context.Context, q model.MetricQuery) (model.List[model.MetricInfo], error) {
	list, err := t.Reader.ListMetrics(ctx, q)
	return from(ctx, t, list, err)
}

func (t *tier) ListLabels(ctx context.Context, q model.LabelQuery) (model.List[model.LabelInfo], error) {
	list, err := t.Reader.ListLabels(ctx, q)
	return from(ctx, t, list, err)
}

func (t *tier) ListLabelValues(ctx context.Context, q model.LabelQuery) (model.List[model.LabelValue], error) {
	list, err := t.Reader.ListLabelValues(ctx, q)
	return from(ctx, t, list, err)
}

func (t *tier) CountRecords(ctx context.Context, q model.CountQuery) (model.Counts, error) {
	counts, err := t.Reader.CountRecords(ctx, q)
	return from(ctx, t, counts, err)
}

func (t *tier) GetFacets(ctx context.Context, q model.FacetQuery) (model.Facets, error) {
	facets, err := t.Reader.GetFacets(ctx, q)
	return from(ctx, t, facets, err)
}

func (t *tier) GetServiceGraph(ctx context.Context, q model.GraphQuery) (model.ServiceGraph, error) {
	graph, err := t.Reader.GetServiceGraph(ctx, q)
	return from(ctx, t, graph, err)
}

func (t *tier) CountCalls(ctx context.Context, times model.TimeRange) (model.CallCounts, error) {
	counts, err := t.Reader.CountCalls(ctx, times)
	return from(ctx, t, counts, err)
}

func (t *tier) CompareAttributes(ctx context.Context, q model.CompareQuery) (model.Comparison, error) {
	comparison, err := t.Reader.CompareAttributes(ctx, q)
	return from(ctx, t, comparison, err)
}

func (t *tier) GetChanges(ctx context.Context, q model.ChangeQuery) (model.Page[model.Change], error) {
	page, err := t.Reader.GetChanges(ctx, q)
	return from(ctx, t, page, err)
}

func (t *tier) ListProfiles(ctx context.Context, q model.ProfileQuery) (model.Page[model.ProfileInfo], error) {
	page, err := t.Reader.ListProfiles(ctx, q)
	return from(ctx, t, page, err)
}

func (t *tier) MergeProfiles(ctx context.Context, q model.ProfileQuery) (*model.CallTree, error) {
	tree, err := t.Reader.MergeProfiles(ctx, q)
	return from(ctx, t, tree, err)
}

func (t *tier) GroupProfiles(ctx context.Context, q model.ProfileGroupQuery) (model.ProfileGroups, error) {
	groups, err := t.Reader.GroupProfiles(ctx, q)
	return from(ctx, t, groups, err)
}

func (t *tier) TailEvents(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return following(ctx, t, t.Reader.TailEvents(ctx, q, start))
}

func (t *tier) TailRecords(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return following(ctx, t, t.Reader.TailRecords(ctx, q, start))
}

func (t *tier) TailSpans(ctx context.Context, q model.TraceQuery, start model.Start) query.Tail[model.Span] {
	return following(ctx, t, t.Reader.TailSpans(ctx, q, start))
}

func (t *tier) TailPoints(ctx context.Context, q model.PointQuery, start model.Start) query.Tail[model.Point] {
	return following(ctx, t, t.Reader.TailPoints(ctx, q, start))
}
