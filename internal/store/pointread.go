// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// pointReader reads what pointWriter wrote.
type pointReader struct {
	colenc.BitReader
	pointState
}

// Read restores the next point of the series but for its extra: r.row. It returns its
// place among the rows of the segment.
func (r *pointReader) Read() (place uint32) {
	if r.Held < 8 {
		r.Fill()
	}
	moment, before := r.moment+r.step, r.row.time
	if r.timing.moments != nil && r.Word>>60 == 0 { // as expected but for the value, as mostly
		r.Word, r.Held = r.Word<<4, r.Held-4
		m := &r.timing.moments[moment]
		r.row.time, place = m.time, m.first+r.offset
		r.readValue()
	} else {
		moment, place = r.readTime(moment)
		r.readStart(before)
		if r.Bit() {
			r.readKind()
		}
		r.readValue()
		r.integer, r.integers = wholeNumber(r.row.number, r.row.bits)
	}
	if r.begun {
		r.step, r.gap = moment-r.moment, int64(r.row.time-before)
	}
	r.begun, r.moment = true, moment
	return place
}

// readTime restores the time of a point whose moment is expected to be this one.
func (r *pointReader) readTime(expected int64) (moment int64, place uint32) {
	moment = expected + r.Signed()
	if r.timing.moments == nil {
		r.row.time += model.Nanos(r.gap + r.Signed())
		return moment, uint32(moment)
	}
	if r.Bit() {
		r.offset = uint32(r.Get(placeBits))
	}
	m := &r.timing.moments[moment]
	r.row.time = m.time
	return moment, m.first + r.offset
}

// readStart restores the start of a point behind one of a time.
func (r *pointReader) readStart(before model.Nanos) {
	switch r.Ones(3) {
	case 1:
		r.row.start = before
	case 2:
		r.row.start = r.timing.starts[r.Get(startBits)]
	case 3:
		r.row.start = model.Nanos(r.GetWide(64))
	}
}

func (r *pointReader) readKind() {
	row := &r.row
	row.number, row.extraLength, row.flags = model.NumberKind(r.Get(2)), uint32(r.Get(1)), 0
	if r.Bit() {
		row.flags = uint32(r.Get(32))
	}
}

func (r *pointReader) readValue() {
	switch r.Ones(2) {
	case 1:
		r.integer += r.Signed()
		r.integers, r.row.bits = true, uint64(r.integer)
		if r.row.number == model.NumberDouble {
			r.row.bits = math.Float64bits(float64(r.integer))
		}
	case 2:
		if r.Bit() {
			r.lead = uint(r.Get(6))
			r.width = uint(r.Get(6)) + 1
		}
		r.row.bits ^= r.GetWide(r.width) << (64 - r.lead - r.width)
		r.integer, r.integers = wholeNumber(r.row.number, r.row.bits)
	}
}
