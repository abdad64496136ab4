// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/intern"
)

// view is a chunk as it was at one moment. It needs no lock.
type view[R any] struct {
	signal         *signal[R]
	parts          *intern.Parts // holds no index where there is a segment
	rows           []R           // nil where there is one
	segment        *segment
	head           *headSummary[R] // nil where there is a segment
	count          int
	first          uint64
	oldest, newest model.Nanos
	ordered        bool
}

func (c *chunk[R]) view() view[R] {
	return view[R]{
		signal: c.signal, parts: c.parts, rows: c.rows, segment: c.segment, head: c.head,
		count: c.count, first: c.first, oldest: c.oldest, newest: c.newest, ordered: c.ordered,
	}
}

// run is some rows of a view, in the order of their arrival.
type run[R any] struct {
	rows   []R
	places []int32 // of the rows in the view; nil: they follow from without gaps
	from   int
}

func (r *run[R]) Place(i int) int {
	if r.places == nil {
		return r.from + i
	}
	return int(r.places[i])
}

// behind returns the first row at the place or behind it.
func (r *run[R]) behind(place int) int {
	if r.places == nil {
		return min(max(place-r.from, 0), len(r.rows))
	}
	i, _ := slices.BinarySearch(r.places, int32(place))
	return i
}

// reader gives the rows of a view, block by block. The rows of a chunk that is
// not compacted are one block.
type reader[R any] struct {
	view   *view[R]
	hint   *hint
	set    blockSet
	loader loader
	rows   int   // in hand
	booked int64 // bytes on the account of the query
}

func newReader[R any](v *view[R], h *hint) *reader[R] {
	r := &reader[R]{view: v, hint: h}
	if v.segment != nil {
		r.loader.segment = v.segment
		v.segment.contain(func() { r.set = r.loader.blocks(h) })
	}
	return r
}

// blocks is how many there are.
func (r *reader[R]) blocks() int {
	if r.view.segment == nil {
		return 1
	}
	return len(r.view.segment.blocks)
}

// admits reports whether a block may hold matching rows.
func (r *reader[R]) admits(b int) bool {
	if r.view.segment == nil {
		return true
	}
	admitted := false
	r.view.segment.contain(func() { admitted = r.set.has(b) && r.loader.admits(r.hint, b) })
	return admitted
}

// times returns the earliest and the latest time in a block.
func (r *reader[R]) times(b int) (oldest, newest model.Nanos) {
	if r.view.segment == nil {
		return r.view.oldest, r.view.newest
	}
	block := &r.view.segment.blocks[b]
	return block.oldest, block.newest
}

// load returns the rows of a block that may match.
func (r *reader[R]) load(b int) run[R] {
	v := r.view
	if v.segment == nil {
		return run[R]{rows: v.rows}
	}
	var loaded run[R]
	if !v.segment.contain(func() { loaded = load(&r.loader, v.signal.codec, b, r.hint) }) {
		r.loader = loader{segment: v.segment}
		loaded = run[R]{}
	}
	r.rows = len(loaded.rows)
	for i := range loaded.rows {
		v.signal.number(&loaded.rows[i], v.first+uint64(loaded.places[i]))
	}
	return loaded
}

// charge books what the reader holds now in place of what it held before.
func (r *reader[R]) charge(a *budget.Account) error {
	if r.view.segment == nil {
		return nil
	}
	held := r.loader.held()
	if r.rows > 0 { // with texts of their own
		held += int64(r.rows*r.view.signal.slot + cap(r.loader.texts))
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
	loaded := newReader(v, &hint{place: place + 1}).load(place / v.segment.blockRows)
	return loaded.rows[0]
}
