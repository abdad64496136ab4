// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"context"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// TailEvents implements query.Tailer.
func (r *Reader) TailEvents(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return r.tailRecords(start, func(m *member, start model.Start) query.Tail[model.Event] { return m.Reader.TailEvents(ctx, q, start) })
}

// TailRecords implements query.Tailer.
func (r *Reader) TailRecords(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return r.tailRecords(start, func(m *member, start model.Start) query.Tail[model.Event] { return m.Reader.TailRecords(ctx, q, start) })
}

func (r *Reader) tailRecords(start model.Start, open func(m *member, start model.Start) query.Tail[model.Event]) query.Tail[model.Event] {
	return newTail(r, start, (*model.Event).When, (*member).markAll, func(e *model.Event) uint64 { return e.Seq }, open)
}

// TailSpans implements query.Tailer.
func (r *Reader) TailSpans(ctx context.Context, q model.TraceQuery, start model.Start) query.Tail[model.Span] {
	mark := func(m *member, rows []model.Span) []model.Span {
		marked := make([]model.Span, len(rows))
		for i := range rows {
			marked[i] = rows[i]
			marked[i].Seq = m.mark(rows[i].Seq)
		}
		return marked
	}
	return newTail(r, start, func(s *model.Span) model.Nanos { return s.Start }, mark, func(s *model.Span) uint64 { return s.Seq },
		func(m *member, start model.Start) query.Tail[model.Span] { return m.Reader.TailSpans(ctx, q, start) })
}

// TailPoints implements query.Tailer.
func (r *Reader) TailPoints(ctx context.Context, q model.PointQuery, start model.Start) query.Tail[model.Point] {
	mark := func(m *member, rows []model.Point) []model.Point {
		marked := make([]model.Point, len(rows))
		for i := range rows {
			marked[i] = rows[i]
			marked[i].Seq = m.mark(rows[i].Seq)
		}
		return marked
	}
	return newTail(r, start, func(p *model.Point) model.Nanos { return p.Time }, mark, func(p *model.Point) uint64 { return p.Seq },
		func(m *member, start model.Start) query.Tail[model.Point] { return m.Reader.TailPoints(ctx, q, start) })
}
