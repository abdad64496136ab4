// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/tapio/tapio/internal/model"
)

const (
	// tailStep is how many rows a tail looks at before it looks up.
	tailStep = 1000
	// pollRows is how many rows one Poll looks at, so that its caller can give
	// up in between.
	pollRows = 1 << 16
	// tailBytes ends what is returned at once: a reader that does not take it holds
	// no more, and a thousand readers may.
	tailBytes = 1 << 20
)

// Tail reads the matching rows of a signal in the order of their arrival, from
// the past into the present, without gap or repeat. It holds no lock between
// calls and needs no closing; the store never waits for it. A Tail is for one
// goroutine at a time.
type Tail[R any] struct {
	log     *log[R]
	matcher matcher[R]
	match   func(*R) bool
	chunk   uint64 // first sequence of the chunk that match was made for
	hint    *hint
	loaded  *loaded[R] // the block in hand, where the tail reads a segment
	finish  func(*R)

	position uint64
	history  uint64 // newest sequence when the tail was made
	resumed  bool   // by a reader that wants to know what it missed
	since    model.Nanos
	last     int // matching rows to go back first
	taken    int // bytes of rows in the answer at hand
}

// loaded is a block that a tail reads.
type loaded[R any] struct {
	view   view[R]
	reader *reader[R] // nil between calls, for it holds more than the rows
	block  int
	run    run[R]
}

// TailEvents makes a tail of log records. Paging does not count.
func (s *Store) TailEvents(q model.EventQuery, start model.Start) *Tail[model.Event] {
	return newTail(s.events, eventMatcher(q), eventHint(&q), start, s.identify)
}

// TailSpans makes a tail of the spans that a query for traces selects by. Paging
// does not count.
func (s *Store) TailSpans(q model.TraceQuery, start model.Start) *Tail[model.Span] {
	return newTail(s.spans, spanMatcher(q), spanHint(&q), start, func(*model.Span) {})
}

func newTail[R any](l *log[R], m matcher[R], h *hint, start model.Start, finish func(*R)) *Tail[R] {
	first, last := l.ends()
	t := &Tail[R]{
		log: l, matcher: m, hint: h, finish: finish,
		position: last, history: last,
	}
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
		t.since = start.Since
		t.position = first - 1
	}
	return t
}

// Position returns the sequence of the last row looked at.
func (t *Tail[R]) Position() uint64 { return t.position }

// Next waits for matching rows and returns at least one, at most max and about
// 1 MiB; or a loss alone, if rows were evicted before the tail came to them. The error is the
// context's.
func (t *Tail[R]) Next(ctx context.Context, max int) ([]R, model.Loss, error) {
	if err := t.goBack(ctx); err != nil {
		return nil, model.Loss{}, err
	}
	defer t.rest()
	for {
		if err := ctx.Err(); err != nil {
			return nil, model.Loss{}, err
		}
		_, end := t.log.ends()
		rows, loss := t.step(nil, atLeastOne(max), end)
		if len(rows) > 0 || loss.Count > 0 {
			return rows, loss, nil
		}
		if t.position >= end {
			t.await(ctx, end)
		}
	}
}

// rest lets go of what is not needed until the next call, of which nobody knows
// when it comes.
func (t *Tail[R]) rest() {
	t.taken = 0
	if l := t.loaded; l != nil {
		l.reader = nil
		if _, until := l.view.segment.rowsOf(l.block); t.position+1 >= l.view.first+uint64(until) {
			t.loaded = nil
		}
	}
}

// await returns when the log goes on behind end, or the context is done.
func (t *Tail[R]) await(ctx context.Context, end uint64) {
	t.match, t.loaded = nil, nil // what they remember is not worth its memory while a thousand tails wait
	ring := t.log.bell.wait()
	if _, last := t.log.ends(); last > end {
		return
	}
	select {
	case <-ring:
	case <-ctx.Done():
	}
}

// atLeastOne keeps a caller that asks for nothing from waiting for ever.
func atLeastOne(n int) int { return max(n, 1) }

// Poll returns at most max matching rows without waiting, perhaps none, and a
// loss as Next does. more is false once the tail has come to where the log
// ended when the tail was made; whoever polls until then comes to an end however
// much is written. Later calls return what has come since.
func (t *Tail[R]) Poll(max int) (rows []R, loss model.Loss, more bool) {
	_ = t.goBack(context.Background()) // fails only with its context
	end := t.history
	if t.position >= end {
		_, end = t.log.ends()
	}
	defer t.rest()
	from, max := t.position, atLeastOne(max)
	for t.position < end && len(rows) < max && t.taken < tailBytes && t.position-from < pollRows {
		looked := t.position
		rows, loss = t.step(rows, max, end)
		if loss.Count > 0 || t.position == looked {
			break
		}
	}
	t.match = nil
	if t.position >= t.history {
		t.loaded = nil
	}
	return rows, loss, t.position < t.history
}

