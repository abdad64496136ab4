// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tiered

import (
	"context"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// recent is the part of a reader behind the seam.
type recent struct{ query.Reader }

// older is the part of a reader before the seam.
type older struct{ query.Reader }

// sides are how both parts clip the time range of a query.
type clip func(ctx context.Context, times model.TimeRange) model.TimeRange

func events(ctx context.Context, r query.Reader, q model.EventQuery, part clip) (page model.Page[model.Event], err error) {
	if q.Filter.Time = part(ctx, q.Filter.Time); isEmpty(q.Filter.Time) {
		return page, ctx.Err()
	}
	return r.QueryEvents(ctx, q)
}

func (r *recent) QueryEvents(ctx context.Context, q model.EventQuery) (model.Page[model.Event], error) {
	return events(ctx, r.Reader, q, since)
}

func (o *older) QueryEvents(ctx context.Context, q model.EventQuery) (model.Page[model.Event], error) {
	return events(ctx, o.Reader, q, before)
}

func traces(ctx context.Context, r query.Reader, q model.TraceQuery, part clip) (page model.Page[model.Trace], err error) {
	if len(q.TraceIDs) == 0 { // else all spans count
		if q.Filter.Time = part(ctx, q.Filter.Time); isEmpty(q.Filter.Time) {
			return page, ctx.Err()
		}
	}
	return r.QueryTraces(ctx, q)
}

func (r *recent) QueryTraces(ctx context.Context, q model.TraceQuery) (model.Page[model.Trace], error) {
	return traces(ctx, r.Reader, q, since)
}

func (o *older) QueryTraces(ctx context.Context, q model.TraceQuery) (model.Page[model.Trace], error) {
	return traces(ctx, o.Reader, q, before)
}

func points(ctx context.Context, r query.Reader, q model.PointQuery, part clip) (page model.Page[model.Point], err error) {
	if q.Filter.Time = part(ctx, q.Filter.Time); isEmpty(q.Filter.Time) {
		return page, ctx.Err()
	}
	return r.QueryPoints(ctx, q)
}

func (r *recent) QueryPoints(ctx context.Context, q model.PointQuery) (model.Page[model.Point], error) {
	return points(ctx, r.Reader, q, since)
}

func (o *older) QueryPoints(ctx context.Context, q model.PointQuery) (model.Page[model.Point], error) {
	return points(ctx, o.Reader, q, before)
}

func (r *recent) ListOperations(ctx context.Context, q model.OperationQuery) (model.List[model.Operation], error) {
	q.Filter.Time = since(ctx, q.Filter.Time)
	return r.Reader.ListOperations(unnamed(ctx, q.Filter.Time), q)
}

func (o *older) ListOperations(ctx context.Context, q model.OperationQuery) (list model.List[model.Operation], err error) {
	if q.Filter.Time = before(ctx, q.Filter.Time); isEmpty(q.Filter.Time) {
		return list, ctx.Err()
	}
	return o.Reader.ListOperations(ctx, q)
}

// CountRecords starts the one bucket of a query without a resolution where the query
// starts.
func (r *recent) CountRecords(ctx context.Context, q model.CountQuery) (model.Counts, error) {
	start := q.Selection.Filter.Time.Start
	q.Selection.Filter.Time = since(ctx, q.Selection.Filter.Time)
	counts, err := r.Reader.CountRecords(unnamed(ctx, q.Selection.Filter.Time), q)
	if q.Resolution == 0 {
		for i := range counts.Groups {
			for j := range counts.Groups[i].Counts {
				counts.Groups[i].Counts[j].Start = start
			}
		}
	}
	return counts, err
}

func (o *older) CountRecords(ctx context.Context, q model.CountQuery) (counts model.Counts, err error) {
	if part := before(ctx, q.Selection.Filter.Time); !isEmpty(part) || q.Resolution < 0 {
		q.Selection.Filter.Time = part
		return o.Reader.CountRecords(unnamed(ctx, part), q)
	}
	return counts, ctx.Err()
}

func (r *recent) GetFacets(ctx context.Context, q model.FacetQuery) (model.Facets, error) {
	q.Selection.Filter.Time = since(ctx, q.Selection.Filter.Time)
	return r.Reader.GetFacets(unnamed(ctx, q.Selection.Filter.Time), q)
}

func (o *older) GetFacets(ctx context.Context, q model.FacetQuery) (facets model.Facets, err error) {
	if q.Selection.Filter.Time = before(ctx, q.Selection.Filter.Time); isEmpty(q.Selection.Filter.Time) {
		return facets, ctx.Err()
	}
	return o.Reader.GetFacets(ctx, q)
}

func (r *recent) CompareAttributes(ctx context.Context, q model.CompareQuery) (model.Comparison, error) {
	q.Selection.Filter.Time, q.Baseline.Filter.Time = since(ctx, q.Selection.Filter.Time), since(ctx, q.Baseline.Filter.Time)
	return r.Reader.CompareAttributes(ctx, q)
}

func (o *older) CompareAttributes(ctx context.Context, q model.CompareQuery) (comparison model.Comparison, err error) {
	q.Selection.Filter.Time, q.Baseline.Filter.Time = before(ctx, q.Selection.Filter.Time), before(ctx, q.Baseline.Filter.Time)
	if isEmpty(q.Selection.Filter.Time) && isEmpty(q.Baseline.Filter.Time) {
		return comparison, ctx.Err()
	}
	return o.Reader.CompareAttributes(ctx, q)
}

func (r *recent) GetChanges(ctx context.Context, q model.ChangeQuery) (model.Page[model.Change], error) {
	q.Filter.Time = since(ctx, q.Filter.Time)
	return r.Reader.GetChanges(unnamed(ctx, q.Filter.Time), q)
}

func (o *older) GetChanges(ctx context.Context, q model.ChangeQuery) (page model.Page[model.Change], err error) {
	if q.Filter.Time = before(ctx, q.Filter.Time); isEmpty(q.Filter.Time) {
		return page, ctx.Err()
	}
	return o.Reader.GetChanges(ctx, q)
}
