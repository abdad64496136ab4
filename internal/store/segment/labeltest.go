// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/ngram"
)

// labelCondition is what a query demands of one label. It is the same for all
// segments.
type labelCondition struct {
	selector model.Selector
	names    []string
	// grams are those of texts of which each value that is demanded holds one; nil:
	// nothing is known.
	grams [][]uint32
}

func newLabelConditions(f *model.Filter) []labelCondition {
	var list []labelCondition
	for _, s := range f.LabelConditions() {
		c := labelCondition{selector: s, names: s.Key.Names()}
		for _, text := range s.Literals() {
			c.grams = append(c.grams, ngram.GramsOf(text))
		}
		list = append(list, c)
	}
	return list
}

// mayHoldIn reports whether a text filter knows a text that is demanded.
func (c *labelCondition) mayHoldIn(filter []uint64) bool {
	for _, grams := range c.grams {
		if ngram.MayHold(filter, grams) {
			return true
		}
	}
	return c.grams == nil
}

// labelTest is a condition in terms of the numbers of one segment: it reports
// each row whether the condition holds. So rows that are not selected need not be
// restored, and each different value is compared once a block, or a segment.
type labelTest struct {
	condition *labelCondition
	places    labelPlaces
	fields    []fieldTest // by the segment's fields
	shared    bool        // may hold for a row whatever its fields
	opaque    bool        // of a field that the text filters do not know
	byOrigin  bool        // only resources decide
}

// fieldTest is what is known of a field's values.
type fieldTest struct {
	verdict verdict
	blocks  BlockSet // where a value holds
	kind    model.Kind
	occurs  []int // how often the field stands in each shape
}

// verdict says for which values of a field a condition holds.
type verdict uint8

const (
	unasked verdict = iota // the field decides for no row
	never
	always
	depends
)

func newLabelTest(d *Dictionary, c *labelCondition) labelTest {
	t := labelTest{condition: c, places: newLabelPlaces(d, c), fields: make([]fieldTest, len(d.Fields)), byOrigin: true}
	for _, place := range t.places.shapes {
		if place.rank == t.places.absent.rank {
			continue
		}
		t.byOrigin = false
		if f := &t.fields[place.field]; f.verdict == unasked {
			*f = newFieldTest(d, place.field, &c.selector)
			t.opaque = t.opaque || f.kind != model.KindString && f.verdict != never
		}
	}
	for _, place := range t.places.scopes {
		t.byOrigin = t.byOrigin && place.rank == t.places.absent.rank
	}
	t.shared = t.places.mayHoldShared()
	return t
}

func newFieldTest(d *Dictionary, field int, s *model.Selector) fieldTest {
	f := fieldTest{verdict: depends, blocks: allBlocks, kind: d.Fields[field].kind, occurs: make([]int, len(d.shapes))}
	for i, shape := range d.shapes {
		for _, part := range shape {
			if part.column == field {
				f.occurs[i]++
			}
		}
	}
	values := d.values()[field]
	switch {
	case values.numbers && !s.MayHoldBetween(values.least, values.greatest):
		f.verdict, f.blocks = never, 0
	case values.texts != nil:
		f.judge(values.texts, s)
	}
	return f
}

// judge puts the selector to all texts that the field has.
func (f *fieldTest) judge(texts []fieldValue, s *model.Selector) {
	f.blocks = 0
	holding := 0
	for _, v := range texts {
		if s.Holds(model.StringValue(v.text), true) {
			f.blocks |= v.blocks
			holding++
		}
	}
	switch holding {
	case 0:
		f.verdict = never
	case len(texts):
		f.verdict = always
	}
}

// blocks returns those that may have a row for which the condition holds.
func (t *labelTest) blocks() (set BlockSet) {
	if t.shared {
		return allBlocks
	}
	for i := range t.fields {
		if t.fields[i].verdict != unasked {
			set |= t.fields[i].blocks
		}
	}
	return set
}

// admits reports whether a block with this text filter may have one.
func (t *labelTest) admits(filter []uint64) bool {
	return t.shared || t.opaque || t.condition.mayHoldIn(filter)
}

// needsTexts reports whether the numbers of a row are not enough.
func (t *labelTest) needsTexts() bool {
	for i := range t.fields {
		if t.fields[i].verdict == depends {
			return true
		}
	}
	return false
}

// choose keeps the rows for which the condition may hold, by their numbers.
func (t *labelTest) choose(l *Loader) {
	if t.byOrigin {
		l.keep(ColumnResource, func(resource uint64) bool {
			return t.places.of(0, 0, resource).holds
		})
		return
	}
	t.keep(l, func(int, int) bool { return true })
}

// chooseByTexts keeps the rows for which it holds. The texts are unpacked.
func (t *labelTest) chooseByTexts(l *Loader) {
	if len(l.wanted) == 0 || !t.needsTexts() {
		return
	}
	l.verdicts = append(l.verdicts[:0], make([]bool, l.Count)...)
	for field := range t.fields {
		if t.fields[field].verdict == depends {
			t.compare(l, field)
		}
	}
	t.keep(l, func(_, i int) bool { return l.verdicts[i] })
}

// keep rules out the rows for which the condition does not hold; holds decides
// where that depends on the value.
func (t *labelTest) keep(l *Loader, holds func(field, i int) bool) {
	if len(l.wanted) == 0 {
		return
	}
	l.readOrigins()
	kept := l.wanted[:0]
	for _, i := range l.wanted {
		place := t.placeOf(l, int(i))
		wanted := place.holds
		if place.field != noField {
			wanted = t.fields[place.field].verdict == always ||
				t.fields[place.field].verdict == depends && holds(place.field, int(i))
		}
		if wanted {
			kept = append(kept, i)
		}
	}
	l.wanted = kept
}

func (t *labelTest) placeOf(l *Loader, i int) labelPlace {
	return t.places.of(l.Number(columnShape, i), l.Number(columnScope, i), l.Number(ColumnResource, i))
}

// compare puts the values of a field to the selector, for the rows that it
// decides for.
func (t *labelTest) compare(l *Loader, field int) {
	if field >= len(l.fields) {
		return // it first comes in a later block
	}
	f := &t.fields[field]
	values := fieldComparer{selector: &t.condition.selector, kind: f.kind, stream: l.fields[field].Cursor, known: l.known[:0]}
	for i := range l.Count {
		for n := range f.occurs[l.Number(columnShape, i)] {
			holds := values.Next()
			if n == 0 && t.placeOf(l, i).field == field { // the first of several is the label
				l.verdicts[i] = holds
			}
		}
	}
	l.known = values.known
}

// fieldComparer reads a field's values as ValueReader does, but compares them,
// the different texts once each.
type fieldComparer struct {
	selector *model.Selector
	kind     model.Kind
	stream   colenc.Cursor
	known    []bool // of the texts so far
}

func (c *fieldComparer) Next() bool {
	if c.kind != model.KindString {
		return c.selector.Holds(colenc.ReadContent(&c.stream, c.kind), true)
	}
	if place := c.stream.Uvarint(); place != 0 {
		return c.known[place-1]
	}
	holds := c.selector.Holds(model.StringValue(string(c.stream.Text())), true)
	c.known = append(c.known, holds)
	return holds
}
