// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

const (
	// BlockRows is the rows of a block of log records or spans.
	BlockRows = 512
	// MaxBlocks is what fits the bits of a blockSet.
	MaxBlocks = 64
	// SegmentRows is the most rows of a segment, and so of the head before it.
	SegmentRows = BlockRows * MaxBlocks
)

// BlockSet is some blocks of one segment: bit i is block i.
type BlockSet uint64

const allBlocks = ^BlockSet(0)

// Has reports whether a block is in the set.
func (s BlockSet) Has(b int) bool { return s>>b&1 != 0 }

// Segment is the rows of a compacted chunk, in columns. It never changes. No
// element of its slices holds a pointer, so that the garbage collector sees a
// dozen objects however many rows there are.
type Segment struct {
	Packer    *colenc.Packer
	Packing   colenc.Packing
	Rows      int
	BlockRows int
	Blocks    []block
	Data      []byte // the blocks, one after the other
	Words     []byte // the packed vocabulary

	Traces      []model.TraceID // in the order in which they first come
	TraceOrder  []uint16        // the same by id
	TraceBlocks []BlockSet      // where the trace has rows; parallel to traces
	Spans       []model.SpanID  // in the order in which they first come, parents too

	Labels postings
	Grams  []uint64 // the text filters of the blocks, one after the other
	shorts []byte   // the packed table of short grams; empty: not known
	uids   []UIDPlace

	Restored bool                  // from a file
	Damage   atomic.Pointer[error] // that a reader stumbled over; nil: none
}

// block is blockRows rows, the last one of a segment fewer.
type block struct {
	Oldest, Newest model.Nanos
	deciding       uint32 // where in data the block begins, with the columns that mostly decide
	numbers        uint32 // where the other columns begin
	texts          uint32 // where the texts begin
	end            uint32
	grams          uint32 // where in the segment's grams its filter begins
	gramWords      uint32
}

// UIDPlace is a record that brought an id.
type UIDPlace struct {
	hash  uint64
	Place uint32
}

// Size is the bytes of the segment, all of them.
func (s *Segment) Size() int64 {
	n := int(unsafe.Sizeof(*s)) + colenc.SliceBytes(s.Blocks) + colenc.SliceBytes(s.Data) + colenc.SliceBytes(s.Words) +
		colenc.SliceBytes(s.Traces) + colenc.SliceBytes(s.TraceOrder) + colenc.SliceBytes(s.TraceBlocks) + colenc.SliceBytes(s.Spans) +
		colenc.SliceBytes(s.Grams) + colenc.SliceBytes(s.shorts) + colenc.SliceBytes(s.uids) + s.Labels.Size()
	return int64(n)
}

// RowsOf returns which rows the block holds.
func (s *Segment) RowsOf(b int) (from, to int) {
	return b * s.BlockRows, min((b+1)*s.BlockRows, s.Rows)
}

// filter returns the text filter of a block.
func (s *Segment) filter(b int) []uint64 {
	block := &s.Blocks[b]
	return s.Grams[block.grams : block.grams+block.gramWords]
}

// every is the set of all blocks.
func (s *Segment) every() BlockSet { return allBlocks >> (MaxBlocks - len(s.Blocks)) }

// FindTrace returns the trace's place among the traces, and its blocks.
func (s *Segment) FindTrace(id model.TraceID) (place int, blocks BlockSet) {
	i, found := slices.BinarySearchFunc(s.TraceOrder, id, func(place uint16, id model.TraceID) int {
		return bytes.Compare(s.Traces[place][:], id[:])
	})
	if !found {
		return 0, 0
	}
	place = int(s.TraceOrder[i])
	return place, s.TraceBlocks[place]
}

// Pack compresses bytes as those of the segment are.
func (s *Segment) Pack(dst, src []byte) []byte { return s.Packer.Pack(s.Packing, dst, src) }

// Unpack undoes Pack.
func (s *Segment) Unpack(dst, src []byte) []byte { return s.Packer.Unpack(s.Packing, dst, src) }

// SortTraces makes the order by id.
func (s *Segment) SortTraces() {
	keys := make([]uint64, len(s.Traces)) // the first six bytes and the place: mostly enough, and sorted fast
	for i := range s.Traces {
		keys[i] = binary.BigEndian.Uint64(s.Traces[i][:8])&^0xffff | uint64(i)
	}
	sortByChance(keys)
	s.TraceOrder = make([]uint16, len(keys))
	from := 0 // of those that begin with the same six bytes
	for i, key := range keys {
		s.TraceOrder[i] = uint16(key)
		if key>>16 != keys[from]>>16 {
			s.sortAlike(s.TraceOrder[from:i])
			from = i
		}
	}
	s.sortAlike(s.TraceOrder[from:])
}

// sortByChance sorts numbers that are mostly spread by chance, as ids are: dealt
// out by their upper bits, a few come together that are sorted at once.
func sortByChance(keys []uint64) {
	const deal = 12 // bits
	var ends [1<<deal + 1]int
	for _, key := range keys {
		ends[key>>(64-deal)+1]++
	}
	for i := range 1 << deal {
		ends[i+1] += ends[i]
	}
	dealt, from := make([]uint64, len(keys)), 0
	for _, key := range keys {
		next := &ends[key>>(64-deal)] // where its part begins, and then goes on
		dealt[*next] = key
		*next++
	}
	for _, end := range ends[:1<<deal] {
		slices.Sort(dealt[from:end])
		from = end
	}
	copy(keys, dealt)
}

// sortAlike orders traces by their whole id.
func (s *Segment) sortAlike(order []uint16) {
	if len(order) > 1 {
		slices.SortFunc(order, func(a, b uint16) int { return bytes.Compare(s.Traces[a][:], s.Traces[b][:]) })
	}
}

// PlacesOfUID returns the rows whose id has this hash, the newest first.
func (s *Segment) PlacesOfUID(hash uint64) []UIDPlace {
	from, _ := slices.BinarySearchFunc(s.uids, hash, func(u UIDPlace, hash uint64) int {
		return cmp.Compare(u.hash, hash)
	})
	to := from
	for to < len(s.uids) && s.uids[to].hash == hash {
		to++
	}
	return s.uids[from:to]
}

func sortUIDs(uids []UIDPlace) []UIDPlace {
	slices.SortFunc(uids, func(a, b UIDPlace) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(b.Place, a.Place))
	})
	return slices.Clip(slices.Clone(uids))
}