// step looks at some rows behind the position and appends those that match.
func (t *Tail[R]) step(rows []R, max int, end uint64) ([]R, model.Loss) {
	v, oldest, gap := t.log.behind(t.position)
	if gap && !t.resumed {
		t.position = oldest - 1 // nobody was promised those rows
	}
	if t.position+1 < oldest && len(rows) > 0 {
		return rows, model.Loss{} // the loss comes behind these rows: with the next call
	}
	if loss := t.skip(oldest); loss.Count > 0 || v.count == 0 {
		return rows, loss
	}
	if t.match == nil || t.chunk != v.first {
		t.match, t.chunk = t.matcher(), v.first
	}
	r, until := t.load(&v)
	stop := min(end, t.position+tailStep, v.first+uint64(until)-1)
	for i := r.behind(int(t.position + 1 - v.first)); i < len(r.rows); i++ {
		seq := v.first + uint64(r.place(i))
		if seq > stop {
			break
		}
		t.position = seq
		if !t.wants(&r.rows[i]) {
			continue
		}
		rows = append(rows, r.rows[i])
		t.finish(&rows[len(rows)-1])
		t.taken += t.log.signal.answer(&r.rows[i])
		if len(rows) == max || t.taken >= tailBytes {
			return rows, model.Loss{}
		}
	}
	t.position = stop // what lies between was ruled out
	return rows, model.Loss{}
}

// load returns the block behind the position, and the place where it ends.
func (t *Tail[R]) load(v *view[R]) (r run[R], until int) {
	if v.segment == nil {
		t.loaded = nil
		return run[R]{rows: v.rows}, v.count
	}
	b := int(t.position+1-v.first) / v.segment.blockRows
	if t.loaded == nil || t.loaded.view.segment != v.segment {
		t.loaded = &loaded[R]{view: *v, block: -1}
	}
	if l := t.loaded; l.block != b {
		if l.reader == nil {
			l.reader = newReader(&l.view, t.hint)
		}
		l.block, l.run = b, run[R]{}
		if l.reader.admits(b) {
			l.run = l.reader.load(b)
		}
	}
	_, until = v.segment.rowsOf(b)
	return t.loaded.run, until
}

// wants leaves out what is older than since, of what was stored beforehand.
func (t *Tail[R]) wants(row *R) bool {
	if t.position <= t.history && t.log.signal.when(row) < t.since {
		return false
	}
	return t.match(row)
}

// skip passes over what was evicted.
func (t *Tail[R]) skip(oldest uint64) model.Loss {
	if t.position+1 >= oldest {
		return model.Loss{}
	}
	loss := model.Loss{Count: oldest - 1 - t.position, First: t.position + 1, Last: oldest - 1}
	t.position = loss.Last
	t.log.lost.Add(loss.Count)
	return loss
}

// goBack moves the position before the last matching rows, the first time it is
// called. It stands by the rows that are still there.
func (t *Tail[R]) goBack(ctx context.Context) error {
	if t.last <= 0 {
		return nil
	}
	views, _ := t.log.views()
	back := walk{left: t.last, position: t.history, history: t.history}
	for i := len(views) - 1; i >= 0 && back.left > 0; i-- {
		if err := t.goBackIn(ctx, &views[i], &back); err != nil {
			return err
		}
	}
	t.last, t.position = 0, back.position
	return nil
}

// walk is how far goBack has come.
type walk struct {
	left              int
	position, history uint64
	looked            int
}

func (t *Tail[R]) goBackIn(ctx context.Context, v *view[R], back *walk) error {
	r, match := newReader(v, t.hint), t.matcher()
	for b := r.blocks() - 1; b >= 0 && back.left > 0; b-- {
		if !r.admits(b) {
			continue
		}
		rows := r.load(b)
		for n := len(rows.rows) - 1; n >= 0 && back.left > 0; n-- {
			if back.looked++; back.looked%checkRows == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			seq := v.first + uint64(rows.place(n))
			if seq <= back.history && match(&rows.rows[n]) {
				back.left--
				back.position = seq - 1
			}
		}
	}
	return nil
}
