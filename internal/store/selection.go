// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"iter"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store/budget"
)

// refBlock is how many series a selection reads from the registry at a time, so that it
// does not hold up the writer.
const refBlock = 4096

// selection reads the points of some series, one series after the other. It sees the
// store as it was when it was made, less what is evicted meanwhile. It is for one
// goroutine and must be closed.
type selection struct {
	log     *pointLog
	budget  *budget.Budget
	account *budget.Account
	times   model.TimeRange
	last    uint64 // sequence of the newest point that it sees
	views   []pointView
	pieces  []piece // 0 is none
	sources []source
	reader  seriesReader
}

// Select implements query.SeriesIndex.
func (s *Store) Select(ctx context.Context, times model.TimeRange) query.SeriesSelection {
	return s.selectSeries(ctx, times)
}

func (s *Store) selectSeries(ctx context.Context, times model.TimeRange) *selection {
	sel := &selection{log: s.points, budget: s.budget, account: s.budget.Account(ctx), times: times, pieces: make([]piece, 1)}
	sel.views, sel.last = s.points.views()
	return sel
}

// Close implements query.Account.
func (s *selection) Close() { s.account.Close() }

// Take implements query.Account.
func (s *selection) Take(bytes int64) error { return s.account.Take(bytes) }

// Give implements query.Account.
func (s *selection) Give(bytes int64) { s.account.Give(bytes) }

// Refs implements query.SeriesSelection.
func (s *selection) Refs() iter.Seq[[]query.SeriesRef] {
	return func(yield func([]query.SeriesRef) bool) {
		block := make([]query.SeriesRef, 0, refBlock)
		for page, more := 0, true; more; {
			block = block[:0]
			block, page, more = s.log.refs(block, page, s.last)
			if len(block) > 0 && !yield(block) {
				return
			}
		}
	}
}

// refs appends the series of some pages of the registry that are as old as last, and
// returns the page to go on from.
func (l *pointLog) refs(block []query.SeriesRef, page int, last uint64) ([]query.SeriesRef, int, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	pages := l.registry.series.pages
	for ; page < len(pages) && len(block)+pageSlots <= refBlock; page++ {
		p := pages[page]
		if p == nil {
			continue
		}
		for slot := range pageSlots {
			if e := &p.entries[slot]; p.used>>slot&1 != 0 && e.born <= last {
				block = append(block, query.SeriesRef{Born: e.born, Slot: uint32(page*pageSlots + slot)})
			}
		}
	}
	return block, page, page < len(pages)
}

// Load implements query.SeriesSelection.
func (s *selection) Load(refs []query.SeriesRef) []*model.Series {
	book := newSeriesBook(s.log, nil, &model.Filter{})
	book.steady = true
	loaded := make([]*model.Series, len(refs))
	whole := book.learn(func(yield func(uint32) bool) {
		for _, ref := range refs {
			if !yield(ref.Slot) {
				return
			}
		}
	}, s.last)
	for i, ref := range refs {
		if !whole { // one is gone: the others are looked up by themselves
			book.learn(func(yield func(uint32) bool) { yield(ref.Slot) }, s.last)
		}
		if e := book.entry(ref.Slot); e.born == ref.Born {
			loaded[i] = e.series
		}
	}
	return loaded
}

// Want implements query.SeriesSelection.
func (s *selection) Want(ctx context.Context, refs []query.SeriesRef) ([]bool, error) {
	s.sources = make([]source, len(refs))
	place := s.placeOf(refs)
	if err := s.account.Take(int64(len(place))*4 + int64(len(refs))*8); err != nil {
		return nil, err
	}
	for i := range s.views {
		v := &s.views[i]
		if !s.times.Overlaps(v.oldest, v.newest) {
			continue
		}
		before := cap(s.pieces)
		err := s.inTurn(ctx, func() error {
			s.wantView(int32(i), v, place)
			return s.account.Take(int64(cap(s.pieces)-before) * int64(unsafe.Sizeof(piece{})))
		})
		if err != nil {
			return nil, err
		}
	}
	found := make([]bool, len(refs))
	for i := range s.sources {
		found[i] = s.sources[i].first != 0
	}
	return found, nil
}

