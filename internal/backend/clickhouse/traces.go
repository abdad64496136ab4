// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// placedTrace is the place of a trace in the order of an answer.
type placedTrace struct {
	id     model.TraceID
	newest model.Nanos // start of its newest selected span
	seq    uint64
}

// QueryTraces implements query.TraceReader.
func (r *Reader) QueryTraces(ctx context.Context, q model.TraceQuery) (page model.Page[model.Trace], err error) {
	if err := r.checkCursor(q.Paging.After); err != nil {
		return page, err
	}
	s, err := r.begin(ctx)
	if err != nil {
		return page, err
	}
	f := s.traces()
	if !s.schema.exists(f.table) {
		return page, ctx.Err()
	}
	if len(q.TraceIDs) > 0 {
		return r.tracesByID(ctx, &q)
	}
	after := q.Paging.After
	if after.Snapshot, err = r.snapshot(ctx, after, f.inserted); err != nil {
		return page, err
	}
	placed, err := s.placedTraces(ctx, f, &q, after)
	if err != nil {
		return page, err
	}
	limit := max(q.Paging.Limit, 1)
	ids := make([]model.TraceID, min(len(placed), limit))
	for i := range ids {
		ids[i] = placed[i].id
	}
	traces, err := r.traces(ctx, ids)
	if err != nil {
		return page, err
	}
	p := &pager[model.Trace]{
		paging: q.Paging, snapshot: after.Snapshot, epoch: r.epoch, size: traceSize,
		place: func(t *model.Trace) (model.Nanos, uint64) {
			i := slices.IndexFunc(placed, func(one placedTrace) bool { return one.id == t.ID })
			return placed[i].newest, placed[i].seq
		},
	}
	for _, id := range ids {
		if trace := traces[id]; trace != nil && !p.add(trace) {
			break
		}
	}
	p.full = p.full || len(placed) > limit
	return p.result(), nil
}

// placedTraces finds the traces of a page, and one more.
func (s *statement) placedTraces(ctx context.Context, f *source, q *model.TraceQuery, after model.Cursor) (placed []placedTrace, err error) {
	conditions := append(s.spans(f, q), "TraceId != ''")
	if f.inserted && after.Snapshot != 0 {
		conditions = append(conditions, insertedAt+" <= "+s.time(model.Nanos(after.Snapshot)))
	}
	direction, compare := "DESC", "<"
	if q.Paging.Ascending {
		direction, compare = "ASC", ">"
	}
	having := ""
	if after.Seq != 0 && after.Time != model.BeginOf(0, 0, false).Time {
		having = " HAVING (newest, seq) " + compare + " (" + s.integer(int64(after.Time)) + ", " + s.unsigned(after.Seq) + ")"
	}
	sql := "SELECT TraceId, max(" + nanos(f.at) + ") AS newest, " + hash("TraceId") + " AS seq FROM " + f.from(s.reader) + " WHERE " + all(conditions) +
		" GROUP BY TraceId" + having + " ORDER BY newest " + direction + ", seq " + direction + " LIMIT " + s.limit(max(q.Paging.Limit, 1)+1)
	err = s.each(ctx, sql, func(scan scanner) error {
		var id string
		var newest int64
		var one placedTrace
		if err := scan(&id, &newest, &one.seq); err != nil {
			return err
		}
		one.id, one.newest = traceID(id), nanosOf(newest)
		placed = append(placed, one)
		return nil
	})
	return placed, err
}

// tracesByID returns the traces of a query that names them, in its order.
func (r *connection) tracesByID(ctx context.Context, q *model.TraceQuery) (page model.Page[model.Trace], err error) {
	next, bytes, limit := min(int(q.Paging.After.Seq), len(q.TraceIDs)), 0, max(q.Paging.Limit, 1)
	for next < len(q.TraceIDs) && len(page.Rows) < limit {
		ids := q.TraceIDs[next:min(len(q.TraceIDs), next+limit-len(page.Rows))]
		traces, err := r.traces(ctx, ids)
		if err != nil {
			return model.Page[model.Trace]{}, err
		}
		for _, id := range ids {
			if trace := traces[id]; trace != nil {
				if bytes += traceSize(trace); len(page.Rows) > 0 && q.Paging.MaxBytes > 0 && bytes > q.Paging.MaxBytes {
					page.Next = model.Cursor{Epoch: r.epoch, Seq: uint64(next)}
					return page, nil
				}
				page.Rows = append(page.Rows, *trace)
				delete(traces, id)
			}
			next++
		}
	}
	if next < len(q.TraceIDs) {
		page.Next = model.Cursor{Epoch: r.epoch, Seq: uint64(next)}
	}
	return page, nil
}

func traceSize(t *model.Trace) (bytes int) {
	for i := range t.Spans {
		bytes += t.Spans[i].AnswerSize()
	}
	return bytes
}

// idsAtOnce is how many traces are read by one statement.
const idsAtOnce = 200

// traces returns traces with all their spans, by the order of their start.
func (r *connection) traces(ctx context.Context, ids []model.TraceID) (map[model.TraceID]*model.Trace, error) {
	found := map[model.TraceID]*model.Trace{}
	var bytes int64
	for len(ids) > 0 {
		n := min(len(ids), idsAtOnce)
		err := r.eachSpanOf(ctx, ids[:n], func(span *model.Span) error {
			if bytes += int64(span.Size()); bytes > r.QueryMemory {
				return model.Exhausted("the traces take more memory than a query may hold: set a lower filter.limit, or raise store::query_memory of the tapio extension")
			}
			trace := found[span.TraceID]
			if trace == nil {
				trace = &model.Trace{ID: span.TraceID}
				found[span.TraceID] = trace
			}
			trace.Spans = append(trace.Spans, *span)
			return nil
		})
		if err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return found, nil
}

// eachSpanOf reads the spans of traces, looking only where the exporter's table of trace
// times says that they are.
func (r *connection) eachSpanOf(ctx context.Context, ids []model.TraceID, use func(*model.Span) error) error {
	s, err := r.begin(ctx)
	if err != nil {
		return err
	}
	f := s.traces()
	selected := s.ofTraces(ids)
	conditions := []string{selected}
	if times := r.Tables.traceTimes(); s.schema.exists(times) {
		table := identifier(r.Database) + "." + identifier(times)
		conditions = append(conditions,
			f.at+" >= (SELECT min(Start) FROM "+table+" WHERE "+selected+")",
			f.at+" < (SELECT max(End) + 1 FROM "+table+" WHERE "+selected+")")
	}
	sql := "SELECT " + spanColumns(f) + " FROM " + f.from(s.reader) + " WHERE " + all(conditions) + " ORDER BY " + f.at + ", seq"
	return s.eachSpan(ctx, sql, func(span *model.Span, _ model.Nanos) error { return use(span) })
}
