// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// isFault reports whether an error is the caller's.
func isFault(err error) bool {
	var fault *model.FieldError
	return errors.As(err, &fault)
}

// QueryEvents implements query.EventReader.
func (r *Reader) QueryEvents(ctx context.Context, q model.EventQuery) (model.Page[model.Event], error) {
	return pageOf(ctx, r, q.Paging, new([]uint64), rows[model.Event]{
		read: func(ctx context.Context, m *member, paging model.Paging) (model.Page[model.Event], error) {
			one := q
			one.Paging = paging
			page, err := m.Reader.QueryEvents(ctx, one)
			page.Rows = m.markAll(page.Rows)
			return page, err
		},
		place: func(e *model.Event) (model.Nanos, uint64) { return e.When(), e.Seq },
		size:  (*model.Event).AnswerSize,
	})
}

// QueryPoints implements query.MetricReader.
func (r *Reader) QueryPoints(ctx context.Context, q model.PointQuery) (model.Page[model.Point], error) {
	return pageOf(ctx, r, q.Paging, new([]uint64), rows[model.Point]{
		read: func(ctx context.Context, m *member, paging model.Paging) (model.Page[model.Point], error) {
			one := q
			one.Paging = paging
			return m.Reader.QueryPoints(ctx, one)
		},
		place: func(p *model.Point) (model.Nanos, uint64) { return p.Time, 0 },
		size:  (*model.Point).AnswerSize,
	})
}

// GetChanges implements query.Discoverer. A change that several members report is
// returned once.
func (r *Reader) GetChanges(ctx context.Context, q model.ChangeQuery) (model.Page[model.Change], error) {
	returned := map[model.Change]bool{}
	return pageOf(ctx, r, q.Paging, new([]uint64), rows[model.Change]{
		read: func(ctx context.Context, m *member, paging model.Paging) (model.Page[model.Change], error) {
			one := q
			one.Paging = paging
			return m.Reader.GetChanges(ctx, one)
		},
		place: func(c *model.Change) (model.Nanos, uint64) { return c.Time, 0 },
		size:  func(c *model.Change) int { return 256 + len(c.Summary) },
		accept: func(_ *member, c *model.Change) bool {
			repeated := returned[*c]
			returned[*c] = true
			return !repeated
		},
	})
}

// QueryTraces implements query.TraceReader. Spans of one trace may be of several
// members.
func (r *Reader) QueryTraces(ctx context.Context, q model.TraceQuery) (page model.Page[model.Trace], err error) {
	if len(q.TraceIDs) > 0 {
		traces, err := r.tracesOf(ctx, r.all(), q.TraceIDs, &q)
		return model.Page[model.Trace]{Rows: inOrder(traces, q.TraceIDs)}, err
	}
	var seen, repeated []uint64
	search := traceSearch{reader: r, query: &q}
	page, err = pageOf(ctx, r, q.Paging, &seen, rows[model.Trace]{
		read:  search.read,
		place: func(t *model.Trace) (model.Nanos, uint64) { return newestSelected(&q, t), 0 },
		size:  traceSize,
		accept: func(_ *member, t *model.Trace) bool {
			hash := traceHash(t.ID)
			if slices.Contains(seen, hash) {
				return false
			}
			seen = append(seen, hash)
			return true
		},
	})
	if err != nil || len(page.Rows) == 0 || q.Paging.Ascending {
		return page, err
	}
	before := seen[:len(seen)-len(page.Rows)]
	ids := make([]model.TraceID, len(page.Rows))
	for i := range page.Rows {
		ids[i] = page.Rows[i].ID
	}
	whole, err := r.tracesOf(ctx, r.all(), ids, &q)
	if err != nil {
		return page, err
	}
	for i := range page.Rows {
		trace := whole[page.Rows[i].ID]
		page.Rows[i] = mergedTrace(page.Rows[i], trace.Trace)
		if trace.selecting > 1 {
			repeated = append(repeated, traceHash(trace.ID))
		}
	}
	if !page.Next.IsZero() {
		page.Next, err = withSeen(page.Next, append(before, repeated...))
	}
	return page, err
}

// withSeen replaces what a cursor remembers of traces that other members return again.
func withSeen(cursor model.Cursor, seen []uint64) (model.Cursor, error) {
	state, err := decodeState(cursor.State)
	if err != nil {
		return cursor, err
	}
	state.seen = seen[max(0, len(seen)-maxSeen):]
	cursor.State = state.encode()
	return cursor, nil
}

// traceSearch reads pages of traces of members.
type traceSearch struct {
	reader *Reader
	query  *model.TraceQuery
}

