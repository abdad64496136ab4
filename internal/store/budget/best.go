// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// Entry is a row and its place in the order of time and sequence.
type Entry[R any] struct {
	Row  *R
	Time model.Nanos
	Seq  uint64
}

// Best keeps the first entries of all that are added: n at most, and no more than
// begin within MaxBytes, for the others would not fit the page; but two in
// any case, as a page holds one and the other shows that there is more. Once it is
// full it is a heap, with the last entry in order at its root.
type Best[R any] struct {
	N         int
	MaxBytes  int // 0: no bound
	Size      func(*R) int
	Ascending bool
	entries   []Entry[R]
	Bytes     int
	heap      bool
}

func (b *Best[R]) compare(x, y Entry[R]) int {
	c := cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.Seq, y.Seq))
	if b.Ascending {
		return c
	}
	return -c
}

// Precedes reports whether x comes before y.
func (b *Best[R]) Precedes(x, y Entry[R]) bool { return b.compare(x, y) < 0 }

// Full reports whether entries behind the last one are of no more use. It stays
// so: what is added pushes out at most what it makes up for.
func (b *Best[R]) Full() bool { return b.heap }

// Last is the last entry in order, of those that are kept. It must be full.
func (b *Best[R]) Last() Entry[R] { return b.entries[0] }

// Admits reports whether add would keep the entry.
func (b *Best[R]) Admits(e Entry[R]) bool { return !b.heap || b.Precedes(e, b.entries[0]) }

// Add keeps an entry that is admitted, and drops those that it pushes out.
func (b *Best[R]) Add(e Entry[R]) {
	b.entries = append(b.entries, e)
	b.Bytes += b.Size(e.Row)
	switch {
	case b.heap:
		b.rise(len(b.entries) - 1)
	case len(b.entries) >= b.N || len(b.entries) > 1 && b.overflows(0):
		b.heap = true
		for i := len(b.entries)/2 - 1; i >= 0; i-- {
			b.sink(i)
		}
	}
	for b.heap && (len(b.entries) > b.N || len(b.entries) > 2 && b.overflows(b.Size(b.entries[0].Row))) {
		b.drop()
	}
}

// overflows reports whether the bytes are too many even without so many.
func (b *Best[R]) overflows(without int) bool { return b.MaxBytes > 0 && b.Bytes-without > b.MaxBytes }

// drop removes the root.
func (b *Best[R]) drop() {
	end := len(b.entries) - 1
	b.Bytes -= b.Size(b.entries[0].Row)
	b.entries[0] = b.entries[end]
	b.entries[end] = Entry[R]{}
	b.entries = b.entries[:end]
	b.sink(0)
}

// rise restores the heap above i.
func (b *Best[R]) rise(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !b.Precedes(b.entries[parent], b.entries[i]) {
			return
		}
		b.entries[i], b.entries[parent] = b.entries[parent], b.entries[i]
		i = parent
	}
}

// sink restores the heap below i.
func (b *Best[R]) sink(i int) {
	for {
		last := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(b.entries) && b.Precedes(b.entries[last], b.entries[child]) {
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

// Sorted returns the entries in order; the heap is spent.
func (b *Best[R]) Sorted() []Entry[R] {
	slices.SortFunc(b.entries, b.compare)
	return b.entries
}
