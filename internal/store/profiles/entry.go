// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
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

// packedEntry is an entry as a volume keeps it: its sequence is that of the entry before and
// one more, and its rows end where those of the next one begin. Profiles of one
// interval have the time in common, and most have samples without times.
type packedEntry struct {
	id       model.ProfileID
	total    int64
	interval uint32
	series   uint32
	from     uint32
	samples  uint32
	span     uint32 // unknown if its samples have no times
	back     uint32 // parts of the profile before it, and below that whether it is scaled
}

// interval is when profiles began, and how long they took.
type interval struct {
	time     model.Nanos
	duration time.Duration
}

// span is the first and the last time of samples.
type span struct{ first, last model.Nanos }

const (
	entrySize    = int64(unsafe.Sizeof(packedEntry{}))
	intervalSize = int64(unsafe.Sizeof(interval{}))
	spanSize     = int64(unsafe.Sizeof(span{}))
	scaledBits   = 1
)

// pushEntry appends an entry, whose rows are the last ones.
func (v *volume) pushEntry(e *entry) {
	if len(v.entries) == 0 {
		v.begin = e.seq
	}
	if last := len(v.intervals) - 1; last < 0 || v.intervals[last] != (interval{e.time, e.duration}) {
		v.intervals = append(v.intervals, interval{e.time, e.duration})
	}
	packed := packedEntry{
		id: e.id, total: e.total, interval: uint32(len(v.intervals) - 1), series: e.series, from: uint32(e.from), samples: uint32(e.samples), span: unknown,
		back: uint32(e.seq-e.profile) << scaledBits,
	}
	if e.scale != 1 {
		packed.back |= 1
	}
	if e.timed {
		packed.span = uint32(len(v.spans))
		v.spans = append(v.spans, span{e.first, e.last})
	}
	v.entries = append(v.entries, packed)
}

// entry returns an entry as it was appended.
func (v *view) entry(i int) entry {
	packed := &v.entries[i]
	at := v.intervals[packed.interval]
	e := entry{
		id: packed.id, seq: v.seqOf(i), series: packed.series, time: at.time, duration: at.duration, first: at.time, last: at.time,
		from: int(packed.from), to: len(v.rows), scale: 1, samples: uint64(packed.samples), total: packed.total,
	}
	e.profile = e.seq - uint64(packed.back>>scaledBits)
	if packed.back&1 != 0 {
		e.scale = v.kinds[v.series[e.series].kind].Period
	}
	if packed.span != unknown {
		e.timed, e.first, e.last = true, v.spans[packed.span].first, v.spans[packed.span].last
	}
	if i+1 < len(v.entries) {
		e.to = int(v.entries[i+1].from)
	}
	return e
}

// seqOf is the sequence of an entry.
func (v *view) seqOf(i int) uint64 { return v.begin + uint64(i) }

// lastSeq is the sequence of the last entry, of a volume that has one.
func (v *view) lastSeq() uint64 { return v.seqOf(len(v.entries) - 1) }
