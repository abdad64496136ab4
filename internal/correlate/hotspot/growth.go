// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package hotspot

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Measure is what is asked of profiles.
type Measure uint8

// What profiles measure: time on a processor, or time in which threads wait.
const (
	OnCPU Measure = iota
	Waiting
)

const (
	preferred   = "cpu"
	alternative = "samples" // what pprof files of CPU profiles have beside it
)

// kinds are the sample types of a measure, the best first.
func (m Measure) kinds() []string {
	if m == Waiting {
		return []string{"mutex_duration", "block_duration", "delay", "off_cpu", "lock_time"}
	}
	return []string{preferred, alternative, "itimer", "wall"}
}

func measured(kind string) bool {
	return slices.Contains(OnCPU.kinds(), kind) || slices.Contains(Waiting.kinds(), kind)
}

const (
	// leastBefore and leastAfter are the fewest observations on each side of an onset.
	leastBefore, leastAfter = 100, 50
	// leastWaits is the fewest waits of a function, leastTime the profiled time that there
	// must be on each side to compare how long threads wait.
	leastWaits = 20
	leastTime  = 20 * time.Second
	// largeGrowth of a share counts, and smallGrowth if the share has doubled.
	largeGrowth, smallGrowth = 0.10, 0.05
	// leastDeviation is how many standard deviations a growth must be: chance alone brings
	// that about once in a million comparisons.
	leastDeviation = 5
)

// Growth is a function whose part of a cost grew.
type Growth struct {
	Kind     string // sample type
	Measure  Measure
	Function Function
	Line     int64 // 0: unknown
	// Before and After are shares of all samples or, of waiting, seconds in each second.
	Before, After float64
	// SeenBefore and SeenAfter count all observations.
	SeenBefore, SeenAfter int64
	BeforeSpan, AfterSpan model.TimeRange // of the profiles
}

// Change returns by how much the part grew.
func (g *Growth) Change() float64 { return g.After - g.Before }

// Grown returns the function of a service whose part grew most from what was before the
// onset to what was from then until a time; false if none grew beyond doubt.
func (b *Book) Grown(service string, m Measure, onset, until model.Nanos) (Growth, bool) {
	for _, kind := range m.kinds() {
		s := b.series[key{service, kind}]
		if s == nil {
			continue
		}
		before, after := s.sides(onset, until)
		g := Growth{
			Kind: kind, Measure: m, SeenBefore: before.seen, SeenAfter: after.seen,
			BeforeSpan: model.TimeRange{Start: before.first, End: before.last}, AfterSpan: model.TimeRange{Start: after.first, End: after.last},
		}
		if s.largest(&g, before, after) {
			return g, true
		}
	}
	return Growth{}, false
}

// sides adds up what is before and what is from the onset on. A bucket with both counts
// for neither.
func (s *series) sides(onset, until model.Nanos) (before, after *bucket) {
	before, after = &bucket{costs: map[uint32]cost{}}, &bucket{costs: map[uint32]cost{}}
	for _, b := range s.list {
		if b.seen == 0 && b.profiled == 0 {
			continue
		}
		to := before
		switch {
		case b.last <= onset:
		case b.first >= onset && b.first < until:
			to = after
		default:
			continue
		}
		to.extend(b.first, b.last)
		to.value += b.value
		to.seen += b.seen
		to.profiled += b.profiled
		for number, c := range b.costs {
			sum := to.costs[number]
			to.costs[number] = cost{sum.value + c.value, sum.seen + c.seen}
		}
	}
	return before, after
}

// largest sets the function of the largest growth, and reports whether there is one.
func (s *series) largest(g *Growth, before, after *bucket) bool {
	found := false
	best := *g
	numbers := make([]uint32, 0, len(after.costs))
	for number := range after.costs {
		numbers = append(numbers, number)
	}
	slices.SortFunc(numbers, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(s.names[a].Name, s.names[b].Name), cmp.Compare(s.names[a].File, s.names[b].File))
	})
	for _, number := range numbers {
		one := *g
		one.Function, one.Line = s.names[number], s.lines[number].at
		judged := one.share
		if g.Measure == Waiting {
			judged = one.rate
		}
		if judged(before, after, before.costs[number], after.costs[number]) && (!found || one.Change() > best.Change()) {
			best, found = one, true
		}
	}
	*g = best
	return found
}

// share judges the growth of a share of time on processors.
func (g *Growth) share(before, after *bucket, was, is cost) bool {
	if before.seen < leastBefore || after.seen < leastAfter {
		return false
	}
	g.Before, g.After = float64(was.value)/float64(before.value), float64(is.value)/float64(after.value)
	change := g.Change()
	if change < smallGrowth || change < largeGrowth && g.After < 2*g.Before {
		return false
	}
	n, m := float64(before.seen), float64(after.seen)
	pooled := (g.Before*n + g.After*m) / (n + m)
	return change >= leastDeviation*math.Sqrt(pooled*(1-pooled)*(1/n+1/m))
}

// rate judges the growth of the time that threads wait, which is in nanoseconds.
func (g *Growth) rate(before, after *bucket, was, is cost) bool {
	if before.profiled < leastTime || after.profiled < leastTime || is.seen < leastWaits {
		return false
	}
	g.Before, g.After = float64(was.value)/float64(before.profiled), float64(is.value)/float64(after.profiled)
	return g.Change() >= smallGrowth && g.After >= 2*g.Before
}
