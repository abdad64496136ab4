// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package colenc

import "encoding/binary"

const (
	// triedValues is how many values of a block a field has before it is judged:
	// one that rarely repeats is not worth the search.
	triedValues = 64
	// knownShare is the least share of values that must have been known by then:
	// one in knownShare.
	knownShare = 8
)

// ValueTable writes the strings that a field has in one block: those that were
// there before as their number, from 1; a new one as 0 and its text. ValueReader
// reads them.
type ValueTable struct {
	places map[string]uint32
	Latest string
	place  uint32 // of latest; 0: none
	count  uint32 // texts written
	rows   int
	known  int // rows whose value was known
	plain  bool
	Open   bool // the field's labels are not indexed, in the whole segment
}

// Append writes a value; fresh: its text was written, because it is new or the
// field gave up looking for known ones.
func (t *ValueTable) Append(dst []byte, value string) (_ []byte, fresh bool) {
	t.rows++
	if place := t.find(value); place != 0 {
		t.known++
		t.Latest, t.place = value, place
		return binary.AppendUvarint(dst, uint64(place)), false
	}
	t.count++
	t.Latest, t.place = value, t.count
	if !t.plain {
		t.learn(value)
	}
	return AppendString(append(dst, 0), value), true
}

func (t *ValueTable) find(value string) uint32 {
	if t.place != 0 && SameText(t.Latest, value) {
		return t.place
	}
	if t.plain {
		return 0
	}
	return t.places[value]
}

func (t *ValueTable) learn(value string) {
	if t.places == nil {
		t.places = map[string]uint32{}
	}
	t.places[value] = t.count
	t.plain = t.rows == triedValues && t.known*knownShare < triedValues
}

// Reset begins a block. What a field is like is determined again: it may have changed.
func (t *ValueTable) Reset() {
	clear(t.places)
	*t = ValueTable{places: t.places, Open: t.Open}
}

// ValueReader reads what a ValueTable wrote.
type ValueReader struct {
	Cursor
	texts [][]byte // of the values so far
}

// Begin reads from the cursor on.
func (r *ValueReader) Begin(c Cursor) { r.Cursor, r.texts = c, r.texts[:0] }

// Next returns the text of the next value.
func (r *ValueReader) Next() []byte {
	if place := r.Uvarint(); place != 0 {
		return r.texts[place-1]
	}
	r.texts = append(r.texts, r.Text())
	return r.texts[len(r.texts)-1]
}
