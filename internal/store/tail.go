// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/segment"
)

const (
	// tailStep is how many rows a tail looks at before it looks up.
	tailStep = 1000
	// pollRows is how many rows one Poll looks at, so that its caller can give
	// up in between.
	pollRows = 1 << 16
	// tailBytes ends what is returned at once, unless Bound says less.
	tailBytes = 1 << 20
	// worthKeeping is the bound from which on a tail keeps its block of a segment
	// between calls: of many readers each has less, and would hold more than that.
	worthKeeping = 128 << 10
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
	hint    *segment.Hint
	loaded  *loaded[R] // the block in hand, where the tail reads a segment
	finish  func(*R)

	position uint64
	history  uint64 // newest sequence when the tail was made
	resumed  bool   // by a reader that wants to know what it missed
	since    model.Nanos
	last     int // matching rows to go back first
	taken    int // bytes of rows in the current answer
	bytes    int // that end an answer
}

// loaded is a block that a tail reads.
type loaded[R any] struct {
	view   view[R]
	reader *reader[R] // nil between calls, for it holds more than the rows
	block  int
	run    segment.Run[R]
}

// TailEvents makes a tail of log records. Paging does not count.
func (s *Store) TailEvents(q model.EventQuery, start model.Start) *Tail[model.Event] {
	return newTail(s.events, eventMatcher(q), segment.EventHint(&q), start, s.Identify)
}

// TailRecords is TailEvents, but leaves it to Identify to give the records that
// are needed their ids.
func (s *Store) TailRecords(q model.EventQuery, start model.Start) *Tail[model.Event] {
	return newTail(s.events, eventMatcher(q), segment.EventHint(&q), start, func(*model.Event) {})
}

// TailSpans makes a tail of the spans that a query for traces selects by. Paging
// does not count.
func (s *Store) TailSpans(q model.TraceQuery, start model.Start) *Tail[model.Span] {
	return newTail(s.spans, spanMatcher(q), segment.SpanHint(&q), start, func(*model.Span) {})
}

func newTail[R any](l *log[R], m matcher[R], h *segment.Hint, start model.Start, finish func(*R)) *Tail[R] {
	first, last := l.ends()
	t := &Tail[R]{
		log: l, matcher: m, hint: h, finish: finish,
		position: last, history: last, bytes: tailBytes,
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

// Bound ends what the next calls return at so many bytes, about. It is 1 MiB at
// first.
func (t *Tail[R]) Bound(bytes int) { t.bytes = bytes }

// Skip passes over all that is stored, and returns what that was.
func (t *Tail[R]) Skip() model.Loss {
	_, last := t.log.ends()
	return t.skip(last + 1)
}

// Next waits for matching rows and returns at least one, at most limit and about
// as many bytes as Bound said; or a loss alone, if rows were evicted before the tail came to them. The error is the
// context's.
func (t *Tail[R]) Next(ctx context.Context, limit int) ([]R, model.Loss, error) {
	if err := t.goBack(ctx); err != nil {
		return nil, model.Loss{}, err
	}
	defer t.rest()
	for {
		if err := ctx.Err(); err != nil {
			return nil, model.Loss{}, err
		}
		_, end := t.log.ends()
		rows, loss := t.step(nil, atLeastOne(limit), end)
		if len(rows) > 0 || loss.Count > 0 {
			return rows, loss, nil
		}
		if t.position >= end {
			t.await(ctx, end)
		}
	}
}

// Ready waits until there is something to look at, or the context ends, whose error
// it returns. Poll looks.
func (t *Tail[R]) Ready(ctx context.Context) error {
	for t.last == 0 && ctx.Err() == nil {
		_, end := t.log.ends()
		if t.position < end {
			return nil
		}
		t.await(ctx, end)
	}
	return ctx.Err()
}

// rest releases what is not needed until the next call, of which no one knows
// when it comes.
func (t *Tail[R]) rest() {
	t.taken = 0
	if l := t.loaded; l != nil {
		l.reader = nil
		if t.bytes < worthKeeping {
			t.loaded = nil
			return
		}
		if _, until := l.view.segment.RowsOf(l.block); t.position+1 >= l.view.first+uint64(until) {
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

// Poll returns at most limit matching rows without waiting, perhaps none, and a
// loss as Next does. more is false once the tail has come to where the log
// ended when the tail was made; anyone who polls until then comes to an end however
// much is written. Later calls return what has come since.
func (t *Tail[R]) Poll(limit int) (rows []R, loss model.Loss, more bool) {
	_ = t.goBack(context.Background()) // fails only with its context
	end := t.history
	if t.position >= end {
		_, end = t.log.ends()
	}
	defer t.rest()
	from, limit := t.position, atLeastOne(limit)
	for t.position < end && len(rows) < limit && t.taken < t.bytes && t.position-from < pollRows {
		looked := t.position
		rows, loss = t.step(rows, limit, end)
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
func (t *Tail[R]) step(rows []R, limit int, end uint64) ([]R, model.Loss) {
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
	if t.match == nil || t.chunk != v.first {
		t.match, t.chunk = t.matcher(), v.first
	}
	r, until := t.load(&v)
	stop := min(end, t.position+tailStep, v.first+uint64(until)-1)
	for i := r.Behind(int(t.position + 1 - v.first)); i < len(r.Rows); i++ {
		seq := v.first + uint64(r.Place(i))
		if seq > stop {
			break
		}
		t.position = seq
		if !t.wants(&r.Rows[i]) {
			continue
		}
		rows = append(rows, r.Rows[i])
		t.finish(&rows[len(rows)-1])
		t.taken += t.log.signal.answer(&r.Rows[i])
		if len(rows) == limit || t.taken >= t.bytes {
			return rows, model.Loss{}
		}
	}
	t.position = stop // what lies between was ruled out
	return rows, model.Loss{}
}

// load returns the block behind the position, and the place where it ends.
func (t *Tail[R]) load(v *view[R]) (r segment.Run[R], until int) {
	if v.segment == nil {
		t.loaded = nil
		return segment.Run[R]{Rows: v.rows}, v.count
	}
	b := int(t.position+1-v.first) / v.segment.BlockRows
	if t.loaded == nil || t.loaded.view.segment != v.segment {
		t.loaded = &loaded[R]{view: *v, block: -1}
	}
	if l := t.loaded; l.block != b {
		if l.reader == nil {
			l.reader = newReader(&l.view, t.hint)
		}
		l.block, l.run = b, segment.Run[R]{}
		if l.reader.admits(b) {
			l.run = l.reader.load(b)
		}
	}
	_, until = v.segment.RowsOf(b)
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
