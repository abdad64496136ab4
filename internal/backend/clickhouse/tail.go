// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
)

const (
	// lateness is how long after its turn a row may become visible, for an insert takes
	// its time. Without the column InsertedAt it is how late rows may arrive.
	lateness, latenessOfEvents = model.Nanos(5 * time.Second), model.Nanos(time.Minute)
	// tailRows is how many rows a tail reads at once, and tailBytes about how many bytes of
	// them it holds, unless Bound says otherwise.
	tailRows, tailBytes = 1000, 1 << 20
	// maxRemembered is how many rows a tail remembers so as not to repeat them.
	maxRemembered = 200_000
)

// rowKey is the place of a row in the order of arrival.
type rowKey struct {
	arrival, at model.Nanos
	seq         uint64
}

// arrived is a row and its place.
type arrived[Row any] struct {
	row Row
	rowKey
}

// stage is what a tail reads next.
type stage uint8

const (
	stageBegin  stage = iota
	stagePast         // pages of what had arrived when the tail was made
	stageRecent       // what had just arrived then
	stageLive
)

// tail follows rows of one kind. Ready asks the server, and Poll returns what was read.
type tail[Row any] struct {
	reader *connection
	start  model.Start
	how    tailing[Row]
	made   time.Time
	late   model.Nanos
	bytes  int

	stage  stage
	begun  model.Nanos  // time of the server when the tail was made
	cursor model.Cursor // of the pages of the past
	behind rowKey       // live rows up to here do not count
	mark   model.Nanos  // live rows that arrived up to here were read
	seen   map[rowKey]int

	buffer   []arrived[Row]
	old      int  // rows of the buffer that had arrived when the tail was made
	more     bool // such rows are still to be read
	news     bool // Poll has something to report
	loss     model.Loss
	position uint64
	last     place
}

// tailing is how rows of one kind are read.
type tailing[Row any] struct {
	// late returns how late rows may be.
	late func(s *statement) model.Nanos
	// page reads a page of the rows that had arrived until some time, from an event time
	// on.
	page func(ctx context.Context, s *statement, paging model.Paging, since, until model.Nanos) (model.Page[Row], error)
	// arrivals calls use with rows behind a place, in the order of their arrival: at most
	// limit, and those of the same place as the last of them. It returns how many.
	arrivals func(ctx context.Context, s *statement, behind rowKey, limit int, use func(arrived[Row])) (int, error)
	place    func(*Row) (model.Nanos, uint64)
	size     func(*Row) int
}

func newTail[Row any](r *connection, start model.Start, how tailing[Row]) *tail[Row] {
	t := &tail[Row]{
		reader: r, start: start, how: how, made: r.Now(), late: lateness, bytes: tailBytes, more: true, seen: map[rowKey]int{},
	}
	if !start.Resume || start.After == 0 {
		return t
	}
	from, known := r.places.of(start.After)
	if !known {
		t.start, t.loss.Count = model.Start{}, 1 // what arrived meanwhile cannot be known
		return t
	}
	t.begun, t.mark, t.cursor, t.behind, t.stage = from.begun, max(from.begun, from.live.arrival), from.cursor, from.live, stagePast
	if t.cursor.IsZero() {
		t.stage = stageRecent
	}
	return t
}

