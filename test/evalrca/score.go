// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"time"
)

// tally sums up cases.
type tally struct {
	cases, opened, false int
	fed                  time.Duration // event time of what was sent
	within               [3]int        // right among the first 1, 3 and 5
	unasked              [2]int        // the same unasked, 1 and 3, as an incident
	noted                int           // the first unasked, whether as an incident or an observation
	seconds              float64
}

// board holds the tallies, by data set and type of fault.
type board struct {
	rows map[string]*tally
	sum  tally
	out  io.Writer
}

func newBoard(out io.Writer) *board { return &board{rows: map[string]*tally{}, out: out} }

func (b *board) add(in *folder, f *fault, got answer) {
	set := filepath.Base(in.path)
	for _, key := range []string{set + " " + f.Type, set} {
		b.row(key).add(f, got)
	}
	b.sum.add(f, got)
	printCase(b.out, set, f, got)
}

func (b *board) row(key string) *tally {
	if b.rows[key] == nil {
		b.rows[key] = &tally{}
	}
	return b.rows[key]
}

// fed counts the false groups of what was sent to one collector.
func (b *board) fed(in *folder, pages int, first, end uint64) {
	for _, t := range []*tally{b.row(filepath.Base(in.path)), &b.sum} {
		t.false += pages
		t.fed += time.Duration(end - first)
	}
}

func (t *tally) add(f *fault, got answer) {
	t.cases++
	t.opened += got.opened
	t.seconds += got.seconds
	count(t.within[:], slices.Index(got.services, f.Service), 1, 3, 5)
	count(t.unasked[:], slices.Index(got.unasked, f.Service), 1, 3)
	if slices.Index(got.noted, f.Service) == 0 {
		t.noted++
	}
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
	fmt.Fprintf(out, "\n%-46s %5s %6s %6s %6s %14s %11s %14s %15s %6s %7s\n",
		name, "cases", "AS@1", "AS@3", "AS@5", "incident @1/@3", "any kind @1", "incidents/case", "false incidents", "in", "s/case")
	for _, key := range slices.Sorted(maps.Keys(b.rows)) {
		b.rows[key].print(out, key)
	}
	b.sum.print(out, "all")
	fmt.Fprintln(out)
}

func (t *tally) print(out io.Writer, name string) {
	n := float64(max(t.cases, 1))
	share := func(k int) float64 { return 100 * float64(k) / n }
	fmt.Fprintf(out, "%-46s %5d %6.1f %6.1f %6.1f %7.1f/%6.1f %11.1f %14.2f %15d %5.1fh %7.1f\n", name, t.cases,
		share(t.within[0]), share(t.within[1]), share(t.within[2]), share(t.unasked[0]), share(t.unasked[1]), share(t.noted), float64(t.opened)/n, t.false, t.fed.Hours(), t.seconds/n)
}
