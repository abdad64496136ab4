// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"slices"
)

// Run is some rows of a view, in the order of their arrival.
type Run[R any] struct {
	Rows   []R
	Places []int32 // of the rows in the view; nil: they follow from without gaps
	from   int
}

// Place returns where the i-th row is in the chunk.
func (r *Run[R]) Place(i int) int {
	if r.Places == nil {
		return r.from + i
	}
	return int(r.Places[i])
}

// Behind returns the first row at the place or behind it.
func (r *Run[R]) Behind(place int) int {
	if r.Places == nil {
		return min(max(place-r.from, 0), len(r.Rows))
	}
	i, _ := slices.BinarySearch(r.Places, int32(place))
	return i
}
