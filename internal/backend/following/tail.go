// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package following

import (
	"context"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
)

const (
	// tailRows is how many rows a tail reads at once, and tailBytes about how many bytes of
	// them it holds, unless Bound says otherwise.
	tailRows, tailBytes = 1000, 1 << 20
	// maxRemembered is how many rows a tail remembers so as not to repeat them.
	maxRemembered = 200_000
)

// stage is what a tail reads next.
type stage uint8

const (
	stageBegin  stage = iota
	stagePast         // pages of what had arrived when the tail was made
	stageRecent       // what had just arrived then
	stageLive
)

// Tail follows rows of one kind, and implements query.Tail. Ready asks the server, and Poll
// returns what was read.
type Tail[Row any] struct {
	Options
	start model.Start
	how   How[Row]
	made  time.Time
	late  model.Nanos
	bytes int

	stage  stage
	begun  model.Nanos  // time of the server when the tail was made
	cursor model.Cursor // of the pages of the past
	behind Key          // live rows up to here do not count
	mark   model.Nanos  // live rows that arrived up to here were read
	seen   map[Key]int

	buffer   []Arrived[Row]
	old      int  // rows of the buffer that had arrived when the tail was made
	more     bool // such rows are still to be read
	news     bool // Poll has something to report
	loss     model.Loss
	position uint64
	last     place
}

// New makes a tail.
func New[Row any](options Options, start model.Start, how How[Row]) *Tail[Row] {
	t := &Tail[Row]{Options: options, start: start, how: how, made: options.Now(), bytes: tailBytes, more: true, seen: map[Key]int{}}
	if !start.Resume || start.After == 0 {
		return t
	}
	from, known := t.Places.of(start.After)
	if !known {
		t.start, t.loss.Count = model.Start{}, 1 // what arrived meanwhile cannot be known
		return t
	}
	t.begun, t.mark, t.cursor, t.behind, t.stage = from.begun, max(from.begun, from.live.Arrival), from.cursor, from.live, stagePast
	if t.cursor.IsZero() {
		t.stage = stageRecent
	}
	return t
}

// Ready implements query.Tail.
func (t *Tail[Row]) Ready(ctx context.Context) (err error) {
	if t.late == 0 {
		if t.late, err = t.how.Late(ctx); err != nil {
			return err
		}
	}
	for len(t.buffer) == 0 && !t.news {
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
				err = wait(ctx, t.Interval)
			}
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// arrivedBefore is how many rows of the buffer had arrived when the tail was made.
func (t *Tail[Row]) arrivedBefore() int {
	newer := slices.IndexFunc(t.buffer, func(row Arrived[Row]) bool { return row.Arrival > t.begun })
	if newer < 0 {
		return len(t.buffer)
	}
	return newer
}

// begin finds where the tail begins.
func (t *Tail[Row]) begin(ctx context.Context) error {
	now, err := t.ServerNow(ctx)
	if err != nil {
		return err
	}
	t.begun = now - min(now, model.Nanos(max(t.Now().Sub(t.made), 0)))
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
		if err := t.read(ctx, func(Arrived[Row]) {}); err != nil {
			return err
		}
	}
	t.old, t.more, t.news, t.stage = len(t.buffer), false, true, stageLive
	return nil
}

// until is the arrival up to which rows are read as pages: later ones may not all be
// visible yet.
func (t *Tail[Row]) until() model.Nanos { return t.begun - min(t.late, t.begun) }

// readPast reads the next page of the past.
func (t *Tail[Row]) readPast(ctx context.Context) error {
	page, err := t.how.Page(ctx, model.Paging{Limit: tailRows, MaxBytes: t.bytes, Ascending: true, After: t.cursor}, t.start.Since, t.until())
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

func (t *Tail[Row]) keyed(row *Row) Arrived[Row] {
	at, seq := t.how.Place(row)
	return Arrived[Row]{*row, Key{At: at, Seq: seq}}
}

// readLast reads the last rows by event time.
func (t *Tail[Row]) readLast(ctx context.Context) error {
	page, err := t.how.Page(ctx, model.Paging{Limit: t.start.Last, MaxBytes: t.bytes}, 0, t.until())
	if err != nil {
		return err
	}
	for i := range page.Rows {
		t.add(t.keyed(&page.Rows[i]))
	}
	if err := t.read(ctx, t.add); err != nil {
		return err
	}
	slices.SortStableFunc(t.buffer, func(a, b Arrived[Row]) int {
		return compareKeys(Key{At: a.At, Seq: a.Seq}, Key{At: b.At, Seq: b.Seq})
	})
	t.buffer = t.buffer[max(len(t.buffer)-t.start.Last, 0):]
	return nil
}

func (t *Tail[Row]) add(row Arrived[Row]) {
	if t.stage == stageRecent && row.At < t.start.Since {
		return
	}
	t.buffer = append(t.buffer, row)
}

// read calls use with the rows that arrived since, once each. Rows may become visible in
// another order than they arrived in, so that the latest ones are looked at again.
func (t *Tail[Row]) read(ctx context.Context, use func(Arrived[Row])) error {
	behind := Key{Arrival: t.mark - min(t.late, t.mark)}
	if compareKeys(behind, t.behind) < 0 {
		behind = t.behind
	}
	bytes := 0
	for bytes < t.bytes {
		found := map[Key]int{}
		n, err := t.how.Arrivals(ctx, behind, tailRows, func(row Arrived[Row]) {
			behind = row.Key
			if found[row.Key]++; found[row.Key] <= t.seen[row.Key] {
				return
			}
			t.seen[row.Key] = found[row.Key]
			t.mark = max(t.mark, row.Arrival)
			bytes += t.how.Size(&row.Row)
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
func (t *Tail[Row]) forget() {
	for late := t.late; ; late /= 2 {
		oldest := t.mark - min(late, t.mark)
		for key := range t.seen {
			if key.Arrival < oldest {
				delete(t.seen, key)
			}
		}
		if len(t.seen) <= maxRemembered || late == 0 {
			if late < t.late { // the rest of them is not looked at again
				t.behind = Key{Arrival: oldest}
			}
			return
		}
	}
}

// wait waits, unless the context ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
