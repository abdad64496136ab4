// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"encoding/binary"
	"time"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// entry is one profile, or the part of it that is in this volume.
type entry struct {
	id          model.ProfileID
	seq         uint64
	profile     uint64 // sequence of the first part of the profile
	series      uint32
	time        model.Nanos
	duration    time.Duration
	first, last model.Nanos // of the samples; both the profile's time if they have none
	timed       bool        // some samples have a time of their own
	from, to    int         // in rows
	scale       int64       // all values are in multiples of it: the period of its type or 1
	samples     uint64
	total       int64
}

// An entry is kept in heads, in variable-length numbers: its series, with flags below; the bytes of its
// rows; its samples; their sum, divided by the scale; and what the flags announce.
const (
	headScaled   = 1 << iota // the scale is the period of its type
	headTimed                // the times follow that its samples span
	headMore                 // a part of a profile: the number of those before it follows
	headInterval             // another interval than that of the entry before
	headID                   // its id follows; else it is one more than that of the entry before

	headBits = 5
	// maxHead is the most bytes of an entry in heads.
	maxHead = 7*binary.MaxVarintLen64 + len(model.ProfileID{})
)

// interval is when profiles began, and how long they took.
type interval struct {
	time     model.Nanos
	duration time.Duration
}

// mark is where every markEvery-th entry begins, and what those before it amount to.
type mark struct {
	head, rows, interval uint32
	last                 model.ProfileID
}

const markEvery = 32

const (
	intervalSize = int64(unsafe.Sizeof(interval{}))
	markSize     = int64(unsafe.Sizeof(mark{}))
)

// next is the id behind this one.
func next(id model.ProfileID) model.ProfileID {
	binary.BigEndian.PutUint64(id[8:], binary.BigEndian.Uint64(id[8:])+1)
	return id
}

// pushEntry appends an entry, whose rows are the last ones.
func (v *volume) pushEntry(e *entry) {
	if v.count == 0 {
		v.begin = e.seq
	}
	flags := uint64(0)
	if last := len(v.intervals) - 1; last < 0 || v.intervals[last] != (interval{e.time, e.duration}) {
		v.intervals = appended(v.intervals, interval{e.time, e.duration})
		if last >= 0 {
			flags |= headInterval
		}
	}
	if v.count%markEvery == 0 {
		v.marks = appended(v.marks, mark{uint32(len(v.heads)), uint32(e.from), uint32(len(v.intervals) - 1), v.lastID})
		flags &^= headInterval
	}
	if e.scale != 1 {
		flags |= headScaled
	}
	if e.timed {
		flags |= headTimed
	}
	if e.profile != e.seq {
		flags |= headMore
	}
	if e.id != next(v.lastID) {
		flags |= headID
	}
	v.heads = room(v.heads, maxHead)
	v.heads = binary.AppendUvarint(v.heads, uint64(e.series)<<headBits|flags)
	v.heads = binary.AppendUvarint(v.heads, uint64(e.to-e.from))
	v.heads = binary.AppendUvarint(v.heads, e.samples)
	v.heads = binary.AppendVarint(v.heads, e.total/e.scale)
	if e.timed {
		v.heads = binary.AppendVarint(v.heads, int64(e.first-e.time))
		v.heads = binary.AppendVarint(v.heads, int64(e.last-e.first))
	}
	if flags&headMore != 0 {
		v.heads = binary.AppendUvarint(v.heads, e.seq-e.profile)
	}
	if flags&headID != 0 {
		v.heads = append(v.heads, e.id[:]...)
	}
	v.lastID = e.id
	v.count++
}

// reader reads entries one after the other.
type reader struct {
	of       *view
	i        int // of the next entry
	heads    numbers
	rows     int
	interval uint32
	last     model.ProfileID
}

// from returns a reader of the i-th entry and those behind it.
func (v *view) from(i int) reader {
	r := reader{of: v, i: v.count}
	if i >= v.count {
		return r
	}
	at := &v.marks[i/markEvery]
	r = reader{of: v, i: i / markEvery * markEvery, heads: numbers{data: v.heads[at.head:]}, rows: int(at.rows), interval: at.interval, last: at.last}
	for r.i < i {
		r.next()
	}
	return r
}

// more reports whether there is a next entry.
func (r *reader) more() bool { return r.i < r.of.count }

// next returns the next entry, as it was appended.
func (r *reader) next() (e entry) {
	if r.i%markEvery == 0 {
		r.interval = r.of.marks[r.i/markEvery].interval // which its head does not announce
	}
	head := r.heads.uint()
	length := int(r.heads.uint())
	e = entry{
		seq: r.of.seqOf(r.i), profile: r.of.seqOf(r.i), series: uint32(head >> headBits), from: r.rows, to: r.rows + length, scale: 1,
		samples: r.heads.uint(), id: next(r.last),
	}
	if head&headScaled != 0 {
		e.scale = r.of.kinds[r.of.series[e.series].kind].Period
	}
	e.total = r.heads.int() * e.scale
	if head&headInterval != 0 {
		r.interval++
	}
	at := r.of.intervals[r.interval]
	e.time, e.duration, e.first, e.last = at.time, at.duration, at.time, at.time
	if head&headTimed != 0 {
		e.timed, e.first = true, e.time+model.Nanos(r.heads.int())
		e.last = e.first + model.Nanos(r.heads.int())
	}
	if head&headMore != 0 {
		e.profile -= r.heads.uint()
	}
	if head&headID != 0 {
		r.heads.take(copy(e.id[:], r.heads.data))
	}
	r.i, r.rows, r.last = r.i+1, e.to, e.id
	return e
}

// seqOf is the sequence of an entry.
func (v *view) seqOf(i int) uint64 { return v.begin + uint64(i) }

// after is how many entries have sequences up to this one.
func (v *view) after(seq uint64) int { return int(max(seq+1, v.begin) - v.begin) }

// lastSeq is the sequence of the last entry, of a volume that has one.
func (v *view) lastSeq() uint64 { return v.seqOf(v.count - 1) }
