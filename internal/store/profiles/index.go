// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import "hash/maphash"

// index finds the place of a value in a list. It keeps the places only, so that it takes
// 5 to 11 bytes a value, where a map would hold the values again.
type index[K comparable] struct {
	seed  maphash.Seed
	slots []uint32 // places, one higher; 0 is free. Its length is a power of two
	used  int
}

// minSlots is how many slots an index with a value has at least.
const minSlots = 8

// slotSize is what a slot takes.
const slotSize = 4

func newIndex[K comparable]() index[K] { return index[K]{seed: maphash.MakeSeed()} }

func (x *index[K]) size() int64 { return slotSize * int64(len(x.slots)) }

// find returns the place of a key; at returns the key at a place.
func (x *index[K]) find(key K, at func(uint32) K) (place uint32, found bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	slot := x.slotOf(key, at)
	if x.slots[slot] == 0 {
		return 0, false
	}
	return x.slots[slot] - 1, true
}

// slotOf returns the slot of a key, or the free one where it belongs.
func (x *index[K]) slotOf(key K, at func(uint32) K) int {
	mask := len(x.slots) - 1
	slot := int(maphash.Comparable(x.seed, key)) & mask
	for x.slots[slot] != 0 && at(x.slots[slot]-1) != key {
		slot = (slot + 1) & mask
	}
	return slot
}

// add takes in a key that is not there, with its place.
func (x *index[K]) add(key K, place uint32, at func(uint32) K) {
	if 4*(x.used+1) > 3*len(x.slots) {
		before := x.slots
		x.slots = make([]uint32, max(2*len(before), minSlots))
		for _, of := range before {
			if of != 0 {
				x.slots[x.slotOf(at(of-1), at)] = of
			}
		}
	}
	x.slots[x.slotOf(key, at)] = place + 1
	x.used++
}

// intern returns the place of an item in a list that is indexed by value, and appends it if
// it is new.
func intern[K comparable](x *index[K], list *[]K, item K) uint32 {
	at := func(i uint32) K { return (*list)[i] }
	if place, found := x.find(item, at); found {
		return place
	}
	place := uint32(len(*list))
	*list = append(*list, item)
	x.add(item, place, at)
	return place
}
