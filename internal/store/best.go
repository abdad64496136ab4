// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/tapio"
)

// entry is a row and its place in the order of time and sequence.
type entry[R any] struct {
	row  *R
	time tapio.Nanos
	seq  uint64
}

// best keeps the first n entries of all that are added: a heap, once it is
// full, with the last entry in order at its root.
type best[R any] struct {
	n         int
	ascending bool
	entries   []entry[R]
}

func (b *best[R]) compare(x, y entry[R]) int {
	c := cmp.Or(cmp.Compare(x.time, y.time), cmp.Compare(x.seq, y.seq))
	if b.ascending {
		return c
	}
	return -c
}

func (b *best[R]) precedes(x, y entry[R]) bool { return b.compare(x, y) < 0 }

func (b *best[R]) full() bool { return len(b.entries) == b.n }

// admits reports whether add would keep the entry.
func (b *best[R]) admits(e entry[R]) bool { return !b.full() || b.precedes(e, b.entries[0]) }

// add keeps an entry that is admitted, in place of the last one if need be.
func (b *best[R]) add(e entry[R]) {
	if b.full() {
		b.entries[0] = e
		b.sink(0)
		return
	}
	b.entries = append(b.entries, e)
	if b.full() {
		for i := b.n/2 - 1; i >= 0; i-- {
			b.sink(i)
		}
	}
}

// sink restores the heap below i.
func (b *best[R]) sink(i int) {
	for {
		last := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < b.n && b.precedes(b.entries[last], b.entries[child]) {
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
