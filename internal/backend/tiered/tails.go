// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tiered

import (
	"context"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// Tails follow the recent reader. Those that begin in the past read what is before the
// seam from the older one first.

// TailEvents implements query.Tailer.
func (r *Reader) TailEvents(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return r.both.TailEvents(r.now(ctx), q, start)
}

// TailRecords implements query.Tailer.
func (r *Reader) TailRecords(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return r.both.TailRecords(r.now(ctx), q, start)
}

// TailSpans implements query.Tailer.
func (r *Reader) TailSpans(ctx context.Context, q model.TraceQuery, start model.Start) query.Tail[model.Span] {
	return r.both.TailSpans(r.now(ctx), q, start)
}

// TailPoints implements query.Tailer.
func (r *Reader) TailPoints(ctx context.Context, q model.PointQuery, start model.Start) query.Tail[model.Point] {
	return r.both.TailPoints(r.now(ctx), q, start)
}

// beginsBefore reports whether a tail reads something before the seam.
func beginsBefore(ctx context.Context, start model.Start) bool {
	return start.Resume || start.Last > 0 || start.Since != 0 && start.Since < seamIn(ctx)
}

func (o *older) TailEvents(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return o.TailRecords(ctx, q, start)
}

func (o *older) TailRecords(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	if q.Filter.Time = before(ctx, q.Filter.Time); isEmpty(q.Filter.Time) || !beginsBefore(ctx, start) {
		return &ended[model.Event]{}
	}
	return &past[model.Event]{Tail: o.Reader.TailEvents(ctx, q, start)}
}

func (o *older) TailSpans(ctx context.Context, q model.TraceQuery, start model.Start) query.Tail[model.Span] {
	if q.Filter.Time = before(ctx, q.Filter.Time); isEmpty(q.Filter.Time) || !beginsBefore(ctx, start) {
		return &ended[model.Span]{}
	}
	return &past[model.Span]{Tail: o.Reader.TailSpans(ctx, q, start)}
}

func (o *older) TailPoints(ctx context.Context, q model.PointQuery, start model.Start) query.Tail[model.Point] {
	if q.Filter.Time = before(ctx, q.Filter.Time); isEmpty(q.Filter.Time) || !beginsBefore(ctx, start) {
		return &ended[model.Point]{}
	}
	return &past[model.Point]{Tail: o.Reader.TailPoints(ctx, q, start)}
}

func (r *recent) TailEvents(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return &behind[model.Event]{Tail: r.Reader.TailEvents(unnamed(ctx, since(ctx, q.Filter.Time)), q, start), seam: seamIn(ctx), when: (*model.Event).When, more: true}
}

func (r *recent) TailRecords(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return &behind[model.Event]{Tail: r.Reader.TailRecords(unnamed(ctx, since(ctx, q.Filter.Time)), q, start), seam: seamIn(ctx), when: (*model.Event).When, more: true}
}

func (r *recent) TailSpans(ctx context.Context, q model.TraceQuery, start model.Start) query.Tail[model.Span] {
	when := func(s *model.Span) model.Nanos { return s.Start }
	return &behind[model.Span]{Tail: r.Reader.TailSpans(unnamed(ctx, since(ctx, q.Filter.Time)), q, start), seam: seamIn(ctx), when: when, more: true}
}

func (r *recent) TailPoints(ctx context.Context, q model.PointQuery, start model.Start) query.Tail[model.Point] {
	when := func(p *model.Point) model.Nanos { return p.Time }
	return &behind[model.Point]{Tail: r.Reader.TailPoints(unnamed(ctx, since(ctx, q.Filter.Time)), q, start), seam: seamIn(ctx), when: when, more: true}
}

// ended is a tail without rows.
type ended[Row any] struct{}

// Ready implements query.Tail.
func (ended[Row]) Ready(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Poll implements query.Tail.
func (ended[Row]) Poll(int) ([]Row, model.Loss, bool) { return nil, model.Loss{}, false }

// Bound implements query.Tail.
func (ended[Row]) Bound(int) {}

// Skip implements query.Tail.
func (ended[Row]) Skip() model.Loss { return model.Loss{} }

// Position implements query.Tail.
func (ended[Row]) Position() uint64 { return 0 }

// past is the part of a tail that was stored when it was made.
type past[Row any] struct {
	query.Tail[Row]
	over bool
}

// Ready implements query.Tail.
func (p *past[Row]) Ready(ctx context.Context) error {
	if p.over {
		return ended[Row]{}.Ready(ctx)
	}
	return p.Tail.Ready(ctx)
}

// Poll implements query.Tail.
func (p *past[Row]) Poll(most int) (rows []Row, loss model.Loss, more bool) {
	if p.over {
		return nil, model.Loss{}, false
	}
	rows, loss, more = p.Tail.Poll(most)
	p.over = !more
	return rows, loss, more
}

// Skip implements query.Tail.
func (p *past[Row]) Skip() model.Loss {
	if p.over {
		return model.Loss{}
	}
	p.over = true
	return p.Tail.Skip()
}

// behind leaves out the rows of the past that the other tier returns.
type behind[Row any] struct {
	query.Tail[Row]
	seam model.Nanos
	when func(*Row) model.Nanos
	more bool
}

// Poll implements query.Tail.
func (b *behind[Row]) Poll(most int) (rows []Row, loss model.Loss, more bool) {
	all, loss, more := b.Tail.Poll(most)
	if !b.more {
		return all, loss, more
	}
	for i := range all {
		if b.when(&all[i]) >= b.seam {
			rows = append(rows, all[i])
		}
	}
	b.more = more
	return rows, loss, more
}