// Ready implements query.Tail.
func (t *tail[Row]) Ready(ctx context.Context) error {
	for len(t.buffer) == 0 && !t.news {
		var err error
		switch t.stage {
		case stageBegin:
			err = t.begin(ctx)
		case stagePast:
			err = t.readPast(ctx)
		case stageRecent:
			if err = t.read(ctx, t.add); err == nil {
				t.old, t.more, t.news, t.stage = t.arrivedBefore(), false, true, stageLive
			}
		case stageLive:
			if err = t.read(ctx, t.add); err == nil && len(t.buffer) == 0 {
				err = wait(ctx, t.reader.PollInterval)
			}
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// arrivedBefore is how many rows of the buffer had arrived when the tail was made.
func (t *tail[Row]) arrivedBefore() int {
	newer := slices.IndexFunc(t.buffer, func(row arrived[Row]) bool { return row.arrival > t.begun })
	if newer < 0 {
		return len(t.buffer)
	}
	return newer
}

// begin finds where the tail begins.
func (t *tail[Row]) begin(ctx context.Context) error {
	now, err := t.reader.now(ctx)
	if err != nil {
		return err
	}
	s, err := t.reader.begin(ctx)
	if err != nil {
		return err
	}
	t.late = t.how.late(s)
	t.begun = now - min(now, model.Nanos(max(t.reader.Now().Sub(t.made), 0)))
	t.mark = t.begun
	switch {
	case t.start.Last > 0:
		if err := t.readLast(ctx); err != nil {
			return err
		}
	case t.start.Resume || t.start.Since != 0:
		t.stage = stagePast
		return nil
	default:
		if err := t.read(ctx, func(arrived[Row]) {}); err != nil {
			return err
		}
	}
	t.old, t.more, t.news, t.stage = len(t.buffer), false, true, stageLive
	return nil
}

// until is the arrival up to which rows are read as pages: later ones may not all be
// visible yet.
func (t *tail[Row]) until() model.Nanos { return t.begun - min(t.late, t.begun) }

// readPast reads the next page of the past.
func (t *tail[Row]) readPast(ctx context.Context) error {
	s, err := t.reader.begin(ctx)
	if err != nil {
		return err
	}
	page, err := t.how.page(ctx, s, model.Paging{Limit: tailRows, MaxBytes: t.bytes, Ascending: true, After: t.cursor}, t.start.Since, t.until())
	if err != nil {
		return err
	}
	for i := range page.Rows {
		t.add(t.keyed(&page.Rows[i]))
	}
	t.old = len(t.buffer)
	if t.cursor = page.Next; t.cursor.IsZero() {
		t.stage = stageRecent
	}
	return nil
}

func (t *tail[Row]) keyed(row *Row) arrived[Row] {
	at, seq := t.how.place(row)
	return arrived[Row]{*row, rowKey{at: at, seq: seq}}
}

// readLast reads the last rows by event time.
func (t *tail[Row]) readLast(ctx context.Context) error {
	s, err := t.reader.begin(ctx)
	if err != nil {
		return err
	}
	page, err := t.how.page(ctx, s, model.Paging{Limit: t.start.Last, MaxBytes: t.bytes}, 0, t.until())
	if err != nil {
		return err
	}
	for i := range page.Rows {
		t.add(t.keyed(&page.Rows[i]))
	}
	if err := t.read(ctx, t.add); err != nil {
		return err
	}
	slices.SortStableFunc(t.buffer, func(a, b arrived[Row]) int {
		return compareKeys(rowKey{at: a.at, seq: a.seq}, rowKey{at: b.at, seq: b.seq})
	})
	t.buffer = t.buffer[max(len(t.buffer)-t.start.Last, 0):]
	return nil
}

func (t *tail[Row]) add(row arrived[Row]) {
	if t.stage == stageRecent && row.at < t.start.Since {
		return
	}
	t.buffer = append(t.buffer, row)
}

// read calls use with the rows that arrived since, once each. Rows may become visible in
// another order than they arrived in, so that the latest ones are looked at again.
func (t *tail[Row]) read(ctx context.Context, use func(arrived[Row])) error {
	behind := rowKey{arrival: t.mark - min(t.late, t.mark)}
	if compareKeys(behind, t.behind) < 0 {
		behind = t.behind
	}
	bytes := 0
	for bytes < t.bytes {
		s, err := t.reader.begin(ctx)
		if err != nil {
			return err
		}
		found := map[rowKey]int{}
		n, err := t.how.arrivals(ctx, s, behind, tailRows, func(row arrived[Row]) {
			behind = row.rowKey
			if found[row.rowKey]++; found[row.rowKey] <= t.seen[row.rowKey] {
				return
			}
			t.seen[row.rowKey] = found[row.rowKey]
			t.mark = max(t.mark, row.arrival)
			bytes += t.how.size(&row.row)
			use(row)
		})
		if err != nil {
			return err
		}
		if n < tailRows {
			break
		}
	}
	t.forget()
	return nil
}

// forget drops the rows that are not looked at again.
func (t *tail[Row]) forget() {
	for late := t.late; ; late /= 2 {
		oldest := t.mark - min(late, t.mark)
		for key := range t.seen {
			if key.arrival < oldest {
				delete(t.seen, key)
			}
		}
		if len(t.seen) <= maxRemembered || late == 0 {
			if late < t.late { // the rest of them is not looked at again
				t.behind = rowKey{arrival: oldest}
			}
			return
		}
	}
}
