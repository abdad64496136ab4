// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/segment"
)

// headSummary counts the rows of a chunk that is not compacted yet, as far as the last
// query asked, so that each query counts only the rows that came since. The rows
// behind the last whole block are left to the query.
type headSummary[R any] struct {
	held atomic.Int64 // about the bytes that it takes

	mu       sync.Mutex
	counting *summarizer[R]
	blocks   []blockTimes
	known    *summary // of the rows of all blocks
	failed   bool     // what is counted may not be whole, or takes too much
}

// blockTimes are the earliest and the latest time of a block.
type blockTimes struct{ oldest, newest model.Nanos }

// rows is how many rows are counted.
func (h *headSummary[R]) rows() int { return len(h.blocks) * segment.BlockRows }

// upTo returns the summary of the whole blocks of a view that is not compacted; nil if
// there is none, as where a later view was counted before. The caller holds mu.
func (h *headSummary[R]) upTo(v *view[R], l *log[R]) *summary {
	whole := v.count / segment.BlockRows
	if h.failed || whole == 0 || whole < len(h.blocks) {
		return nil
	}
	if whole == len(h.blocks) {
		return h.known
	}
	if h.counting == nil {
		h.counting = newSummarizer(l.signal.facts, budget.NewBudget().OwnAccount())
	}
	h.failed = true // until all is counted, also if it panics
	for len(h.blocks) < whole {
		if h.block(v.rows[h.rows():h.rows()+segment.BlockRows], l.signal.when) != nil {
			return nil
		}
	}
	h.known, h.failed = h.counting.snapshot(), false
	h.held.Store(max(h.known.bytes, h.counting.account.Rows.Load()))
	if l.summaries.bytes() > l.summaries.limit() {
		h.counting, h.blocks, h.known, h.failed = nil, nil, nil, true
		h.held.Store(0)
	}
	return h.known
}

func (h *headSummary[R]) block(rows []R, when func(*R) model.Nanos) error {
	times := blockTimes{when(&rows[0]), when(&rows[0])}
	for i := range rows {
		if err := h.counting.add(&rows[i]); err != nil {
			return err
		}
		at := when(&rows[i])
		times.oldest, times.newest = min(times.oldest, at), max(times.newest, at)
	}
	h.blocks = append(h.blocks, times)
	return h.counting.endBlock()
}

// takeHead gives the summary of the first rows of a view to add, and returns the rows
// that are left; nil if there are none.
func (s *scan[R]) takeHead(ctx context.Context, v *view[R], add func(*summary) (bool, error)) (rest *view[R], err error) {
	rest = v
	return rest, s.inTurn(ctx, func() error {
		v.head.mu.Lock()
		defer v.head.mu.Unlock()
		known := v.head.upTo(v, s.log)
		if known == nil {
			return nil
		}
		taken, err := add(known)
		if taken && err == nil {
			rest = v.behind(v.head.rows())
		}
		return err
	})
}

// behind returns the rows of a view that is not compacted behind the first n; nil if there
// are none.
func (v *view[R]) behind(n int) *view[R] {
	if n >= v.count {
		return nil
	}
	rest := *v
	rest.rows, rest.count, rest.first = v.rows[n:], v.count-n, v.first+uint64(n)
	return &rest
}

// countHead is countView for rows that are not compacted.
func countHead[R any](ctx context.Context, c *recordCounter, rows *scan[R], v *view[R], use func(*R) error) error {
	rest := v
	err := rows.inTurn(ctx, func() (err error) {
		v.head.mu.Lock()
		defer v.head.mu.Unlock()
		known := v.head.upTo(v, rows.log)
		if known == nil {
			return nil
		}
		m := newSegmentMerger(c, known)
		if !m.byBlock {
			return nil
		}
		rest = v.behind(v.head.rows())
		return countHeadBlocks(ctx, m, rows, v, use)
	})
	if err != nil || rest == nil {
		return err
	}
	return rows.view(ctx, rest, use)
}

// countHeadBlocks adds the blocks that lie in one bucket by their summary. The caller
// holds the lock of the head's summary.
func countHeadBlocks[R any](ctx context.Context, m *segmentMerger, rows *scan[R], v *view[R], use func(*R) error) error {
	match := rows.matcher()
	for b, times := range v.head.blocks {
		switch {
		case !rows.hint.Times.Overlaps(times.oldest, times.newest):
			continue
		case m.counter.inOne(rows.hint.Times, times.oldest, times.newest):
			if err := m.block(b, segment.BlockRows, m.counter.bucket(times.oldest)); err != nil {
				return err
			}
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		}
		for i := b * segment.BlockRows; i < (b+1)*segment.BlockRows; i++ {
			if !match(&v.rows[i]) {
				continue
			}
			if err := use(&v.rows[i]); err != nil {
				return err
			}
		}
	}
	return m.flush()
}
