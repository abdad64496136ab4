// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/segment"
)

// maxCandidates bounds how many matching spans are sorted at a time.
const maxCandidates = 1 << 16

const (
	// checkViews is how many chunks are searched for a trace between two looks at
	// the context.
	checkViews = 64
	// newestBytes is what a trace takes among those whose place is known.
	newestBytes = 64
)

// QueryTraces returns one page of traces; for errors see QueryEvents. A trace
// stands where its newest matching span of the snapshot stands, and comes with
// all its spans, matching or not.
//
// With TraceIDs the answer holds those traces in that order, without the
// unknown ones; Limit does not count, and only MaxBytes makes a next page.
func (s *Store) QueryTraces(ctx context.Context, q model.TraceQuery) (model.Page[model.Trace], error) {
	p, err := newPager(ctx, s, s.spans, q.Paging, spanMatcher(q), segment.SpanHint(&q))
	if err != nil {
		return model.Page[model.Trace]{}, err
	}
	defer p.close()
	finder := traceFinder{pager: p, match: p.matcher(), newest: map[model.TraceID]uint64{}}
	if len(q.TraceIDs) > 0 {
		return finder.byID(ctx, q.TraceIDs, q.Paging)
	}
	limit := max(q.Paging.Limit, 1)
	found, err := finder.matching(ctx, limit+1, q.Paging.After)
	if err != nil {
		return model.Page[model.Trace]{}, err
	}
	return finder.page(ctx, found, limit, q.Paging.MaxBytes)
}

// traceFinder finds traces in one state of the log.
type traceFinder struct {
	pager  *pager[model.Span]
	match  func(*model.Span) bool
	newest map[model.TraceID]uint64 // sequence of the span where a trace stands
}

// matching returns the spans at which the first n traces behind the cursor
// stand, in order. Of large traces it looks at fewer spans at a time.
func (f *traceFinder) matching(ctx context.Context, n int, after model.Cursor) ([]budget.Entry[model.Span], error) {
	var found []budget.Entry[model.Span]
	first, most := after.IsZero() && !f.pager.ascending, maxCandidates
	for batch := n; ; batch = min(2*batch, most) {
		candidates, release, err := f.candidates(ctx, batch, after)
		standing := []budget.Entry[model.Span](nil)
		if err == nil {
			standing, err = f.standing(ctx, candidates, n-len(found), first)
		}
		if isExhausted(err) && batch > n {
			release()
			most = max(batch/2, n)
			batch = most / 2
			continue
		}
		if err != nil {
			return nil, err
		}
		release() // but for what is found
		found = append(found, standing...)
		if err := f.pager.account.Take(int64(len(standing) * f.pager.log.signal.slot)); err != nil {
			return nil, err
		}
		if len(found) == n || len(candidates) < batch {
			return found, nil
		}
		after = f.pager.cursor(candidates[len(candidates)-1])
	}
}

// standing returns those of the spans at which their traces stand, n at most.
func (f *traceFinder) standing(
	ctx context.Context, candidates []budget.Entry[model.Span], n int, fromNewest bool,
) (found []budget.Entry[model.Span], err error) {
	for _, e := range candidates {
		stands, err := f.stands(ctx, e, fromNewest)
		if err != nil {
			return nil, err
		}
		if stands {
			found = append(found, e)
		}
		if len(found) == n {
			break
		}
	}
	return found, nil
}

// candidates returns the next matching spans, and what gives back their memory.
func (f *traceFinder) candidates(ctx context.Context, n int, after model.Cursor) (found []budget.Entry[model.Span], release func(), err error) {
	before := f.pager.account.Rows.Load()
	found, err = f.pager.top(ctx, n, 0, after)
	return found, func() { f.pager.account.Give(f.pager.account.Rows.Load() - before) }, err
}

// stands reports whether the trace of this span stands here. Seen from the
// newest span of all, the first span of a trace is its newest.
func (f *traceFinder) stands(ctx context.Context, e budget.Entry[model.Span], fromNewest bool) (bool, error) {
	if e.Row.TraceID.IsZero() { // it belongs to no other
		return true, nil
	}
	newest, known := f.newest[e.Row.TraceID]
	if !known {
		newest = e.Seq
		if !fromNewest {
			var err error
			if newest, err = f.newestMatch(ctx, e.Row.TraceID); err != nil {
				return false, err
			}
		}
		f.newest[e.Row.TraceID] = newest
		if err := f.pager.account.Take(newestBytes); err != nil {
			return false, err
		}
	}
	return newest == e.Seq, nil
}

func (f *traceFinder) newestMatch(ctx context.Context, id model.TraceID) (uint64, error) {
	spans, size, err := f.spansOf(ctx, id)
	defer f.pager.account.Give(size)
	var newest *model.Span
	for _, span := range spans {
		if span.Seq <= f.pager.snapshot && (newest == nil || compareSpans(span, newest) > 0) && f.match(span) {
			newest = span
		}
	}
	if newest == nil {
		return 0, err
	}
	return newest.Seq, err
}

