// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

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
	// blockRows is the rows of a block of log records or spans.
	blockRows = 512
	// maxBlocks is what fits the bits of a blockSet.
	maxBlocks = 64
	// segmentRows is the most rows of a segment, and so of the head before it.
	segmentRows = blockRows * maxBlocks
)

// blockSet is some blocks of one segment: bit i is block i.
type blockSet uint64

const allBlocks = ^blockSet(0)

func (s blockSet) has(b int) bool { return s>>b&1 != 0 }

// segment is the rows of a compacted chunk, in columns. It never changes. No
// element of its slices holds a pointer, so that the garbage collector sees a
// dozen objects however many rows there are.
type segment struct {
	packer    *colenc.Packer
	packing   colenc.Packing
	rows      int
	blockRows int
	blocks    []block
	data      []byte // the blocks, one after the other
	words     []byte // the packed vocabulary

	traces      []model.TraceID // in the order in which they first come
	traceOrder  []uint16        // the same by id
	traceBlocks []blockSet      // where the trace has rows; parallel to traces
	spans       []model.SpanID  // in the order in which they first come, parents too

	labels postings
	grams  []uint64 // the text filters of the blocks, one after the other
	shorts []byte   // the packed table of short grams; empty: not known
	uids   []uidPlace

	restored bool                  // from a file
	damage   atomic.Pointer[error] // that a reader stumbled over; nil: none
	summary  atomic.Pointer[summary]
}

// block is blockRows rows, the last one of a segment fewer.
type block struct {
	oldest, newest model.Nanos
	deciding       uint32 // where in data the block begins, with the columns that mostly decide
	numbers        uint32 // where the other columns begin
	texts          uint32 // where the texts begin
	end            uint32
	grams          uint32 // where in the segment's grams its filter begins
	gramWords      uint32
}

// uidPlace is a record that brought an id.
type uidPlace struct {
	hash  uint64
	place uint32
}

// size is the bytes of the segment, all of them.
func (s *segment) size() int64 {
	n := int(unsafe.Sizeof(*s)) + sliceBytes(s.blocks) + sliceBytes(s.data) + sliceBytes(s.words) +
		sliceBytes(s.traces) + sliceBytes(s.traceOrder) + sliceBytes(s.traceBlocks) + sliceBytes(s.spans) +
		sliceBytes(s.grams) + sliceBytes(s.shorts) + sliceBytes(s.uids) + s.labels.size()
	return int64(n)
}

func sliceBytes[T any](list []T) int {
	var element T
	return cap(list) * int(unsafe.Sizeof(element))
}

// rowsOf returns which rows the block holds.
func (s *segment) rowsOf(b int) (from, to int) {
	return b * s.blockRows, min((b+1)*s.blockRows, s.rows)
}

// filter returns the text filter of a block.
func (s *segment) filter(b int) []uint64 {
	block := &s.blocks[b]
	return s.grams[block.grams : block.grams+block.gramWords]
}

// every is the set of all blocks.
func (s *segment) every() blockSet { return allBlocks >> (maxBlocks - len(s.blocks)) }

// findTrace returns the trace's place among the traces, and its blocks.
func (s *segment) findTrace(id model.TraceID) (place int, blocks blockSet) {
	i, found := slices.BinarySearchFunc(s.traceOrder, id, func(place uint16, id model.TraceID) int {
		return bytes.Compare(s.traces[place][:], id[:])
	})
	if !found {
		return 0, 0
	}
	place = int(s.traceOrder[i])
	return place, s.traceBlocks[place]
}

func (s *segment) pack(dst, src []byte) []byte { return s.packer.Pack(s.packing, dst, src) }

func (s *segment) unpack(dst, src []byte) []byte { return s.packer.Unpack(s.packing, dst, src) }

// sortTraces makes the order by id.
func (s *segment) sortTraces() {
	keys := make([]uint64, len(s.traces)) // the first six bytes and the place: mostly enough, and sorted fast
	for i := range s.traces {
		keys[i] = binary.BigEndian.Uint64(s.traces[i][:8])&^0xffff | uint64(i)
	}
	sortByChance(keys)
	s.traceOrder = make([]uint16, len(keys))
	from := 0 // of those that begin with the same six bytes
	for i, key := range keys {
		s.traceOrder[i] = uint16(key)
		if key>>16 != keys[from]>>16 {
			s.sortAlike(s.traceOrder[from:i])
			from = i
		}
	}
	s.sortAlike(s.traceOrder[from:])
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
func (s *segment) sortAlike(order []uint16) {
	if len(order) > 1 {
		slices.SortFunc(order, func(a, b uint16) int { return bytes.Compare(s.traces[a][:], s.traces[b][:]) })
	}
}

// placesOfUID returns the rows whose id has this hash, the newest first.
func (s *segment) placesOfUID(hash uint64) []uidPlace {
	from, _ := slices.BinarySearchFunc(s.uids, hash, func(u uidPlace, hash uint64) int {
		return cmp.Compare(u.hash, hash)
	})
	to := from
	for to < len(s.uids) && s.uids[to].hash == hash {
		to++
	}
	return s.uids[from:to]
}

func sortUIDs(uids []uidPlace) []uidPlace {
	slices.SortFunc(uids, func(a, b uidPlace) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(b.place, a.place))
	})
	return slices.Clip(slices.Clone(uids))
}
