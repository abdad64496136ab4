// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// entry is a row and its place in the order of time and sequence.
type entry[R any] struct {
	row  *R
	time model.Nanos
	seq  uint64
}

// best keeps the first entries of all that are added: n at most, and no more than
// begin within maxBytes, for the others would not fit the page; but two in
// any case, as a page holds one and the other tells that there is more. Once it is
// full it is a heap, with the last entry in order at its root.
type best[R any] struct {
	n         int
	maxBytes  int // 0: no bound
	size      func(*R) int
	ascending bool
	entries   []entry[R]
	bytes     int
	heap      bool
}

func (b *best[R]) compare(x, y entry[R]) int {
	c := cmp.Or(cmp.Compare(x.time, y.time), cmp.Compare(x.seq, y.seq))
	if b.ascending {
		return c
	}
	return -c
}

func (b *best[R]) precedes(x, y entry[R]) bool { return b.compare(x, y) < 0 }

// full reports whether entries behind the last one are of no more use. It stays
// so: what is added pushes out at most what it makes up for.
func (b *best[R]) full() bool { return b.heap }

// last is the last entry in order, of those that are kept. It must be full.
func (b *best[R]) last() entry[R] { return b.entries[0] }

// admits reports whether add would keep the entry.
func (b *best[R]) admits(e entry[R]) bool { return !b.heap || b.precedes(e, b.entries[0]) }

// add keeps an entry that is admitted, and drops those that it pushes out.
func (b *best[R]) add(e entry[R]) {
	b.entries = append(b.entries, e)
	b.bytes += b.size(e.row)
	switch {
	case b.heap:
		b.rise(len(b.entries) - 1)
	case len(b.entries) >= b.n || len(b.entries) > 1 && b.overflows(0):
		b.heap = true
		for i := len(b.entries)/2 - 1; i >= 0; i-- {
			b.sink(i)
		}
	}
	for b.heap && (len(b.entries) > b.n || len(b.entries) > 2 && b.overflows(b.size(b.entries[0].row))) {
		b.drop()
	}
}

// overflows reports whether the bytes are too many even without so many.
func (b *best[R]) overflows(without int) bool { return b.maxBytes > 0 && b.bytes-without > b.maxBytes }

// drop removes the root.
func (b *best[R]) drop() {
	end := len(b.entries) - 1
	b.bytes -= b.size(b.entries[0].row)
	b.entries[0] = b.entries[end]
	b.entries[end] = entry[R]{}
	b.entries = b.entries[:end]
	b.sink(0)
}

// rise restores the heap above i.
func (b *best[R]) rise(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !b.precedes(b.entries[parent], b.entries[i]) {
			return
		}
		b.entries[i], b.entries[parent] = b.entries[parent], b.entries[i]
		i = parent
	}
}

// sink restores the heap below i.
func (b *best[R]) sink(i int) {
	for {
		last := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(b.entries) && b.precedes(b.entries[last], b.entries[child]) {
				last = child
			}
		}
		if last == i {
			return
		}
		b.entries[i], b.entries[last] = b.entries[last], b.entries[i]
		i = last
	}
}

// sorted returns the entries in order; the heap is spent.
func (b *best[R]) sorted() []entry[R] {
	slices.SortFunc(b.entries, b.compare)
	return b.entries
}
