// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// pointSegment is the points of a compacted chunk, put together by series. It
// never changes. No element of its slices holds a pointer, so that the garbage
// collector sees some ten objects however many points there are.
type pointSegment struct {
	rows      int
	timing    timing
	directory []byte // for each series, by slot: gap to the slot before, points, bytes in data, in extra
	data      []byte // the points, each series from a byte of its own
	extra     []byte // distributions and exemplars, in the same order
	bounds    []float64
	boundEnds []uint32
}

// stretch is where one series stands in a segment.
type stretch struct {
	series          uint32
	count           uint32 // points
	data            uint32 // where they begin
	extra, extraEnd uint32
}

// size is the bytes of the segment, all of them.
func (s *pointSegment) size() int64 {
	n := int(unsafe.Sizeof(*s)) + colenc.SliceBytes(s.timing.moments) + colenc.SliceBytes(s.timing.starts) +
		colenc.SliceBytes(s.directory) + colenc.SliceBytes(s.data) + colenc.SliceBytes(s.extra) +
		colenc.SliceBytes(s.bounds) + colenc.SliceBytes(s.boundEnds)
	return int64(n)
}

// stretches gives the series of the segment, in the order of their slots.
func (s *pointSegment) stretches(yield func(stretch) bool) {
	c := colenc.Cursor{Bytes: s.directory}
	next := stretch{}
	for len(c.Bytes) > 0 {
		next.series += uint32(c.Uvarint())
		next.count = uint32(c.Uvarint())
		data := uint32(c.Uvarint())
		next.extraEnd = next.extra + uint32(c.Uvarint())
		if !yield(next) {
			return
		}
		next.data, next.extra = next.data+data, next.extraEnd
	}
}

// compactPoints makes a segment of the rows of a chunk.
func compactPoints(rows []pointRow, extra []byte) *pointSegment {
	b := segmentBuilder{rows: rows, extra: extra, timing: timingOf(rows)}
	b.locate()
	order := bySeries(rows)
	for len(order) > 0 {
		n := 1
		for n < len(order) && rows[order[n]].series == rows[order[0]].series {
			n++
		}
		b.add(order[:n])
		order = order[n:]
	}
	s := &pointSegment{
		rows: len(rows), directory: colenc.Exactly(b.directory), data: colenc.Exactly(b.writer.Bytes), extra: colenc.Exactly(b.extras),
		timing: timing{moments: exactlyOrNil(b.timing.moments), starts: colenc.Exactly(b.timing.starts)},
	}
	for _, bounds := range b.coder.Bounds {
		s.bounds = append(s.bounds, bounds...)
		s.boundEnds = append(s.boundEnds, uint32(len(s.bounds)))
	}
	s.bounds, s.boundEnds = colenc.Exactly(s.bounds), colenc.Exactly(s.boundEnds)
	return s
}

func exactlyOrNil[T any](list []T) []T {
	if list == nil {
		return nil
	}
	return colenc.Exactly(list)
}

// timingOf finds the moments and the start times of rows.
func timingOf(rows []pointRow) (t timing) {
	named := map[model.Nanos]bool{}
	for i := range rows {
		row := &rows[i]
		if i == 0 || row.time != rows[i-1].time {
			t.moments = append(t.moments, moment{row.time, uint32(i)})
		}
		if len(named) < maxStarts && (i == 0 || row.start != rows[i-1].start) && !named[row.start] {
			named[row.start] = true
			t.starts = append(t.starts, row.start)
		}
	}
	if len(t.moments)*int(unsafe.Sizeof(moment{})) > 2*len(rows) {
		t.moments = nil
	}
	return t
}

// bySeries returns the places of the rows, put together by series, in the order
// of arrival within each: counted, for slots are small numbers.
func bySeries(rows []pointRow) []uint32 {
	last := uint32(0)
	for i := range rows {
		last = max(last, rows[i].series)
	}
	next := make([]uint32, int(last)+2)
	for i := range rows {
		next[rows[i].series+1]++
	}
	for slot := range last + 1 {
		next[slot+1] += next[slot]
	}
	order := make([]uint32, len(rows))
	for i := range rows {
		slot := rows[i].series
		order[next[slot]] = uint32(i)
		next[slot]++
	}
	return order
}