// SpansOf returns all stored spans of a trace, in no order, and their size,
// which is on the account of the query.
func (f *traceFinder) spansOf(ctx context.Context, id model.TraceID) (spans []*model.Span, size int64, err error) {
	for i := range f.pager.views {
		if i%checkViews == 0 && ctx.Err() != nil {
			return nil, size, ctx.Err()
		}
		v, known := &f.pager.views[i], len(spans)
		if v.segment != nil {
			spans = appendCompacted(spans, v, id)
		} else {
			spans = f.appendOpen(spans, v, id)
		}
		more := sizeOf(spans[known:])
		if err := f.pager.account.Take(more); err != nil {
			return nil, size, err
		}
		size += more
	}
	return spans, size, nil
}

// appendOpen takes the trace's spans of a chunk that is not compacted.
func (f *traceFinder) appendOpen(spans []*model.Span, v *view[model.Span], id model.TraceID) []*model.Span {
	f.pager.log.mu.RLock() // the head's index is written meanwhile
	defer f.pager.log.mu.RUnlock()
	for place := range v.parts.SpansOf(id) {
		if int(place) < len(v.rows) {
			spans = append(spans, &v.rows[place])
		}
	}
	return spans
}

// appendCompacted takes the trace's spans of a segment.
func appendCompacted(spans []*model.Span, v *view[model.Span], id model.TraceID) []*model.Span {
	if _, blocks := v.segment.FindTrace(id); blocks == 0 {
		return spans
	}
	r := newReader(v, &segment.Hint{Trace: id})
	for b := range r.blocks() {
		if r.admits(b) {
			rows := r.load(b).Rows
			for i := range rows {
				spans = append(spans, &rows[i])
			}
		}
	}
	return spans
}

func compareSpans(a, b *model.Span) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Seq, b.Seq))
}

// trace returns a trace and its size in bytes; it has no spans if it is unknown.
func (f *traceFinder) trace(ctx context.Context, id model.TraceID) (model.Trace, int, error) {
	found, size, err := f.spansOf(ctx, id)
	if err != nil {
		return model.Trace{}, 0, err
	}
	slices.SortFunc(found, compareSpans)
	trace := model.Trace{ID: id, Spans: make([]model.Span, len(found))}
	for i, span := range found {
		trace.Spans[i] = *span
	}
	return trace, int(size), nil
}

func sizeOf(spans []*model.Span) (bytes int64) {
	for _, span := range spans {
		bytes += int64(span.Size())
	}
	return bytes
}

// traceAt returns the trace that stands at a span. A span without a trace id is one
// of its own.
func (f *traceFinder) traceAt(ctx context.Context, e budget.Entry[model.Span]) (model.Trace, int, error) {
	if e.Row.TraceID.IsZero() {
		return model.Trace{Spans: []model.Span{*e.Row}}, e.Row.Size(), nil
	}
	return f.trace(ctx, e.Row.TraceID)
}

func isExhausted(err error) bool {
	_, exhausted := errors.AsType[*model.ExhaustedError](err)
	return exhausted
}

// page takes traces up to the limits, and to what one query may hold.
func (f *traceFinder) page(ctx context.Context, found []budget.Entry[model.Span], limit, maxBytes int) (model.Page[model.Trace], error) {
	page := model.Page[model.Trace]{Begin: model.BeginOf(f.pager.epoch, f.pager.snapshot, f.pager.ascending)}
	bytes := 0
	for i, e := range found {
		if i == limit {
			page.Next = f.pager.cursor(found[i-1])
			break
		}
		trace, size, err := f.traceAt(ctx, e)
		if i > 0 && isExhausted(err) { // for the next page
			page.Next = f.pager.cursor(found[i-1])
			break
		}
		if err != nil {
			return model.Page[model.Trace]{}, err
		}
		bytes += size
		if i > 0 && maxBytes > 0 && bytes > maxBytes {
			page.Next = f.pager.cursor(found[i-1])
			break
		}
		page.Rows = append(page.Rows, trace)
	}
	return page, nil
}

// byID takes the named traces up to MaxBytes. The cursor counts, in Seq, the
// ids that are done.
func (f *traceFinder) byID(ctx context.Context, ids []model.TraceID, paging model.Paging) (model.Page[model.Trace], error) {
	var page model.Page[model.Trace]
	bytes := 0
	for i := int(min(paging.After.Seq, uint64(len(ids)))); i < len(ids); i++ {
		trace, size, err := f.trace(ctx, ids[i])
		if len(page.Rows) > 0 && isExhausted(err) {
			page.Next = model.Cursor{Epoch: f.pager.epoch, Snapshot: f.pager.snapshot, Seq: uint64(i)}
			break
		}
		if err != nil {
			return model.Page[model.Trace]{}, err
		}
		if len(trace.Spans) == 0 || slices.Contains(ids[:i], ids[i]) {
			continue
		}
		bytes += size
		if len(page.Rows) > 0 && paging.MaxBytes > 0 && bytes > paging.MaxBytes {
			page.Next = model.Cursor{Epoch: f.pager.epoch, Snapshot: f.pager.snapshot, Seq: uint64(i)}
			break
		}
		page.Rows = append(page.Rows, trace)
	}
	return page, nil
}
