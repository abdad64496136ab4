// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"sync/atomic"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/intern"
	"github.com/tapio/tapio/internal/store/segment"
)

// view is a chunk as it was at one moment. It needs no lock.
type view[R any] struct {
	signal         *signal[R]
	parts          *intern.Parts // holds no index where there is a segment
	rows           []R           // nil where there is one
	segment        *segment.Segment
	head           *headSummary[R]          // nil where there is a segment
	summary        *atomic.Pointer[summary] // of the segment
	count          int
	first          uint64
	oldest, newest model.Nanos
	ordered        bool
}

func (c *chunk[R]) view() view[R] {
	return view[R]{
		signal: c.signal, parts: c.parts, rows: c.rows, segment: c.segment, head: c.head, summary: c.summary,
		count: c.count, first: c.first, oldest: c.oldest, newest: c.newest, ordered: c.ordered,
	}
}

// reader gives the rows of a view, block by block. The rows of a chunk that is
// not compacted are one block.
type reader[R any] struct {
	view   *view[R]
	hint   *segment.Hint
	set    segment.BlockSet
	loader segment.Loader
	rows   int   // in hand
	booked int64 // bytes on the account of the query
}

func newReader[R any](v *view[R], h *segment.Hint) *reader[R] {
	r := &reader[R]{view: v, hint: h}
	if v.segment != nil {
		r.loader.Segment = v.segment
		v.segment.Contain(func() { r.set = r.loader.Blocks(h) })
	}
	return r
}

// blocks is how many there are.
func (r *reader[R]) blocks() int {
	if r.view.segment == nil {
		return 1
	}
	return len(r.view.segment.Blocks)
}

// admits reports whether a block may hold matching rows.
func (r *reader[R]) admits(b int) bool {
	if r.view.segment == nil {
		return true
	}
	admitted := false
	r.view.segment.Contain(func() { admitted = r.set.Has(b) && r.loader.Admits(r.hint, b) })
	return admitted
}

// times returns the earliest and the latest time in a block.
func (r *reader[R]) times(b int) (oldest, newest model.Nanos) {
	if r.view.segment == nil {
		return r.view.oldest, r.view.newest
	}
	block := &r.view.segment.Blocks[b]
	return block.Oldest, block.Newest
}

// load returns the rows of a block that may match.
func (r *reader[R]) load(b int) segment.Run[R] {
	v := r.view
	if v.segment == nil {
		return segment.Run[R]{Rows: v.rows}
	}
	var loaded segment.Run[R]
	if !v.segment.Contain(func() { loaded = segment.Load(&r.loader, v.signal.codec, b, r.hint) }) {
		r.loader = segment.Loader{Segment: v.segment}
		loaded = segment.Run[R]{}
	}
	r.rows = len(loaded.Rows)
	for i := range loaded.Rows {
		v.signal.number(&loaded.Rows[i], v.first+uint64(loaded.Places[i]))
	}
	return loaded
}

// charge books what the reader holds now in place of what it held before.
func (r *reader[R]) charge(a *budget.Account) error {
	if r.view.segment == nil {
		return nil
	}
	held := r.loader.Held()
	if r.rows > 0 { // with texts of their own
		held += int64(r.rows*r.view.signal.slot + cap(r.loader.Texts))
	}
	if err := a.TakeBlock(held - r.booked); err != nil {
		return err
	}
	r.booked = held
	return nil
}

// close gives back what was booked.
func (r *reader[R]) close(a *budget.Account) {
	_ = a.TakeBlock(-r.booked) // less is never refused
	r.booked = 0
}

// row returns one row.
func (v *view[R]) row(place int) R {
	if v.segment == nil {
		return v.rows[place]
	}
	loaded := newReader(v, &segment.Hint{Place: place + 1}).load(place / v.segment.BlockRows)
	return loaded.Rows[0]
}
