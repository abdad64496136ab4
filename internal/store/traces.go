// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapio/tapio/internal/tapio"
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
func (s *Store) QueryTraces(ctx context.Context, q tapio.TraceQuery) (tapio.Page[tapio.Trace], error) {
	p, err := newPager(s, s.spans, q.Paging, spanMatcher(q), spanHint(&q))
	if err != nil {
		return tapio.Page[tapio.Trace]{}, err
	}
	defer p.close()
	finder := traceFinder{pager: p, match: p.matcher(), newest: map[tapio.TraceID]uint64{}}
	if len(q.TraceIDs) > 0 {
		return finder.byID(ctx, q.TraceIDs, q.Paging)
	}
	limit := max(q.Paging.Limit, 1)
	found, err := finder.matching(ctx, limit+1, q.Paging.After)
	if err != nil {
		return tapio.Page[tapio.Trace]{}, err
	}
	return finder.page(ctx, found, limit, q.Paging.MaxBytes)
}

// traceFinder finds traces in one state of the log.
type traceFinder struct {
	pager  *pager[tapio.Span]
	match  func(*tapio.Span) bool
	newest map[tapio.TraceID]uint64 // sequence of the span where a trace stands
}

// matching returns the spans at which the first n traces behind the cursor
// stand, in order.
func (f *traceFinder) matching(ctx context.Context, n int, after tapio.Cursor) ([]entry[tapio.Span], error) {
	var found []entry[tapio.Span]
	first := after.IsZero() && !f.pager.ascending
	for batch := n; ; batch = min(2*batch, maxCandidates) {
		candidates, release, err := f.candidates(ctx, batch, after)
		if err != nil {
			return nil, err
		}
		for _, e := range candidates {
			stands, err := f.stands(ctx, e, first)
			if err != nil {
				return nil, err
			}
			if stands {
				found = append(found, e)
			}
			if len(found) == n {
				return found, nil
			}
		}
		if len(candidates) < batch {
			return found, nil
		}
		after = f.pager.cursor(candidates[len(candidates)-1])
		release()
	}
}

// candidates returns the next matching spans, and what gives back their memory.
func (f *traceFinder) candidates(ctx context.Context, n int, after tapio.Cursor) (found []entry[tapio.Span], release func(), err error) {
	before := f.pager.account.rows.Load()
	found, err = f.pager.top(ctx, n, 0, after)
	return found, func() { f.pager.account.give(f.pager.account.rows.Load() - before) }, err
}

// stands reports whether the trace of this span stands here. Seen from the
// newest span of all, the first span of a trace is its newest.
func (f *traceFinder) stands(ctx context.Context, e entry[tapio.Span], fromNewest bool) (bool, error) {
	newest, known := f.newest[e.row.TraceID]
	if !known {
		newest = e.seq
		if !fromNewest {
			var err error
			if newest, err = f.newestMatch(ctx, e.row.TraceID); err != nil {
				return false, err
			}
		}
		f.newest[e.row.TraceID] = newest
		if err := f.pager.account.take(newestBytes); err != nil {
			return false, err
		}
	}
	return newest == e.seq, nil
}

func (f *traceFinder) newestMatch(ctx context.Context, id tapio.TraceID) (uint64, error) {
	spans, size, err := f.spansOf(ctx, id)
	defer f.pager.account.give(size)
	var newest *tapio.Span
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

// spansOf returns all stored spans of a trace, in no order, and their size,
// which is on the account of the query.
func (f *traceFinder) spansOf(ctx context.Context, id tapio.TraceID) (spans []*tapio.Span, size int64, err error) {
	for i := range f.pager.views {
		if i%checkViews == 0 && ctx.Err() != nil {
			return nil, size, ctx.Err()
		}
		v, known := &f.pager.views[i], len(spans)
		if v.segment != nil {
			spans = appendSealed(spans, v, id)
		} else {
			spans = f.appendOpen(spans, v, id)
		}
		more := sizeOf(spans[known:])
		if err := f.pager.account.take(more); err != nil {
			return nil, size, err
		}
		size += more
	}
	return spans, size, nil
}

// appendOpen takes the trace's spans of a chunk that is not sealed.
func (f *traceFinder) appendOpen(spans []*tapio.Span, v *view[tapio.Span], id tapio.TraceID) []*tapio.Span {
	f.pager.log.mu.RLock() // the head's index is written meanwhile
	defer f.pager.log.mu.RUnlock()
	for place := range v.parts.spansOf(id) {
		if int(place) < len(v.rows) {
			spans = append(spans, &v.rows[place])
		}
	}
	return spans
}

// appendSealed takes the trace's spans of a segment.
func appendSealed(spans []*tapio.Span, v *view[tapio.Span], id tapio.TraceID) []*tapio.Span {
	if _, blocks := v.segment.findTrace(id); blocks == 0 {
		return spans
	}
	r := newReader(v, &hint{trace: id})
	for b := range r.blocks() {
		if r.admits(b) {
			rows := r.load(b).rows
			for i := range rows {
				spans = append(spans, &rows[i])
			}
		}
	}
	return spans
}

func compareSpans(a, b *tapio.Span) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Seq, b.Seq))
}

// trace returns a trace and its size in bytes; it has no spans if it is unknown.
func (f *traceFinder) trace(ctx context.Context, id tapio.TraceID) (tapio.Trace, int, error) {
	found, size, err := f.spansOf(ctx, id)
	if err != nil {
		return tapio.Trace{}, 0, err
	}
	slices.SortFunc(found, compareSpans)
	trace := tapio.Trace{ID: id, Spans: make([]tapio.Span, len(found))}
	for i, span := range found {
		trace.Spans[i] = *span
	}
	return trace, int(size), nil
}

func sizeOf(spans []*tapio.Span) (bytes int64) {
	for _, span := range spans {
		bytes += int64(span.Size())
	}
	return bytes
}

// page takes traces up to the limits.
func (f *traceFinder) page(ctx context.Context, found []entry[tapio.Span], limit, maxBytes int) (tapio.Page[tapio.Trace], error) {
	var page tapio.Page[tapio.Trace]
	bytes := 0
	for i, e := range found {
		trace, size, err := f.trace(ctx, e.row.TraceID)
		if err != nil {
			return tapio.Page[tapio.Trace]{}, err
		}
		bytes += size
		if i == limit || (i > 0 && maxBytes > 0 && bytes > maxBytes) {
			page.Next = f.pager.cursor(found[i-1])
			break
		}
		page.Rows = append(page.Rows, trace)
	}
	return page, nil
}

// byID takes the named traces up to MaxBytes. The cursor counts, in Seq, the
// ids that are done.
func (f *traceFinder) byID(ctx context.Context, ids []tapio.TraceID, paging tapio.Paging) (tapio.Page[tapio.Trace], error) {
	var page tapio.Page[tapio.Trace]
	bytes := 0
	for i := int(min(paging.After.Seq, uint64(len(ids)))); i < len(ids); i++ {
		trace, size, err := f.trace(ctx, ids[i])
		if err != nil {
			return tapio.Page[tapio.Trace]{}, err
		}
		if len(trace.Spans) == 0 || slices.Contains(ids[:i], ids[i]) {
			continue
		}
		bytes += size
		if len(page.Rows) > 0 && paging.MaxBytes > 0 && bytes > paging.MaxBytes {
			page.Next = tapio.Cursor{Epoch: f.pager.epoch, Snapshot: f.pager.snapshot, Seq: uint64(i)}
			break
		}
		page.Rows = append(page.Rows, trace)
	}
	return page, nil
}
