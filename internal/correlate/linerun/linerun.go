// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package linerun derives what services did in a trace from its log lines, where the spans
// of the trace were sampled away or no service sends any: lines keep the ids of trace and
// span.
package linerun

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// Line is a log line that names the span within which it was written.
type Line struct {
	Span    model.SpanID
	Service string
	Time    model.Nanos
}

// Run is what a service did within one span, as far as its lines show: from the first of
// them to the last.
type Run struct {
	// Lines are the places of its lines, by time.
	Lines      []int
	Start, End model.Nanos
	// Parent is the place of the run that waited for it, -1 for none known: the shortest
	// one that wrote lines before its first and after its last.
	Parent int
	// Called and Answered are the times, as the lines of the caller show them, between which
	// another service than the parent's did this. They are 0 for a run without a parent, and
	// for one of the same service.
	Called, Answered model.Nanos
}

// Of derives the runs of a trace, ordered by start. lines must be ordered by time.
func Of(lines []Line) []Run {
	type key struct {
		span    model.SpanID
		service string
	}
	places := map[key]int{}
	var runs []Run
	for i, line := range lines {
		k := key{line.Span, line.Service}
		place, found := places[k]
		if !found {
			place = len(runs)
			places[k] = place
			runs = append(runs, Run{Start: line.Time, Parent: -1})
		}
		runs[place].Lines = append(runs[place].Lines, i)
		runs[place].End = line.Time
	}
	slices.SortStableFunc(runs, func(a, b Run) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End)) })
	nest(runs)
	calls(runs, lines)
	return runs
}

// maxDepth bounds how many runs that go on are looked at for a parent.
const maxDepth = 64

// nest finds parents. runs are ordered by start, longer ones first.
func nest(runs []Run) {
	var open []int // runs that may hold what follows
	for i := range runs {
		open = slices.DeleteFunc(open, func(o int) bool { return runs[o].End < runs[i].Start })
		for n, looked := len(open)-1, 0; n >= 0 && looked < maxDepth; n, looked = n-1, looked+1 {
			if o := open[n]; runs[o].End >= runs[i].End && (runs[i].Parent < 0 || runs[o].length() < runs[runs[i].Parent].length()) {
				runs[i].Parent = o
			}
		}
		if len(runs[i].Lines) > 1 && len(open) < maxDepth {
			open = append(open, i)
		}
	}
}

func (r *Run) length() model.Nanos { return r.End - r.Start }

// calls finds between which times other services are waited for. Where a caller writes
// nothing between two calls, the first one ends as the second one begins.
func calls(runs []Run, lines []Line) {
	before := map[int]int{} // by caller: the run that was called last
	for i := range runs {
		p := runs[i].Parent
		if p < 0 || lines[runs[p].Lines[0]].Service == lines[runs[i].Lines[0]].Service {
			continue
		}
		run := &runs[i]
		run.Called, run.Answered = around(run, &runs[p], lines)
		if b, found := before[p]; found && runs[b].Answered > run.Start && runs[b].End <= run.Start {
			runs[b].Answered, run.Called = run.Start, run.Start
		}
		before[p] = i
	}
}

// around are the times of the last line of the caller before the run and the first after it.
func around(run, caller *Run, lines []Line) (called, answered model.Nanos) {
	called, answered = caller.Start, caller.End
	for _, l := range caller.Lines {
		switch t := lines[l].Time; {
		case t <= run.Start:
			called = t
		case t >= run.End:
			return called, t
		}
	}
	return called, answered
}
