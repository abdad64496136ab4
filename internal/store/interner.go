// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/tapio/tapio/internal/store/colenc"
)

const (
	pageSlots = 16
	pageBytes = int(unsafe.Sizeof(page{}))
	// keyBytes is charged for a key besides its length, for the allocator rounds up.
	keyBytes = 16
	// leastIndex is the length of the smallest index.
	leastIndex = 16
)

// interned is a packed value that is kept once, under a slot.
type interned struct {
	key  string
	hash uint64
	born uint64              // sequence of the row that brought it: distinguishes it from what had the slot before
	of   [sharedParts]uint32 // slots in other interners that belong to the key
	refs uint32
	mark uint32 // of the holder of the latest reference
}

// page is some slots that come and go together, so that a value which stays
// for long keeps no more than these.
type page struct {
	used    uint16 // bit i is slot i
	entries [pageSlots]interned
}

// interner keeps one copy of each packed value that is referred to. The index
// is a table of slots with open addressing: neither it nor the pages grow
// without being charged, and both shrink again.
type interner struct {
	pages []*page  // nil where no slot is used
	open  int      // before this one all pages are full
	made  int      // pages that are not nil
	index []uint32 // slot plus 1; 0: none
	count int      // values kept
	keys  int      // bytes of the keys
}

// size is the bytes held.
func (n *interner) size() int { return n.keys + n.made*pageBytes + cap(n.pages)*8 + len(n.index)*4 }

// live is how many values are kept.
func (n *interner) live() int { return n.count }

// at returns the value of a slot, nil if there is none.
func (n *interner) at(slot uint32) *interned {
	if int(slot/pageSlots) >= len(n.pages) {
		return nil
	}
	p := n.pages[slot/pageSlots]
	if p == nil || p.used>>(slot%pageSlots)&1 == 0 {
		return nil
	}
	return &p.entries[slot%pageSlots]
}

// cost is at least what so many new values, with keys of so many bytes, add.
func (n *interner) cost(values, bytes int) int {
	cost := bytes + values*keyBytes + (indexFor(n.count+values, len(n.index))-len(n.index))*4
	if short := n.count + values - n.made*pageSlots; short > 0 {
		pages := (short + pageSlots - 1) / pageSlots
		cost += pages*pageBytes + (grownFor(len(n.pages), cap(n.pages), pages)-cap(n.pages))*8
	}
	return cost
}

// indexFor is the length of an index that is at most three quarters full.
func indexFor(live, length int) int {
	for 4*live > 3*length {
		length = max(2*length, leastIndex)
	}
	return length
}

// find returns the slot of a value.
func (n *interner) find(hash uint64, of [sharedParts]uint32, key []byte) (slot uint32, found bool) {
	if len(n.index) == 0 {
		return 0, false
	}
	mask := uint64(len(n.index) - 1)
	for i := spread(hash) & mask; n.index[i] != 0; i = (i + 1) & mask {
		slot = n.index[i] - 1
		e := n.at(slot)
		if e.hash == hash && e.of == of && e.key == string(key) {
			return slot, true
		}
	}
	return 0, false
}

// spread makes the lower bits, which choose the place, depend on all.
func spread(hash uint64) uint64 { return hash ^ hash>>32 }

// add keeps a value that find does not find, with no reference yet.
func (n *interner) add(hash uint64, of [sharedParts]uint32, key []byte, born uint64) (slot uint32) {
	if length := indexFor(n.count+1, len(n.index)); length != len(n.index) {
		n.reindex(length)
	}
	p := n.openPage()
	free := bits.TrailingZeros16(^p.used)
	p.used |= 1 << free
	p.entries[free] = interned{key: string(key), hash: hash, born: born, of: of}
	slot = uint32(n.open*pageSlots + free)
	n.count++
	n.keys += len(key) + keyBytes
	n.Place(slot)
	return slot
}

// openPage returns the first page with a free slot. A page that was given up is
// made again only when all others are full.
func (n *interner) openPage() *page {
	full := n.count == n.made*pageSlots
	for ; n.open < len(n.pages); n.open++ {
		p := n.pages[n.open]
		if p == nil && full {
			break
		}
		if p != nil && p.used != math.MaxUint16 {
			return p
		}
	}
	if n.open == len(n.pages) {
		n.pages = appendExactly(n.pages, nil)
	}
	n.pages[n.open] = &page{}
	n.made++
	return n.pages[n.open]
}

func (n *interner) reindex(length int) {
	n.index = make([]uint32, length)
	for i, p := range n.pages {
		for slot := range uint32(pageSlots) {
			if p != nil && p.used>>slot&1 != 0 {
				n.Place(uint32(i)*pageSlots + slot)
			}
		}
	}
}

func (n *interner) Place(slot uint32) {
	mask := uint64(len(n.index) - 1)
	i := spread(n.at(slot).hash) & mask
	for n.index[i] != 0 {
		i = (i + 1) & mask
	}
	n.index[i] = slot + 1
}

// release takes one reference back, and reports whether that was the last one:
// then the value is gone.
func (n *interner) release(slot uint32) (gone bool) {
	e := n.at(slot)
	if e.refs--; e.refs > 0 {
		return false
	}
	n.remove(slot)
	n.count--
	n.keys -= len(e.key) + keyBytes
	*e = interned{}
	i := int(slot / pageSlots)
	n.pages[i].used &^= 1 << (slot % pageSlots)
	n.open = min(n.open, i)
	if n.pages[i].used == 0 {
		n.pages[i] = nil
		n.made--
	}
	return true
}

// remove takes a slot off the index and closes the gap: any that was pushed on
// by it moves back.
func (n *interner) remove(slot uint32) {
	mask := uint64(len(n.index) - 1)
	gap := spread(n.at(slot).hash) & mask
	for n.index[gap] != slot+1 {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; n.index[i] != 0; i = (i + 1) & mask {
		home := spread(n.at(n.index[i]-1).hash) & mask
		if (i-home)&mask >= (i-gap)&mask {
			n.index[gap], gap = n.index[i], i
		}
	}
	n.index[gap] = 0
}

// shrink gives memory back once most of it is unused. Values keep their slots.
func (n *interner) shrink() {
	if n.count == 0 {
		*n = interner{}
		return
	}
	if length := indexFor(n.count, 0); 4*length <= len(n.index) {
		n.reindex(2 * length)
	}
	length := len(n.pages)
	for n.pages[length-1] == nil {
		length--
	}
	if n.pages = n.pages[:length]; 4*length <= cap(n.pages) {
		n.pages = colenc.Exactly(n.pages)
	}
	n.open = min(n.open, length)
}
