// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"hash/maphash"
	"math/bits"
)

// index finds the place of a value in a list. It keeps the places only, in two to four
// bytes each and a third of that for the free slots between them, where a map would hold
// the values again.
type index[K comparable] struct {
	seed  maphash.Seed
	slots column // the places, one higher; 0 is free
	used  int
}

// minSlots is how many slots an index with a value has at least.
const minSlots = 8

func newIndex[K comparable]() index[K] { return index[K]{seed: maphash.MakeSeed()} }

func (x *index[K]) size() int64 { return x.slots.size() }

// values are what an index has the places of.
type values[K any] interface {
	at(place uint32) K
	is(place uint32, key K) bool
}

// find returns the place of a key.
func (x *index[K]) find(key K, in values[K]) (place uint32, found bool) {
	if x.slots.len() == 0 {
		return 0, false
	}
	if of := x.slots.at(x.slotOf(key, in)); of != 0 {
		return of - 1, true
	}
	return 0, false
}

// slotOf returns the slot of a key, or the free one where it belongs.
func (x *index[K]) slotOf(key K, in values[K]) uint32 {
	length := uint32(x.slots.len())
	high, _ := bits.Mul64(maphash.Comparable(x.seed, key), uint64(length))
	slot := uint32(high)
	for of := x.slots.at(slot); of != 0 && !in.is(of-1, key); of = x.slots.at(slot) {
		if slot++; slot == length {
			slot = 0
		}
	}
	return slot
}

// add takes in a key that is not there, with its place.
func (x *index[K]) add(key K, place uint32, in values[K]) {
	x.grow(place+1, in)
	x.slots.set(x.slotOf(key, in), place+1)
	x.used++
}

// grow makes room for one more number in the slots. A fifth of them stays free at least.
func (x *index[K]) grow(number uint32, in values[K]) {
	length, width := x.slots.len(), max(widthOf(number), 2)
	full := 5*(x.used+1) > 4*length
	if !full && width <= x.slots.width {
		return
	}
	if full {
		length = max(length+length/4, minSlots)
	}
	before := x.slots
	x.slots = zeros(length, width)
	for i := range uint32(before.len()) {
		if of := before.at(i); of != 0 {
			x.slots.set(x.slotOf(in.at(of-1), in), of)
		}
	}
}

// list holds values in the order of their places.
type list[K any] interface {
	values[K]
	len() int
	append(item K)
}

// intern returns the place of an item in a list that is indexed by value, and appends it if
// it is new.
func intern[K comparable](x *index[K], in list[K], item K) uint32 {
	if place, found := x.find(item, in); found {
		return place
	}
	place := uint32(in.len())
	in.append(item)
	x.add(item, place, in)
	return place
}

// slice is a list that keeps its items as they are.
type slice[K comparable] struct{ of *[]K }

func (s slice[K]) len() int                 { return len(*s.of) }
func (s slice[K]) at(i uint32) K            { return (*s.of)[i] }
func (s slice[K]) is(i uint32, item K) bool { return (*s.of)[i] == item }
func (s slice[K]) append(item K)            { *s.of = appended(*s.of, item) }

// keys are values that are made when they are needed.
type keys[K comparable] func(place uint32) K

func (k keys[K]) at(i uint32) K           { return k(i) }
func (k keys[K]) is(i uint32, key K) bool { return k(i) == key }

// internIn is intern for a slice.
func internIn[K comparable](x *index[K], items *[]K, item K) uint32 {
	return intern(x, slice[K]{items}, item)
}
