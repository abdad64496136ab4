// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"github.com/tapio/tapio/internal/model"
)

// views returns all rows, the oldest chunk first, and the sequence of the last.
func (l *pointLog) views() ([]pointView, uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	views := make([]pointView, 0, len(l.chunks))
	for _, c := range l.chunks {
		if c.count > 0 {
			views = append(views, c.view())
		}
	}
	return views, l.last
}

// behind returns the rows of one chunk that follow a sequence, none where there
// are no more, the oldest sequence that can be read on from there, and whether
// those between were never here, as behind of other logs does.
func (l *pointLog) behind(seq uint64) (v pointView, oldest uint64, gap bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i, found, oldest, gap := l.chunkBehind(seq)
	if found {
		v = l.chunks[i].view()
	}
	return v, oldest, gap
}

func (l *pointLog) stats() Stats {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := l.chain.stats(l.name(), l.size())
	s.Lost = l.lost.Load()
	s.Series, s.SeriesBytes = uint64(l.registry.series.live()), uint64(l.registry.size())
	s.EvictedSeries, s.Labels = l.registry.evicted, uint64(l.registry.labels.live())
	return s
}

// eachPoint gives the points of a view that are of the book's series and that
// admit lets pass by time and sequence: in the order of arrival or, backward,
// against it, where the view is not compacted, else series by series. The point is
// the receiver's only until it returns.
func (v *pointView) eachPoint(b *seriesBook, backward bool, admit func(model.Nanos, uint64) bool, use func(*model.Point) bool) {
	if v.segment != nil {
		v.eachCompacted(b, admit, use)
		return
	}
	for n := range v.rows {
		i := n
		if backward {
			i = len(v.rows) - 1 - n
		}
		series := b.selected(v.rows[i].series)
		if series == nil || !admit(v.rows[i].time, v.first+uint64(i)) {
			continue
		}
		p := v.point(i)
		p.Series = series
		if !use(&p) {
			return
		}
	}
}

func (v *pointView) eachCompacted(b *seriesBook, admit func(model.Nanos, uint64) bool, use func(*model.Point) bool) {
	var r seriesReader
	var p model.Point
	for at := range v.segment.stretches {
		series := b.selected(at.series)
		if series == nil || at.extra < at.extraEnd && !v.anyAdmitted(&r, at, admit) {
			continue
		}
		r.open(v.segment, at, true)
		for range at.count {
			p.Seq = v.first + uint64(r.Read(&p))
			if !admit(p.Time, p.Seq) {
				continue
			}
			p.Series = series
			if !use(&p) {
				return
			}
		}
	}
}

// anyAdmitted looks whether a series with extras is worth reading them: each is
// encoded against the one before, so that all must be read.
func (v *pointView) anyAdmitted(r *seriesReader, at stretch, admit func(model.Nanos, uint64) bool) bool {
	var p model.Point
	r.open(v.segment, at, false)
	for range at.count {
		seq := v.first + uint64(r.Read(&p))
		if admit(p.Time, seq) {
			return true
		}
	}
	return false
}
