// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"maps"

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
	oldest = l.firstSeq()
	i, found := l.chunkOf(max(seq+1, oldest))
	if !found && i+1 < len(l.chunks) {
		i, found, gap = i+1, true, true
		oldest = l.chunks[i].first
	} else if !found && len(l.chunks) > 0 && seq < l.last {
		oldest, gap = l.last+1, true
	}
	if found {
		v = l.chunks[i].view()
	}
	return v, oldest, gap
}

// firstSeq is the sequence of the oldest row held or, of an empty log, the one
// that the next row will get. The caller holds the lock.
func (l *pointLog) firstSeq() uint64 {
	if len(l.chunks) == 0 {
		return l.last + 1
	}
	return l.chunks[0].first
}

// ends returns the sequences of the oldest and of the newest row; first is
// last+1 where there is none.
func (l *pointLog) ends() (first, last uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.firstSeq(), l.last
}

func (l *pointLog) stats() Stats {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := Stats{
		Signal:        "metrics",
		Rows:          uint64(l.rows),
		Bytes:         uint64(l.size()),
		Capacity:      uint64(l.capacity),
		Appended:      l.appended,
		Evicted:       maps.Clone(l.evicted),
		Refused:       maps.Clone(l.refused),
		LastSeq:       l.last,
		Lost:          l.lost.Load(),
		Series:        uint64(l.registry.series.live()),
		SeriesBytes:   uint64(l.registry.size()),
		EvictedSeries: l.registry.evicted,
		Labels:        uint64(l.registry.labels.live()),
	}
	if l.rows > 0 {
		s.FirstSeq = l.firstSeq()
		for _, c := range l.chunks {
			s.Oldest, s.Newest = earlier(s.Oldest, c.dated), max(s.Newest, c.newest)
		}
	}
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
