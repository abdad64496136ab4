// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import "hash/maphash"

// index finds the place of a value in a list. It keeps the places only, so that it takes
// 3 to 6 bytes a value while they are few and twice that from 65,535 on, where a map would hold the
// values again.
type index[K comparable] struct {
	seed maphash.Seed
	// The places, one higher; 0 is free. The length is a power of two.
	small []uint16 // until one does not fit
	large []uint32
	used  int
}

const (
	// minSlots is how many slots an index with a value has at least.
	minSlots = 8
	// smallPlaces is how many places fit the small slots.
	smallPlaces = 1<<16 - 1
)

func newIndex[K comparable]() index[K] { return index[K]{seed: maphash.MakeSeed()} }

func (x *index[K]) size() int64 { return 2*int64(len(x.small)) + 4*int64(len(x.large)) }

// length is the number of slots, one of small and large.
func (x *index[K]) length() int { return len(x.small) + len(x.large) }

// slot returns what is in a slot.
func (x *index[K]) slot(i int) uint32 {
	if x.large != nil {
		return x.large[i]
	}
	return uint32(x.small[i])
}

func (x *index[K]) put(i int, of uint32) {
	if x.large != nil {
		x.large[i] = of
		return
	}
	x.small[i] = uint16(of)
}

// find returns the place of a key; at returns the key at a place.
func (x *index[K]) find(key K, at func(uint32) K) (place uint32, found bool) {
	if x.length() == 0 {
		return 0, false
	}
	if of := x.slot(x.slotOf(key, at)); of != 0 {
		return of - 1, true
	}
	return 0, false
}

// slotOf returns the slot of a key, or the free one where it belongs.
func (x *index[K]) slotOf(key K, at func(uint32) K) int {
	mask := x.length() - 1
	slot := int(maphash.Comparable(x.seed, key)) & mask
	for of := x.slot(slot); of != 0 && at(of-1) != key; of = x.slot(slot) {
		slot = (slot + 1) & mask
	}
	return slot
}

// add takes in a key that is not there, with its place.
func (x *index[K]) add(key K, place uint32, at func(uint32) K) {
	full := 4*(x.used+1) > 3*x.length()
	if full || x.large == nil && place >= smallPlaces {
		before := *x
		slots := before.length()
		if full {
			slots = max(2*slots, minSlots)
		}
		if x.small, x.large = nil, nil; place >= smallPlaces {
			x.large = make([]uint32, slots)
		} else {
			x.small = make([]uint16, slots)
		}
		for i := range before.length() {
			if of := before.slot(i); of != 0 {
				x.put(x.slotOf(at(of-1), at), of)
			}
		}
	}
	x.put(x.slotOf(key, at), place+1)
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
	*list = appended(*list, item)
	x.add(item, place, at)
	return place
}
