// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// gatherer restores the points of one series after the other, in memory that it
// uses again.
type gatherer struct {
	reader seriesReader
	points []model.Point // of the range, in order
	before *model.Point  // the last one before the range, where it counts
	latest model.Point   // what before points to
	held   int64         // bytes on the account of the query

	duplicates int // points left out of the series because they repeat another one
}

// gather restores the points of a series that count. What they take stays on
// the account as long as the gatherer is used, for the next series takes it too.
func (g *gatherer) gather(ctx context.Context, a *aggregation, metric *model.Metric, s *source) error {
	g.points, g.before, g.duplicates = g.points[:0], nil, 0
	for at := s.first; at != 0; at = a.pieces[at].next {
		had := cap(g.points)
		g.gatherPiece(a, metric, &a.pieces[at])
		if cap(g.points) == had {
			continue
		}
		grown := int64(cap(g.points)-had) * int64(unsafe.Sizeof(model.Point{}))
		if err := cmp.Or(ctx.Err(), a.account.Take(grown)); err != nil {
			return err
		}
		g.held += grown
	}
	g.sort()
	g.dropDuplicates()
	return nil
}

// sort is mostly done at a glance, for points mostly arrive in their order.
func (g *gatherer) sort() {
	for i := 1; i < len(g.points); i++ {
		if comparePoints(&g.points[i-1], &g.points[i]) > 0 {
			slices.SortFunc(g.points, func(a, b model.Point) int { return comparePoints(&a, &b) })
			return
		}
	}
}

func (g *gatherer) gatherPiece(a *aggregation, metric *model.Metric, p *piece) {
	v := &a.views[p.view]
	if v.segment == nil {
		g.take(a, metric, v.point(int(p.at.data)))
		return
	}
	g.reader.open(v.segment, p.at, true)
	var point model.Point
	for range p.at.count {
		point.Seq = v.first + uint64(g.reader.Read(&point))
		g.take(a, metric, point)
	}
}

func (g *gatherer) take(a *aggregation, metric *model.Metric, p model.Point) {
	times := &a.query.Filter.Time
	if times.End != 0 && p.Time >= times.End || !hasValue(metric, &p) {
		return
	}
	if p.Time >= times.Start {
		g.points = append(g.points, p)
		return
	}
	if p.Time >= a.times().Start && (g.before == nil || comparePoints(&p, &g.latest) > 0) {
		g.latest = p
		g.before = &g.latest
	}
}

// extent returns the times of the points.
func (g *gatherer) extent() extent {
	if len(g.points) == 0 {
		return extent{}
	}
	return extent{oldest: g.points[0].Time, newest: g.points[len(g.points)-1].Time}
}

func comparePoints(a, b *model.Point) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq))
}

func latestExemplars(list []model.Exemplar) []model.Exemplar {
	slices.SortStableFunc(list, func(a, b model.Exemplar) int { return cmp.Compare(b.Time, a.Time) })
	return slices.Clone(list[:min(len(list), maxExemplars)])
}