// segmentBuilder writes a segment series by series.
type segmentBuilder struct {
	rows      []pointRow
	extra     []byte
	timing    timing
	moment    []uint32 // of each row
	series    uint32   // the one before
	directory []byte
	writer    pointWriter
	extras    []byte
	coder     colenc.ExtraCoder
	point     model.Point // scratch
}

// locate finds the moment of each row.
func (b *segmentBuilder) locate() {
	b.moment = make([]uint32, len(b.rows))
	for i := range b.rows {
		b.moment[i] = uint32(i)
	}
	for m := range b.timing.moments {
		until := len(b.rows)
		if m+1 < len(b.timing.moments) {
			until = int(b.timing.moments[m+1].first)
		}
		for i := int(b.timing.moments[m].first); i < until; i++ {
			b.moment[i] = uint32(m)
		}
	}
}

// add writes the points of one series.
func (b *segmentBuilder) add(places []uint32) {
	dataFrom, extraFrom := len(b.writer.Bytes), len(b.extras)
	b.writer.pointState = newPointState(&b.timing)
	b.coder.Begin()
	for _, place := range places {
		row, offset := &b.rows[place], uint32(0)
		if b.timing.moments != nil {
			offset = place - b.timing.moments[b.moment[place]].first
		}
		b.writer.write(row, int64(b.moment[place]), offset)
		if row.extraLength > 0 {
			b.addExtra(row)
		}
	}
	b.writer.End()
	series := b.rows[places[0]].series
	for _, n := range [...]int{int(series - b.series), len(places), len(b.writer.Bytes) - dataFrom, len(b.extras) - extraFrom} {
		b.directory = binary.AppendUvarint(b.directory, uint64(n))
	}
	b.series = series
}

func (b *segmentBuilder) addExtra(row *pointRow) {
	u := model.Unpack(string(b.extra[row.extra : row.extra+row.extraLength]))
	u.ReadExtra(&b.point)
	b.extras = b.coder.Append(b.extras, &b.point)
}

// seriesReader restores the points of one series of a segment after the other.
type seriesReader struct {
	segment *pointSegment
	points  pointReader
	coder   colenc.ExtraCoder
	extra   model.Unpacker
	extras  bool
}

// open turns to a series. Its extras are read only if they are asked for.
func (r *seriesReader) open(s *pointSegment, at stretch, extras bool) {
	r.points.BitReader = colenc.BitReader{Bytes: s.data[at.data:]}
	r.points.pointState = newPointState(&s.timing)
	r.extras = extras && at.extra < at.extraEnd
	if !r.extras {
		return
	}
	if r.segment != s {
		r.segment, r.coder.Bounds = s, s.allBounds()
	}
	r.coder.Begin()
	r.extra = model.Unpack(string(s.extra[at.extra:at.extraEnd]))
}

// Read restores the next point, but for its series and sequence, and returns
// its place among the rows of the segment.
func (r *seriesReader) Read(p *model.Point) (place uint32) {
	place = r.points.Read()
	*p = r.points.row.point()
	if r.extras && r.points.row.extraLength > 0 {
		r.coder.Read(&r.extra, p)
	}
	return place
}

// readWithin is read, but p is set only if the point is in a range of time.
func (r *seriesReader) readWithin(times model.TimeRange, p *model.Point) bool {
	if r.extras {
		r.Read(p) // each extra builds on the one before
		return times.Contains(p.Time)
	}
	r.points.Read()
	within := times.Contains(r.points.row.time)
	if within {
		*p = r.points.row.point()
	}
	return within
}

func (s *pointSegment) allBounds() [][]float64 {
	list, from := make([][]float64, len(s.boundEnds)), uint32(0)
	for i, to := range s.boundEnds {
		if from < to {
			list[i] = slices.Clip(s.bounds[from:to])
		}
		from = to
	}
	return list
}
