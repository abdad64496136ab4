// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"time"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

const (
	pointRowBytes = int(unsafe.Sizeof(pointRow{}))
	// maxPointRows is the most points of a chunk: what placeBits can address.
	maxPointRows = 1 << placeBits
)

// pointChunk is a run of points that lives and dies together: as they came in
// at first, as a segment once it is compacted. It is guarded by the log's lock; but
// rows once appended never change, so that a view reads them without.
type pointChunk struct {
	span

	number  uint32     // identifies a chunk of a log
	rows    []pointRow // nil once it is compacted
	extra   []byte     // distributions and exemplars of the rows
	members []uint32   // slots of the series, each once
	segment *pointSegment
}

// size is the bytes that the chunk holds, room for further rows included.
func (c *pointChunk) size() int64 {
	n := chunkBytes + cap(c.rows)*pointRowBytes + cap(c.extra) + cap(c.members)*4
	if c.segment != nil {
		n += int(c.segment.size())
	}
	return int64(n)
}

// cost is what put would add to size.
func (c *pointChunk) cost(extra int, newMember bool) int64 {
	cost := (grownFor(len(c.rows), cap(c.rows), 1) - cap(c.rows)) * pointRowBytes
	cost += grownFor(len(c.extra), cap(c.extra), extra) - cap(c.extra)
	if newMember {
		cost += (grownFor(len(c.members), cap(c.members), 1) - cap(c.members)) * 4
	}
	return int64(cost)
}

// grownFor is the capacity that a list needs for some more elements: small
// steps at first, then by half, so that little memory is reserved without use.
func grownFor(length, capacity, more int) int {
	if length+more <= capacity {
		return capacity
	}
	return max(length+more, capacity+capacity/2+1)
}

// appendExactly appends with grownFor. Views go on with the old array.
func appendExactly[T any](list []T, more ...T) []T {
	if capacity := grownFor(len(list), cap(list), len(more)); capacity != cap(list) {
		grown := make([]T, len(list), capacity)
		copy(grown, list)
		list = grown
	}
	return append(list, more...)
}

// put appends a row. Its series is a new member, or one already.
func (c *pointChunk) put(row pointRow, extra []byte, newMember bool, arrived time.Time) {
	row.extra, row.extraLength = uint32(len(c.extra)), uint32(len(extra))
	c.note(row.time)
	c.rows, c.extra = appendExactly(c.rows, row), appendExactly(c.extra, extra...)
	if newMember {
		c.members = appendExactly(c.members, row.series)
	}
	c.count++
	c.arrived = arrived
}

func (c *pointChunk) note(when model.Nanos) {
	if c.count == 0 {
		c.oldest, c.newest = when, when
	}
	c.oldest, c.newest = min(c.oldest, when), max(c.newest, when)
	c.dated = earlier(c.dated, when)
}

// close gives back what is held for further rows.
func (c *pointChunk) close() {
	c.rows, c.extra, c.members = trimmed(c.rows), trimmed(c.extra), trimmed(c.members)
}

func trimmed[T any](list []T) []T {
	if len(list) == cap(list) {
		return list
	}
	return colenc.Exactly(list)
}

// replace puts the segment in the place of the rows, unless it is larger.
func (c *pointChunk) replace(s *pointSegment) {
	compacted := pointChunk{segment: s}
	if compacted.size() < c.size() {
		c.rows, c.extra, c.members, c.segment = nil, nil, nil, s
	}
}

// eachMember gives each series of the chunk once.
func (c *pointChunk) eachMember(yield func(slot uint32) bool) {
	if c.segment != nil {
		for at := range c.segment.stretches {
			if !yield(at.series) {
				return
			}
		}
		return
	}
	for _, slot := range c.members {
		if !yield(slot) {
			return
		}
	}
}

// pointView is a chunk as it was at one moment. It needs no lock, but what its
// series are is asked of the registry.
type pointView struct {
	first          uint64
	count          int
	rows           []pointRow // nil where there is a segment
	extra          []byte
	segment        *pointSegment
	oldest, newest model.Nanos
}

func (c *pointChunk) view() pointView {
	return pointView{
		first: c.first, count: c.count, rows: c.rows, extra: c.extra, segment: c.segment,
		oldest: c.oldest, newest: c.newest,
	}
}

// point returns a row that is not compacted, but for its series.
func (v *pointView) point(place int) model.Point {
	row := &v.rows[place]
	p := row.point()
	p.Seq = v.first + uint64(place)
	if row.extraLength > 0 {
		u := model.Unpack(string(v.extra[row.extra : row.extra+row.extraLength]))
		u.ReadExtra(&p)
	}
	return p
}
