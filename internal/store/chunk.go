// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/intern"
	"github.com/tapio/tapio/internal/store/segment"
)

// chunkBytes is charged for a chunk itself: the struct, its maps and scratch.
const chunkBytes = 1024

// unhurried is the time in which a row may come so that packing it tightly takes
// less than a twentieth of a processor.
const unhurried = 40 * time.Microsecond

// spareRoom is the share of its rows that a chunk has room for beside them: one in
// so many.
const spareRoom = 16

// chunk is a run of rows that lives and dies together: as they came in at
// first, as a segment once it is compacted. All of it is guarded by the log's lock;
// but rows once appended never change, so that a view reads them without.
type chunk[R any] struct {
	span

	signal  *signal[R]
	parts   *intern.Parts
	rows    []R // nil once it is compacted
	segment *segment.Segment
	head    *headSummary[R]          // nil once it is compacted
	summary *atomic.Pointer[summary] // of the segment, once it is counted
	content int64                    // bytes of rows, parts or segment, and the chunk itself
	ordered bool                     // rows are in the order of time, as they mostly are
}

// newChunk makes a chunk with room for so many rows.
func newChunk[R any](signal *signal[R], first uint64, now time.Time, parts *intern.Parts, room int) *chunk[R] {
	return &chunk[R]{
		span: span{first: first, opened: now, arrived: now}, signal: signal, parts: parts, content: chunkBytes, rows: make([]R, 0, room),
		ordered: true, head: &headSummary[R]{}, summary: new(atomic.Pointer[summary]),
	}
}

// roomOfNext is how many rows the chunk behind this one has room for from the start:
// some more than this one had, so that they are not moved again and again, but not so many that
// it is half full of room.
func (c *chunk[R]) roomOfNext(limit int64) int {
	if c == nil {
		return 0
	}
	return min(c.count+c.count/spareRoom, int(limit/2)/c.signal.slot)
}

// size is the bytes that the chunk holds, room for further rows included.
func (c *chunk[R]) size() int64 {
	return c.content + int64((cap(c.rows)-len(c.rows))*c.signal.slot)
}

// weigh returns the bytes of a row and of what the chunk lacks for it.
func (c *chunk[R]) weigh(row *R) int64 {
	return int64(c.signal.size(row) + c.signal.cost(c.parts, row))
}

// cost is what put would add to size.
func (c *chunk[R]) cost(weight int64) int64 {
	slots := -1 // the row moves into a slot that is counted already
	if len(c.rows) == cap(c.rows) {
		slots += grown(cap(c.rows)) - cap(c.rows)
	}
	return weight + int64(slots*c.signal.slot)
}

// grown is the next capacity: small steps at first for chunks of few large
// rows, then by half, so that little memory is reserved without use.
func grown(capacity int) int { return capacity + capacity/2 + 1 }

// put appends a row of this weight, and changes it to what is stored.
func (c *chunk[R]) put(row *R, weight int64, arrived time.Time) {
	c.signal.keep(c.parts, row, int32(len(c.rows)))
	c.note(c.signal.when(row))
	if len(c.rows) == cap(c.rows) {
		c.move(grown(cap(c.rows)))
	}
	c.rows = append(c.rows, *row)
	c.count++
	c.content += weight
	c.arrived = arrived
}

func (c *chunk[R]) note(when model.Nanos) {
	c.dated = earlier(c.dated, when)
	if c.count == 0 {
		c.oldest, c.newest = when, when
		return
	}
	c.ordered = c.ordered && when >= c.newest
	c.oldest, c.newest = min(c.oldest, when), max(c.newest, when)
}

// earlier returns the earlier of two times, of which 0 is none.
func earlier(a, b model.Nanos) model.Nanos {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// move copies the rows to an array of that very capacity. Views go on with the
// old one.
func (c *chunk[R]) move(capacity int) {
	rows := make([]R, len(c.rows), capacity)
	copy(rows, c.rows)
	c.rows = rows
}

// close gives back what is held for further rows and for writing, and returns
// how many bytes that was. A little room stays until the rows go: it is not worth
// moving them.
func (c *chunk[R]) close() int64 {
	before := c.size()
	if spare := cap(c.rows) - len(c.rows); spare > 2*len(c.rows)/spareRoom {
		c.move(len(c.rows))
	}
	c.parts.Forget()
	return before - c.size()
}

// Packing chooses how the chunk is compacted. When rows come faster than a person
// looks at them, those who write must not wait for the last byte that could be
// saved.
func (c *chunk[R]) packing() colenc.Packing {
	if c.arrived.Sub(c.opened) < time.Duration(c.count)*unhurried {
		return colenc.PackQuick
	}
	return colenc.PackTight
}

// replace puts the segment in the place of the rows, unless it is larger, and
// returns how many bytes that saves.
func (c *chunk[R]) replace(s *segment.Segment) int64 {
	before := c.size()
	after := chunkBytes + s.Size()
	if after >= before {
		return 0
	}
	c.rows, c.head, c.segment, c.content = nil, nil, s, after
	c.parts = &intern.Parts{}
	return before - c.size()
}

// views returns all rows, the oldest chunk first, and the sequence of the last.
func (l *log[R]) views() ([]view[R], uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	views := make([]view[R], 0, len(l.chunks))
	for _, c := range l.chunks {
		if c.count > 0 {
			views = append(views, c.view())
		}
	}
	return views, l.last
}

// behind returns the rows of one chunk that follow a sequence, none where there
// are no more, and the oldest sequence that can be read on from there. gap is set
// if the sequences between have no rows: a crash, or a file that was set aside, took
// them. A gap may be the end of the log, until the first row after the restart.
func (l *log[R]) behind(seq uint64) (v view[R], oldest uint64, gap bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i, found, oldest, gap := l.chunkBehind(seq)
	if found {
		v = l.chunks[i].view()
	}
	return v, oldest, gap
}

// bySeq returns one row.
func (l *log[R]) bySeq(seq uint64) (row R, found bool) {
	v, oldest, _ := l.behind(seq - 1)
	if seq == 0 || seq < max(oldest, v.first) || v.count == 0 {
		return row, false
	}
	return v.row(int(seq - v.first)), true
}

// byUID returns the newest row that is indexed under the id.
func (l *log[R]) byUID(uid string) (row R, found bool) {
	if uid == "" {
		return row, false
	}
	views, _ := l.views()
	for i := range slices.Backward(views) {
		if place, ok := views[i].placeOfUID(&l.mu, uid); ok {
			return views[i].row(place), true
		}
	}
	return row, false
}

func (v *view[R]) placeOfUID(writing *sync.RWMutex, uid string) (place int, found bool) {
	if v.segment == nil {
		writing.RLock() // the head's index is written meanwhile
		defer writing.RUnlock()
		place, found := v.parts.UIDs[uid]
		return int(place), found && int(place) < v.count
	}
	for _, u := range v.segment.PlacesOfUID(xxhash.Sum64String(uid)) {
		if row := v.row(int(u.Place)); v.signal.uid(&row) == uid {
			return int(u.Place), true
		}
	}
	return 0, false
}
