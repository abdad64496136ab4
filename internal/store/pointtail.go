// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// tailWindow is how many rows of a segment a tail restores at once: a segment
// is written by series, so that each window looks through all of it.
const tailWindow = 1 << 13

// PointTail reads the matching points in the order of their arrival, as Tail
// does with the rows of other signals.
type PointTail struct {
	log     *pointLog
	query   model.PointQuery
	book    *seriesBook
	segment *pointSegment // whose window is loaded
	window  []model.Point
	until   uint64 // sequence where it ends

	position uint64
	history  uint64 // newest sequence when the tail was made
	since    model.Nanos
	last     int  // matching rows to go back first
	resumed  bool // by a reader that wants to know what it missed
	bytes    int  // that end an answer
	taken    int  // bytes of rows in the current answer
}

// TailPoints makes a tail of metric points. Paging does not count.
func (s *Store) TailPoints(q model.PointQuery, start model.Start) *PointTail {
	first, last := s.points.ends()
	t := &PointTail{log: s.points, query: q, position: last, history: last, bytes: tailBytes}
	t.forget()
	switch {
	case start.Resume:
		t.resumed = true
		t.position = start.After
		if start.After == 0 || start.After > last { // a sequence of an earlier store: all is new
			t.position = first - 1
		}
	case start.Last > 0:
		t.last = start.Last
	case start.Since > 0:
		t.since, t.position = start.Since, first-1
	}
	return t
}

// forget gives back what is not worth its memory while a thousand tails wait.
func (t *PointTail) forget() {
	t.book = newSeriesBook(t.log, t.query.Names, &t.query.Filter)
	t.segment, t.window = nil, nil
}

// Position returns the sequence of the last row looked at.
func (t *PointTail) Position() uint64 { return t.position }

// Bound ends what the next calls return at so many bytes, about. It is 1 MiB at
// first.
func (t *PointTail) Bound(bytes int) { t.bytes = bytes }

// Skip passes over all that is stored, and returns what that was.
func (t *PointTail) Skip() model.Loss {
	_, last := t.log.ends()
	return t.skip(last + 1)
}

// Next waits for matching rows and returns at least one, at most limit; or a loss
// alone, if rows were evicted before the tail came to them. The error is the
// context's.
func (t *PointTail) Next(ctx context.Context, limit int) ([]model.Point, model.Loss, error) {
	if err := t.goBack(ctx); err != nil {
		return nil, model.Loss{}, err
	}
	t.taken = 0
	for {
		if err := ctx.Err(); err != nil {
			return nil, model.Loss{}, err
		}
		_, end := t.log.ends()
		rows, loss := t.step(nil, atLeastOne(limit), end)
		if t.bytes < worthKeeping {
			t.segment, t.window = nil, nil
		}
		if len(rows) > 0 || loss.Count > 0 {
			return rows, loss, nil
		}
		if t.position >= end {
			t.await(ctx, end)
		}
	}
}

// Ready waits until there is something to look at, as Tail.Ready does.
func (t *PointTail) Ready(ctx context.Context) error {
	for t.last == 0 && ctx.Err() == nil {
		_, end := t.log.ends()
		if t.position < end {
			return nil
		}
		t.await(ctx, end)
	}
	return ctx.Err()
}

// await returns when the log goes on behind end, or the context is done.
func (t *PointTail) await(ctx context.Context, end uint64) {
	ring := t.log.bell.wait()
	if _, last := t.log.ends(); last > end {
		return
	}
	t.forget()
	select {
	case <-ring:
	case <-ctx.Done():
	}
}

// Poll returns at most limit matching rows without waiting, as Tail.Poll does.
func (t *PointTail) Poll(limit int) (rows []model.Point, loss model.Loss, more bool) {
	_ = t.goBack(context.Background()) // fails only with its context
	end := t.history
	if t.position >= end {
		_, end = t.log.ends()
	}
	from, limit := t.position, atLeastOne(limit)
	t.taken = 0
	for t.position < end && len(rows) < limit && t.taken < t.bytes && t.position-from < pollRows {
		looked := t.position
		rows, loss = t.step(rows, limit, end)
		if loss.Count > 0 || t.position == looked {
			break
		}
	}
	if t.bytes < worthKeeping {
		t.segment, t.window = nil, nil
	}
	if t.position >= t.history {
		t.forget()
	}
	return rows, loss, t.position < t.history
}

