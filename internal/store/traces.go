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

// QueryTraces returns one page of traces; for errors see QueryEvents. A trace
// stands where its newest matching span of the snapshot stands, and comes with
// all its spans, matching or not.
//
// With TraceIDs the answer holds those traces in that order, without the
// unknown ones; Limit does not count, and only MaxBytes makes a next page.
func (s *Store) QueryTraces(ctx context.Context, q tapio.TraceQuery) (tapio.Page[tapio.Trace], error) {
	p, err := newPager(s.epoch, s.spans, q.Paging, spanMatcher(q), spanHint(&q))
	if err != nil {
		return tapio.Page[tapio.Trace]{}, err
	}
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
		candidates, err := f.pager.top(ctx, batch, after)
		if err != nil {
			return nil, err
		}
		for _, e := range candidates {
			if f.stands(e, first) {
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
	}
}

// stands reports whether the trace of this span stands here. Seen from the
// newest span of all, the first span of a trace is its newest.
func (f *traceFinder) stands(e entry[tapio.Span], fromNewest bool) bool {
	newest, known := f.newest[e.row.TraceID]
	if !known {
		newest = e.seq
		if !fromNewest {
			newest = f.newestMatch(e.row.TraceID)
		}
		f.newest[e.row.TraceID] = newest
	}
	return newest == e.seq
}

func (f *traceFinder) newestMatch(id tapio.TraceID) uint64 {
	var newest *tapio.Span
	for _, span := range f.spansOf(id) {
		if span.Seq <= f.pager.snapshot && (newest == nil || compareSpans(span, newest) > 0) && f.match(span) {
			newest = span
		}
	}
	if newest == nil {
		return 0
	}
	return newest.Seq
}

// spansOf returns all stored spans of a trace, in no order.
func (f *traceFinder) spansOf(id tapio.TraceID) []*tapio.Span {
	var spans []*tapio.Span
	for i := range f.pager.views {
		v := &f.pager.views[i]
		if v.segment != nil {
			spans = appendSealed(spans, v, id)
		} else {
			spans = f.appendOpen(spans, v, id)
		}
	}
	return spans
}

// appendOpen takes the trace's spans of a chunk that is not sealed.
func (f *traceFinder) appendOpen(spans []*tapio.Span, v *view[tapio.Span], id tapio.TraceID) []*tapio.Span {
	f.pager.log.mu.RLock() // the head's index is written meanwhile
	defer f.pager.log.mu.RUnlock()
	for _, place := range v.parts.traces[id] {
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
func (f *traceFinder) trace(id tapio.TraceID) (tapio.Trace, int) {
	found := f.spansOf(id)
	slices.SortFunc(found, compareSpans)
	trace := tapio.Trace{ID: id, Spans: make([]tapio.Span, len(found))}
	bytes := 0
	for i, span := range found {
		trace.Spans[i] = *span
		bytes += span.Size()
	}
	return trace, bytes
}

// page takes traces up to the limits.
func (f *traceFinder) page(ctx context.Context, found []entry[tapio.Span], limit, maxBytes int) (tapio.Page[tapio.Trace], error) {
	var page tapio.Page[tapio.Trace]
	bytes := 0
	for i, e := range found {
		if err := ctx.Err(); err != nil {
			return tapio.Page[tapio.Trace]{}, err
		}
		trace, size := f.trace(e.row.TraceID)
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
		if err := ctx.Err(); err != nil {
			return tapio.Page[tapio.Trace]{}, err
		}
		trace, size := f.trace(ids[i])
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
