// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"iter"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/aggregate"
)

// OTLP demands that a series has one writer at a time. Where two processes send
// the same resource and attributes, their points alternate, and each step down
// from the one to the other looks like a reset.

const (
	// minContradictions and minReturns are how many signs of a second writer
	// there must be: a sender that resets without a new start shows one.
	minContradictions = 2
	minReturns        = 3
)

// addSource takes the points of one series, writer by writer.
func (c *computation) addSource(g *gatherer, series *model.AggregateSeries) error {
	for i := range g.points {
		c.exemplars = append(c.exemplars, g.points[i].Exemplars...)
	}
	if len(c.exemplars) > 100*maxExemplars {
		c.exemplars = latestExemplars(c.exemplars)
	}
	if !hasManyWriters(c.of.metric, g.points) {
		return c.add(g.before, g.points)
	}
	series.ManyWriters++
	for before, points := range g.eachWriter(c.of.metric) {
		if err := c.add(before, points); err != nil {
			return err
		}
	}
	return nil
}

// hasManyWriters reports whether the points, which are in order and without
// duplicates, cannot come from one writer.
func hasManyWriters(metric *model.Metric, points []model.Point) bool {
	contradictions, returns := 0, 0
	for i := 1; i < len(points); i++ {
		before, after := &points[i-1], &points[i]
		switch {
		case before.Time == after.Time && after.Time != 0:
			return true // two values of one moment
		case metric.Type == model.MetricGauge:
		case aggregate.IsDelta(metric):
			if overlaps(before, after) {
				contradictions++
			}
		case !aggregate.Fell(metric, before, after) || aggregate.Restarted(before, after):
		case aggregate.KnowsStart(before) && aggregate.KnowsStart(after) && before.Start != after.Start:
			contradictions++
		case i+1 < len(points) && !aggregate.Fell(metric, before, &points[i+1]) && !aggregate.Restarted(after, &points[i+1]):
			returns++
		}
	}
	return contradictions >= minContradictions || returns >= minReturns
}

// overlaps reports whether two points of a delta series count for the same time,
// at least for half of that of the later one.
func overlaps(before, after *model.Point) bool {
	return aggregate.KnowsStart(after) && after.Start != before.Start &&
		after.Start < before.Time && before.Time-after.Start >= (after.Time-after.Start)/2
}

// eachWriter gives the points of each writer of a cumulative series by its start
// time, and the last point before them if it is one of the writer's. The points
// of other series, and those whose start times do not distinguish the writers,
// come together. It changes the order of g.points.
func (g *gatherer) eachWriter(metric *model.Metric) iter.Seq2[*model.Point, []model.Point] {
	return func(yield func(*model.Point, []model.Point) bool) {
		if metric.Type == model.MetricGauge || aggregate.IsDelta(metric) || !startsDistinguishWriters(g.points) {
			yield(g.before, g.points)
			return
		}
		slices.SortStableFunc(g.points, func(a, b model.Point) int { return cmp.Compare(a.Start, b.Start) })
		for rest := g.points; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].Start == rest[0].Start {
				n++
			}
			before := g.before
			if before != nil && before.Start != rest[0].Start {
				before = nil
			}
			if !yield(before, rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// startsDistinguishWriters reports whether all points have a start and no start is
// that of one point only, as starts that are computed again each time are.
func startsDistinguishWriters(points []model.Point) bool {
	count := map[model.Nanos]int{}
	for i := range points {
		if !aggregate.KnowsStart(&points[i]) {
			return false
		}
		count[points[i].Start]++
	}
	for _, n := range count {
		if n == 1 {
			return false
		}
	}
	return len(count) > 1
}
