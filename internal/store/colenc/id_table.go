// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package colenc

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/tapio/tapio/internal/model"
)

// IDTable numbers ids in the order in which they first come. Most are new, so
// that a map would grow again and again; here the places are known before.
type IDTable[T comparable] struct {
	Values []T
	slots  []uint32 // place plus 1, by hash, with open addressing; a power of two
	hash   func(T) uint64
	latest int // place of the id asked for last: rows of a trace mostly come together
}

// NewIDTable makes a table for at most so many ids.
func NewIDTable[T comparable](most int, hash func(T) uint64) IDTable[T] {
	return IDTable[T]{hash: hash, slots: make([]uint32, 1<<bits.Len(uint(2*most)))}
}

// Warm looks at where an id belongs. Those who will ask for many ids look at all
// of them first: the processor then fetches the slots side by side, where place
// would wait for each. The sum of what it returns must go somewhere, or the
// compiler leaves it out.
func (t *IDTable[T]) Warm(id T) uint32 { return t.slots[t.hash(id)&uint64(len(t.slots)-1)] }

// Place returns the number of an id, from 0.
func (t *IDTable[T]) Place(id T) int {
	if t.latest < len(t.Values) && t.Values[t.latest] == id {
		return t.latest
	}
	mask := uint64(len(t.slots) - 1)
	at := t.hash(id) & mask
	for ; t.slots[at] != 0; at = (at + 1) & mask {
		if t.latest = int(t.slots[at] - 1); t.Values[t.latest] == id {
			return t.latest
		}
	}
	t.latest = len(t.Values)
	t.Values = append(t.Values, id)
	t.slots[at] = uint32(len(t.Values))
	return t.latest
}

// TraceHash and SpanHash make hashes that no sender can choose ids for, so that ids
// cannot be made to collide.
func TraceHash() func(model.TraceID) uint64 {
	a, b := rand.Uint64(), rand.Uint64()
	return func(id model.TraceID) uint64 {
		return mixed(binary.LittleEndian.Uint64(id[:8])^a, binary.LittleEndian.Uint64(id[8:])^b)
	}
}

// SpanHash makes a hash of span ids with a seed of its own.
func SpanHash() func(model.SpanID) uint64 {
	a, b := rand.Uint64(), rand.Uint64()|1
	return func(id model.SpanID) uint64 { return mixed(binary.LittleEndian.Uint64(id[:])^a, b) }
}

func mixed(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
