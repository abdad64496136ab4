// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tiered

import (
	"context"
	"encoding/binary"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// seamBytes is how many bytes of the state of a cursor are the seam.
const seamBytes = 8

// pageOf reads a page of both tiers. The token keeps the seam and the time of the last
// row that was returned.
func pageOf[Row any](
	ctx context.Context, r *Reader, times model.TimeRange, paging model.Paging, when func(*Row) model.Nanos,
	read func(ctx context.Context, paging model.Paging) (model.Page[Row], error),
) (model.Page[Row], error) {
	seam := r.Since()
	if after := paging.After; !after.IsZero() {
		var err error
		if seam, err = r.seamBehind(ctx, after, seam, paging.Ascending); err != nil {
			return model.Page[Row]{}, err
		}
		paging.After.Time, paging.After.State = 0, after.State[seamBytes:]
	}
	ctx = withSeam(ctx, seam)
	page, err := read(r.needed(ctx, times), paging)
	if err != nil || page.Next.IsZero() {
		return page, err
	}
	last := paging.After.Time
	if n := len(page.Rows); n > 0 {
		last = when(&page.Rows[n-1])
	}
	page.Next.Time = last
	page.Next.State = string(binary.BigEndian.AppendUint64(nil, uint64(seam))) + page.Next.State
	return page, nil
}

// seamBehind returns the seam of a further page. Where the recent reader does not hold
// what is behind the seam of the first page any more, the older one continues.
func (r *Reader) seamBehind(ctx context.Context, after model.Cursor, held model.Nanos, ascending bool) (model.Nanos, error) {
	if after.Epoch != r.Epoch() {
		return 0, model.InvalidField("filter.page_token", "is of a server that was started again: start again without a token")
	}
	if len(after.State) < seamBytes {
		return 0, model.InvalidField("filter.page_token", "is none of this server's tokens: start again without it")
	}
	seam := model.Nanos(binary.BigEndian.Uint64([]byte(after.State)))
	switch {
	case held <= seam:
		return seam, nil
	case !ascending:
		return max(seam, min(held, after.Time)), nil // rows above the last one were returned
	case after.Time < seam:
		return held, nil
	}
	query.AddNote(ctx, query.Note{
		Source: r.Recent.Name, State: query.SourceIncomplete, Message: "evicted records while the pages were read: some are missing",
	})
	return seam, nil
}

// QueryEvents implements query.EventReader.
func (r *Reader) QueryEvents(ctx context.Context, q model.EventQuery) (model.Page[model.Event], error) {
	return pageOf(ctx, r, q.Filter.Time, q.Paging, (*model.Event).When, func(ctx context.Context, paging model.Paging) (model.Page[model.Event], error) {
		one := q
		one.Paging = paging
		return r.both.QueryEvents(ctx, one)
	})
}

// QueryTraces implements query.TraceReader.
func (r *Reader) QueryTraces(ctx context.Context, q model.TraceQuery) (model.Page[model.Trace], error) {
	newest := func(t *model.Trace) (at model.Nanos) {
		for i := range t.Spans {
			if span := &t.Spans[i]; q.MatchSpan(span) {
				at = max(at, span.Start)
			}
		}
		return at
	}
	return pageOf(ctx, r, q.Filter.Time, q.Paging, newest, func(ctx context.Context, paging model.Paging) (model.Page[model.Trace], error) {
		one := q
		one.Paging = paging
		return r.both.QueryTraces(ctx, one)
	})
}

// QueryPoints implements query.MetricReader.
func (r *Reader) QueryPoints(ctx context.Context, q model.PointQuery) (model.Page[model.Point], error) {
	when := func(p *model.Point) model.Nanos { return p.Time }
	return pageOf(ctx, r, q.Filter.Time, q.Paging, when, func(ctx context.Context, paging model.Paging) (model.Page[model.Point], error) {
		one := q
		one.Paging = paging
		return r.both.QueryPoints(ctx, one)
	})
}

// GetChanges implements query.Discoverer.
func (r *Reader) GetChanges(ctx context.Context, q model.ChangeQuery) (model.Page[model.Change], error) {
	when := func(c *model.Change) model.Nanos { return c.Time }
	return pageOf(ctx, r, q.Filter.Time, q.Paging, when, func(ctx context.Context, paging model.Paging) (model.Page[model.Change], error) {
		one := q
		one.Paging = paging
		return r.both.GetChanges(ctx, one)
	})
}
