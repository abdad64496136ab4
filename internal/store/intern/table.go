// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package intern

// Table numbers values in the order in which they are first seen.
type Table[T comparable] struct {
	Places map[T]int
	Values []T
	latest int // place of the value asked for last
}

// NewTable makes an empty table.
func NewTable[T comparable]() Table[T] { return Table[T]{Places: map[T]int{}} }

// Place returns the number of a value, which is new if it is not known.
func (t *Table[T]) Place(v T) int {
	if t.latest < len(t.Values) && t.Values[t.latest] == v {
		return t.latest
	}
	place, known := t.Places[v]
	if !known {
		place = len(t.Values)
		t.Places[v] = place
		t.Values = append(t.Values, v)
	}
	t.latest = place
	return place
}
