// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"math/bits"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// pointRow is a point as it is stored. It holds no pointer.
type pointRow struct {
	time, start model.Nanos
	bits        uint64
	series      uint32 // slot in the registry
	extra       uint32 // of an open chunk: where in its extra bytes those of the row begin
	extraLength uint32 // of a compacted one: whether there are some
	flags       uint32
	number      model.NumberKind
}

// point returns the row but for its series, its sequence and its extra.
func (r *pointRow) point() model.Point {
	return model.Point{Start: r.start, Time: r.time, Bits: r.bits, Flags: r.flags, Number: r.number}
}

// moment is a run of rows, in the order of arrival, that have one time: mostly
// the points of one scrape. As a series mostly stands at the same place of each
// of its scrapes, moment and place give row and time in a few bits.
type moment struct {
	time  model.Nanos
	first uint32 // its first row
}

const (
	placeBits = 18 // a row's place within its moment
	// maxStarts is how many start times a segment names once.
	maxStarts = 256
	startBits = 8
)

// timing is the times of a segment that its points refer to.
type timing struct {
	moments []moment // nil if they are too many: then each row has its time
	starts  []model.Nanos
}

// pointState is what the next point of a series is encoded against.
type pointState struct {
	timing   *timing
	begun    bool
	moment   int64 // of the point before; without moments its row
	step     int64
	offset   uint32
	gap      int64 // between the times of the two points before
	row      pointRow
	lead     uint // where the bits of a float differed last
	width    uint
	integers bool // the value before was a whole number
	integer  int64
}

func newPointState(t *timing) pointState {
	s := pointState{timing: t, row: pointRow{number: model.NumberDouble}, integers: true}
	if len(t.starts) > 0 {
		s.row.start = t.starts[0]
	}
	return s
}

// advance takes a point as the one before.
func (s *pointState) advance(row *pointRow, moment int64) {
	if s.begun {
		s.step, s.gap = moment-s.moment, int64(row.time-s.row.time)
	}
	s.begun, s.moment = true, moment
	s.integer, s.integers = wholeNumber(row.number, row.bits)
	s.row = *row
}

// wholeNumber returns a number that an int64 represents exactly.
func wholeNumber(kind model.NumberKind, value uint64) (int64, bool) {
	switch kind {
	case model.NumberInt:
		return int64(value), true
	case model.NumberDouble:
		f := math.Float64frombits(value)
		if math.Abs(f) < 1<<53 && f == math.Trunc(f) && value != 1<<63 { // -0 is none
			return int64(f), true
		}
	case model.NumberNone: // no number
	}
	return 0, false
}

// pointWriter writes the points of one series after the other.
type pointWriter struct {
	colenc.BitWriter
	pointState
}

// write appends a point. Its moment is that of the segment, its offset how far
// behind the moment's first row it is.
func (w *pointWriter) write(row *pointRow, moment int64, offset uint32) {
	w.PutSigned(moment - w.moment - w.step)
	if w.timing.moments == nil {
		w.PutSigned(int64(row.time-w.row.time) - w.gap)
	} else {
		w.PutUnless(offset == w.offset, uint64(offset), placeBits)
		w.offset = offset
	}
	w.putStart(row)
	w.putKind(row)
	w.putValue(row)
	w.advance(row, moment)
}

// putStart appends a start time: that of the point before; its time, as deltas
// have it; one of those that the segment names; or any other.
func (w *pointWriter) putStart(row *pointRow) {
	switch row.start {
	case w.row.start:
		w.Put(0, 1)
	case w.row.time:
		w.Put(0b10, 2)
	default:
		for i, start := range w.timing.starts {
			if start == row.start {
				w.Put(0b110, 3)
				w.Put(uint64(i), startBits)
				return
			}
		}
		w.Put(0b111, 3)
		w.PutWide(uint64(row.start), 64)
	}
}

func (w *pointWriter) putKind(row *pointRow) {
	was := &w.row
	if row.number == was.number && row.flags == was.flags && (row.extraLength > 0) == (was.extraLength > 0) {
		w.Put(0, 1)
		return
	}
	w.Put(1, 1)
	w.Put(uint64(row.number), 2)
	w.PutUnless(row.extraLength == 0, 0, 0)
	w.PutUnless(row.flags == 0, uint64(row.flags), 32)
}

// putValue appends a number: nothing new; a whole number by the difference; or
// the bits that differ, as Gorilla does.
func (w *pointWriter) putValue(row *pointRow) {
	if row.bits == w.row.bits {
		w.Put(0, 1)
		return
	}
	integer, is := wholeNumber(row.number, row.bits)
	by := integer - w.integer
	if is && (row.number == model.NumberInt || w.integers && colenc.Zigzag(by)>>24 == 0) {
		w.Put(0b10, 2)
		w.PutSigned(by)
		return
	}
	w.Put(0b11, 2)
	w.putDiffering(row.bits ^ w.row.bits)
}

// putDiffering appends the bits within which two floats differ: those where the
// last two differed, if they suffice.
func (w *pointWriter) putDiffering(differ uint64) {
	lead := uint(bits.LeadingZeros64(differ))
	trail := uint(bits.TrailingZeros64(differ))
	if w.width > 0 && lead >= w.lead && trail >= 64-w.lead-w.width && 64-lead-trail+12 > w.width {
		w.Put(0, 1)
	} else {
		w.lead, w.width = lead, 64-lead-trail
		w.Put(1, 1)
		w.Put(uint64(w.lead), 6)
		w.Put(uint64(w.width-1), 6)
	}
	w.PutWide(differ>>(64-w.lead-w.width), w.width)
}
