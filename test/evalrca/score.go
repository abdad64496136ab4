// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// tally sums up cases.
type tally struct {
	cases, opened, early int
	within               [3]int // right among the first 1, 3 and 5
	told                 [2]int // the same unasked, 1 and 3
	seconds              float64
}

// board holds the tallies, by data set and type of fault.
type board struct {
	rows map[string]*tally
	sum  tally
}

func (b *board) add(set string, f *fault, got answer) {
	if b.rows == nil {
		b.rows = map[string]*tally{}
	}
	for _, key := range []string{set + " " + f.Type, set} {
		if b.rows[key] == nil {
			b.rows[key] = &tally{}
		}
		b.rows[key].add(f, got)
	}
	b.sum.add(f, got)
}

func (t *tally) add(f *fault, got answer) {
	t.cases++
	t.opened += got.opened
	t.early += got.early
	t.seconds += got.seconds
	count(t.within[:], slices.Index(got.services, f.Service), 1, 3, 5)
	count(t.told[:], slices.Index(got.told, f.Service), 1, 3)
}

// count adds one to each bound that the place lies within.
func count(within []int, place int, bounds ...int) {
	for i, first := range bounds {
		if place >= 0 && place < first {
			within[i]++
		}
	}
}

func (b *board) print(out io.Writer, name string) {
	fmt.Fprintf(out, "\n%-46s %5s %6s %6s %6s %13s %11s %12s %7s\n",
		name, "cases", "AS@1", "AS@3", "AS@5", "unasked @1/@3", "groups/case", "false groups", "s/case")
	for _, key := range slices.Sorted(maps.Keys(b.rows)) {
		b.rows[key].print(out, key)
	}
	b.sum.print(out, "all")
	fmt.Fprintln(out)
}

func (t *tally) print(out io.Writer, name string) {
	n := float64(max(t.cases, 1))
	share := func(k int) float64 { return 100 * float64(k) / n }
	fmt.Fprintf(out, "%-46s %5d %6.1f %6.1f %6.1f %6.1f/%6.1f %11.2f %12d %7.1f\n", name, t.cases,
		share(t.within[0]), share(t.within[1]), share(t.within[2]), share(t.told[0]), share(t.told[1]), float64(t.opened)/n, t.early, t.seconds/n)
}