// step looks at some rows behind the position and appends those that match.
func (t *PointTail) step(rows []model.Point, limit int, end uint64) ([]model.Point, model.Loss) {
	v, oldest, gap := t.log.behind(t.position)
	if gap && !t.resumed {
		t.position = oldest - 1 // no one was promised those rows
	}
	if t.position+1 < oldest && len(rows) > 0 {
		return rows, model.Loss{} // the loss comes behind these rows: with the next call
	}
	if loss := t.skip(oldest); loss.Count > 0 || v.count == 0 {
		return rows, loss
	}
	found, until, ok := t.load(&v)
	if !ok {
		return rows, model.Loss{} // evicted this moment: the next step reports how many
	}
	until = min(until, end)
	for i := range found {
		p := &found[i]
		if p.Seq <= t.position {
			continue
		}
		if p.Seq > until {
			break
		}
		t.position = p.Seq
		if !t.wants(p) {
			continue
		}
		rows = append(rows, *p)
		if t.taken += p.AnswerSize(); len(rows) == limit || t.taken >= t.bytes {
			return rows, model.Loss{}
		}
	}
	t.position = until // what lies between was ruled out
	return rows, model.Loss{}
}

// skip passes over what was evicted.
func (t *PointTail) skip(oldest uint64) model.Loss {
	if t.position+1 >= oldest {
		return model.Loss{}
	}
	loss := model.Loss{Count: oldest - 1 - t.position, First: t.position + 1, Last: oldest - 1}
	t.position = loss.Last
	t.log.lost.Add(loss.Count)
	return loss
}

// wants leaves out what is older than since, of what was stored beforehand, and
// what is not in the time range.
func (t *PointTail) wants(p *model.Point) bool {
	return (p.Seq > t.history || p.Time >= t.since) && t.query.Filter.Time.Contains(p.Time)
}

// load returns points of the selected series behind the position, in the order
// of arrival, and the sequence of the last row that was looked at.
func (t *PointTail) load(v *pointView) (found []model.Point, until uint64, ok bool) {
	from := int(t.position + 1 - v.first)
	if v.segment != nil {
		return t.loadCompacted(v, from)
	}
	t.segment, t.window = nil, t.window[:0]
	to := min(from+tailStep, v.count)
	part := pointView{first: v.first, rows: v.rows[:to], extra: v.extra, count: to}
	if !t.book.learn(slotsOf(part.rows[from:]), v.first+uint64(to)-1) {
		return nil, 0, false
	}
	for place := from; place < to; place++ {
		if series := t.book.selected(part.rows[place].series); series != nil {
			p := part.point(place)
			p.Series = series
			t.window = append(t.window, p)
		}
	}
	return t.window, v.first + uint64(to) - 1, true
}

func (t *PointTail) loadCompacted(v *pointView, from int) (found []model.Point, until uint64, ok bool) {
	if t.segment == v.segment && t.position < t.until {
		return t.window, t.until, true
	}
	if !t.book.learnView(v) {
		return nil, 0, false
	}
	to := min(from+tailWindow, v.count)
	t.segment, t.window, t.until = v.segment, t.window[:0], v.first+uint64(to)-1
	inWindow := func(_ model.Nanos, seq uint64) bool { return seq > t.position && seq <= t.until }
	v.eachPoint(t.book, false, inWindow, func(p *model.Point) bool {
		t.window = append(t.window, *p)
		return true
	})
	slices.SortFunc(t.window, func(a, b model.Point) int { return cmp.Compare(a.Seq, b.Seq) })
	return t.window, t.until, true
}

// goBack moves the position before the last matching rows, the first time it is
// called. It stands by the rows that are still there.
func (t *PointTail) goBack(ctx context.Context) error {
	if t.last <= 0 {
		return nil
	}
	views, _ := t.log.views()
	position, left := t.history, t.last
	for i := len(views) - 1; i >= 0 && left > 0; i-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		var seqs []uint64
		if v := &views[i]; t.book.learnView(v) {
			v.eachPoint(t.book, true, func(when model.Nanos, seq uint64) bool {
				if seq <= t.history && t.query.Filter.Time.Contains(when) {
					seqs = append(seqs, seq)
				}
				return false
			}, nil)
		}
		slices.Sort(seqs)
		if n := min(left, len(seqs)); n > 0 {
			left -= n
			position = seqs[len(seqs)-n] - 1
		}
	}
	t.last, t.position = 0, position
	return nil
}
