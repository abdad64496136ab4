// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import "encoding/binary"

const (
	// triedValues is how many values of a block a field has before it is judged:
	// one that hardly repeats is not worth the search.
	triedValues = 64
	// knownShare is the least share of values that must have been known by then:
	// one in knownShare.
	knownShare = 8
)

// valueTable writes the strings that a field has in one block: those that were
// there before as their number, from 1; a new one as 0 and its text. valueReader
// reads them.
type valueTable struct {
	places map[string]uint32
	latest string
	place  uint32 // of latest; 0: none
	count  uint32 // texts written
	rows   int
	known  int // rows whose value was known
	plain  bool
	open   bool // the field's labels are not indexed, in the whole segment
}

// append writes a value; fresh: its text was written, because it is new or the
// field gave up looking for known ones.
func (t *valueTable) append(dst []byte, value string) (_ []byte, fresh bool) {
	t.rows++
	if place := t.find(value); place != 0 {
		t.known++
		t.latest, t.place = value, place
		return binary.AppendUvarint(dst, uint64(place)), false
	}
	t.count++
	t.latest, t.place = value, t.count
	if !t.plain {
		t.learn(value)
	}
	return appendString(append(dst, 0), value), true
}

func (t *valueTable) find(value string) uint32 {
	if t.place != 0 && sameText(t.latest, value) {
		return t.place
	}
	if t.plain {
		return 0
	}
	return t.places[value]
}

func (t *valueTable) learn(value string) {
	if t.places == nil {
		t.places = map[string]uint32{}
	}
	t.places[value] = t.count
	t.plain = t.rows == triedValues && t.known*knownShare < triedValues
}

// reset begins a block. What a field is like is tried anew: it may have changed.
func (t *valueTable) reset() {
	clear(t.places)
	*t = valueTable{places: t.places, open: t.open}
}

// valueReader reads what a valueTable wrote.
type valueReader struct {
	cursor
	texts [][]byte // of the values so far
}

func (r *valueReader) begin(c cursor) { r.cursor, r.texts = c, r.texts[:0] }

// next returns the text of the next value.
func (r *valueReader) next() []byte {
	if place := r.uvarint(); place != 0 {
		return r.texts[place-1]
	}
	r.texts = append(r.texts, r.text())
	return r.texts[len(r.texts)-1]
}