// Present implements query.SeriesSelection. Points that are not compacted are looked at last:
// there are more of them than series in a segment.
func (s *selection) Present(ctx context.Context, refs []query.SeriesRef) ([]bool, error) {
	place, found, missing := s.placeOf(refs), make([]bool, len(refs)), len(refs)
	if err := s.account.Take(int64(len(place))*4 + int64(len(refs))); err != nil {
		return nil, err
	}
	note := func(slot uint32) {
		if int(slot) < len(place) && place[slot] != 0 && !found[place[slot]-1] {
			found[place[slot]-1] = true
			missing--
		}
	}
	for _, compacted := range []bool{true, false} {
		for i := range s.views {
			v := &s.views[i]
			if missing == 0 || (v.segment != nil) != compacted || !s.times.Overlaps(v.oldest, v.newest) {
				continue
			}
			if err := s.inTurn(ctx, func() error { s.noteView(v, note); return nil }); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// noteView calls note with the slots of a view's series, of rows only those in the range.
func (s *selection) noteView(v *pointView, note func(slot uint32)) {
	if v.segment != nil {
		for at := range v.segment.stretches {
			note(at.series)
		}
		return
	}
	for row := range v.rows {
		if r := &v.rows[row]; s.times.Contains(r.time) {
			note(r.series)
		}
	}
}

// placeOf returns, by slot, the place among refs plus 1.
func (s *selection) placeOf(refs []query.SeriesRef) []uint32 {
	last := uint32(0)
	for _, ref := range refs {
		last = max(last, ref.Slot)
	}
	place := make([]uint32, last+1)
	for i, ref := range refs {
		place[ref.Slot] = uint32(i) + 1
	}
	return place
}

func (s *selection) inTurn(ctx context.Context, work func() error) error {
	if err := s.budget.Enter(ctx); err != nil {
		return err
	}
	defer s.budget.Leave(ctx)
	return work()
}

func (s *selection) wantView(i int32, v *pointView, place []uint32) {
	if v.segment != nil {
		for at := range v.segment.stretches {
			if int(at.series) >= len(place) {
				return // stretches are in the order of slots
			}
			if n := place[at.series]; n != 0 {
				s.add(n-1, piece{at: at, view: i})
			}
		}
		return
	}
	for row := range v.rows {
		r := &v.rows[row]
		if int(r.series) < len(place) && place[r.series] != 0 && s.times.Contains(r.time) {
			s.add(place[r.series]-1, piece{at: stretch{series: r.series, count: 1, data: uint32(row)}, view: i})
		}
	}
}

// add puts a piece behind the others of its series.
func (s *selection) add(n uint32, p piece) {
	at := int32(len(s.pieces))
	s.pieces = append(s.pieces, p)
	if of := &s.sources[n]; of.first == 0 {
		of.first, of.last = at, at
	} else {
		s.pieces[of.last].next = at
		of.last = at
	}
}

// Points implements query.SeriesSelection, in the order of arrival.
func (s *selection) Points(ctx context.Context, i int, extras bool, use func(*model.Point)) error {
	return s.inTurn(ctx, func() error {
		var p model.Point
		for at := s.sources[i].first; at != 0; at = s.pieces[at].next {
			piece := &s.pieces[at]
			v := &s.views[piece.view]
			if v.segment == nil {
				p = v.point(int(piece.at.data))
				use(&p)
				continue
			}
			s.reader.open(v.segment, piece.at, extras)
			for range piece.at.count {
				if s.reader.readWithin(s.times, &p) {
					use(&p)
				}
			}
		}
		return nil
	})
}