// read reads a page of one member. In ascending order a trace stands where its newest
// span of any member stands, so that it must be complete before it is put in order.
func (s *traceSearch) read(ctx context.Context, m *member, paging model.Paging) (model.Page[model.Trace], error) {
	one := *s.query
	one.Paging = paging
	page, err := m.Reader.QueryTraces(ctx, one)
	if err != nil || !paging.Ascending || len(page.Rows) == 0 {
		return page, err
	}
	ids := make([]model.TraceID, len(page.Rows))
	for i := range page.Rows {
		ids[i] = page.Rows[i].ID
	}
	others := slices.DeleteFunc(slices.Clone(s.reader.all()), func(other *member) bool { return other == m })
	whole, err := s.reader.tracesOf(context.WithValue(ctx, withinCall{}, true), others, ids, s.query)
	var kept []model.Trace
	for _, trace := range page.Rows {
		complete := mergedTrace(trace, whole[trace.ID].Trace)
		if newestSelected(s.query, &complete) == newestSelected(s.query, &trace) { // else it comes with another member
			kept = append(kept, complete)
		}
	}
	if page.Rows = kept; len(kept) == 0 && !page.Next.IsZero() && err == nil {
		paging.After = page.Next
		return s.read(ctx, m, paging)
	}
	return page, err
}

// newestSelected is the start of the newest span that the query selects.
func newestSelected(q *model.TraceQuery, t *model.Trace) (newest model.Nanos) {
	for i := range t.Spans {
		if span := &t.Spans[i]; span.Start > newest && q.MatchSpan(span) {
			newest = span.Start
		}
	}
	return newest
}

func traceHash(id model.TraceID) uint64 {
	return binary.LittleEndian.Uint64(id[:8]) ^ binary.LittleEndian.Uint64(id[8:])*0x9e3779b97f4a7c15
}

func traceSize(t *model.Trace) (bytes int) {
	for i := range t.Spans {
		bytes += t.Spans[i].AnswerSize()
	}
	return bytes
}

// wholeTrace is a trace with the spans of several members.
type wholeTrace struct {
	model.Trace
	selecting int // members with a span that the query selects
}

// tracesOf returns traces with the spans of the members.
func (r *Reader) tracesOf(
	ctx context.Context, members []*member, ids []model.TraceID, selects *model.TraceQuery,
) (map[model.TraceID]wholeTrace, error) {
	whole := map[model.TraceID]wholeTrace{}
	if len(members) == 0 {
		return whole, nil
	}
	answers, err := askSome(ctx, r, members, func(ctx context.Context, m *member) (all []model.Trace, err error) {
		q := model.TraceQuery{TraceIDs: ids, Paging: model.Paging{Limit: len(ids)}}
		for {
			page, err := m.Reader.QueryTraces(ctx, q)
			if all = append(all, page.Rows...); err != nil || page.Next.IsZero() {
				return all, err
			}
			q.Paging.After = page.Next
		}
	})
	if err != nil && len(members) < len(r.all()) && !isFault(err) && ctx.Err() == nil {
		err = nil // the member that is asked beside these answered
	}
	for _, a := range answers {
		for _, t := range a.value {
			w := whole[t.ID]
			w.Trace = mergedTrace(w.Trace, t)
			if newestSelected(selects, &t) > 0 {
				w.selecting++
			}
			whole[t.ID] = w
		}
	}
	return whole, err
}

// inOrder returns the traces in the order of the ids.
func inOrder(traces map[model.TraceID]wholeTrace, ids []model.TraceID) (list []model.Trace) {
	for _, id := range ids {
		if t, found := traces[id]; found {
			list = append(list, t.Trace)
			delete(traces, id)
		}
	}
	return list
}

// mergedTrace puts the spans of two parts of a trace together, each once.
func mergedTrace(a, b model.Trace) model.Trace {
	if len(a.Spans) == 0 {
		return b
	}
	type key struct {
		span  model.SpanID
		start model.Nanos
		name  string
		kind  int32
	}
	known := map[key]bool{}
	spans := slices.Clone(a.Spans)
	for i := range spans {
		known[key{spans[i].SpanID, spans[i].Start, spans[i].Name, spans[i].Kind}] = true
	}
	for i := range b.Spans {
		if s := &b.Spans[i]; !known[key{s.SpanID, s.Start, s.Name, s.Kind}] {
			spans = append(spans, *s)
		}
	}
	slices.SortStableFunc(spans, func(x, y model.Span) int { return cmp.Compare(x.Start, y.Start) })
	return model.Trace{ID: a.ID, Spans: spans}
}
