// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// dictionaryFactor is how many times its written length a dictionary takes.
const dictionaryFactor = 3

// loader restores blocks of one segment for one reader. It uses its memory
// again: only the rows that it returns stay as they are.
type loader struct {
	segment *segment
	words   *dictionary // read when first needed

	wordBytes int        // what words takes
	from      int        // place of the block's first row
	count     int        // rows of the block in hand
	numbers   [][]uint64 // its columns
	read      uint64     // which of them are read; bit i is column i
	body      colenc.Cursor
	extra     colenc.Cursor
	fields    []colenc.ValueReader

	block    *block
	deciding uint64             // which columns are in the first half of the numbers
	halves   [2]bool            // which half is unpacked
	columns  [2][]colenc.Cursor // of each half
	packed   [2][]byte
	texts    []byte
	streams  []colenc.Cursor
	wanted   []int32
	wants    wants
	folded   []byte // scratch of the text search
	marked   []byte
	verdicts []bool // scratch of the label tests: by row, and by text of a field
	known    []bool
}

// blocks returns the blocks that the indexes do not rule out.
func (l *loader) blocks(h *hint) blockSet {
	set := h.blocks(l.segment)
	if set != 0 && len(h.tests) > 0 {
		l.wants.prepare(l, h)
		set &= l.wants.blocks()
	}
	return set
}

// admits reports whether one of these blocks may hold matching rows.
func (l *loader) admits(h *hint, b int) bool {
	return h.admits(l.segment, b) && l.wants.admits(l.segment.filter(b))
}

// load restores those rows of a block that the hint does not rule out.
func load[R any](l *loader, c codec[R], b int, h *hint) run[R] {
	l.open(b, c.columns(), c.deciding())
	wanted := l.choose(h)
	r := run[R]{from: l.from}
	if len(wanted) == 0 {
		return r
	}
	l.readTexts(b)
	l.wants.chooseByTexts(l)
	if wanted = l.wanted; len(wanted) == 0 {
		return r
	}
	if h.text != nil && !h.text.mayHold(l, c.searched()) {
		return r
	}
	for column := range c.columns() {
		l.readColumn(column)
	}
	r.rows, r.places = make([]R, len(wanted)), make([]int32, len(wanted))
	next := 0
	for n, i := range wanted {
		for ; next < int(i); next++ {
			c.skip(l, next)
		}
		c.Read(l, next, &r.rows[n])
		r.places[n] = int32(l.from) + i
		next++
	}
	return r
}

// open turns to a block. Nothing of it is unpacked yet.
func (l *loader) open(b, columns int, deciding uint64) {
	from, to := l.segment.rowsOf(b)
	l.block, l.from, l.count = &l.segment.blocks[b], from, to-from
	l.read, l.deciding, l.halves = 0, deciding, [2]bool{}
	for len(l.numbers) < columns {
		l.numbers = append(l.numbers, make([]uint64, l.segment.blockRows))
	}
}

// half returns the columns of the block that are packed together with this one.
func (l *loader) half(column int) []colenc.Cursor {
	half, from, to := 0, l.block.deciding, l.block.numbers
	if l.deciding>>column&1 == 0 {
		half, from, to = 1, l.block.numbers, l.block.texts
	}
	if !l.halves[half] {
		l.halves[half] = true
		l.packed[half] = l.segment.unpack(l.packed[half][:0], l.segment.data[from:to])
		l.columns[half] = colenc.Split(l.columns[half], l.packed[half])
	}
	return l.columns[half]
}

// ReadColumn restores one column, unless that is done.
func (l *loader) readColumn(column int) {
	if l.read>>column&1 != 0 {
		return
	}
	l.read |= 1 << column
	numbers := l.numbers[column][:l.count]
	l.numbers[column] = numbers
	colenc.ReadColumn(numbers, l.half(column)[column])
	if column < deltaColumns {
		colenc.Undelta(numbers)
	}
}

// readOrigins restores the columns with the labels of each row.
func (l *loader) readOrigins() {
	for _, column := range [...]int{columnResource, columnScope, columnShape} {
		l.readColumn(column)
	}
}

func (l *loader) readTexts(b int) {
	block := &l.segment.blocks[b]
	l.texts = l.segment.unpack(l.texts[:0], l.segment.data[block.texts:block.end])
	l.streams = colenc.Split(l.streams, l.texts)
	l.body, l.extra = l.streams[streamBody], l.streams[streamExtra]
	l.beginFields(l.streams[ownStreams:])
	l.dictionary()
}

func (l *loader) beginFields(streams []colenc.Cursor) {
	l.fields = slices.Grow(l.fields[:0], len(streams))[:len(streams)]
	for i, stream := range streams {
		l.fields[i].Begin(stream)
	}
}

func (l *loader) dictionary() *dictionary {
	if l.words == nil {
		packed := l.segment.unpack(nil, l.segment.words)
		l.wordBytes = dictionaryFactor * len(packed)
		l.words = readDictionary(packed)
	}
	return l.words
}

// held is the bytes that the loader holds to use them again.
func (l *loader) held() int64 {
	n := l.wordBytes + cap(l.texts) + cap(l.packed[0]) + cap(l.packed[1]) + len(l.numbers)*l.segment.blockRows*8 + cap(l.folded) + cap(l.marked) + cap(l.verdicts) + cap(l.known)
	n += sliceBytes(l.streams) + sliceBytes(l.columns[0]) + sliceBytes(l.columns[1]) + sliceBytes(l.wanted)
	return int64(n)
}

// choose returns which rows of the block the hint does not rule out.
func (l *loader) choose(h *hint) []int32 {
	l.wants.prepare(l, h)
	l.wanted = l.wanted[:0]
	for i := range l.count {
		l.wanted = append(l.wanted, int32(i))
	}
	l.wants.choose(l)
	return l.wanted
}

// keep rules out the rows whose number in a column is not wanted.
func (l *loader) keep(column int, wanted func(uint64) bool) {
	if len(l.wanted) == 0 {
		return
	}
	l.readColumn(column)
	numbers, kept := l.numbers[column], l.wanted[:0]
	for _, i := range l.wanted {
		if wanted(numbers[i]) {
			kept = append(kept, i)
		}
	}
	l.wanted = kept
}

func (l *loader) Number(column, i int) uint64 { return l.numbers[column][i] }

func (l *loader) trace(i int) model.TraceID {
	if place := l.Number(columnTrace, i); place > 0 {
		return l.segment.traces[place-1]
	}
	return model.TraceID{}
}

// span returns the span id of this number.
func (l *loader) span(number uint64) model.SpanID {
	if number > 0 {
		return l.segment.spans[number-1]
	}
	return model.SpanID{}
}

func (l *loader) text(column, i int) string { return l.words.strings[l.Number(column, i)] }

func (l *loader) origin(i int) (*model.Resource, *model.Scope) {
	return l.words.resources[l.Number(columnResource, i)], l.words.scopes[l.Number(columnScope, i)]
}

func (l *loader) attributes(i int) model.Attributes {
	shape := l.words.shapes[l.Number(columnShape, i)]
	if len(shape) == 0 {
		return nil
	}
	list := make(model.Attributes, len(shape))
	for n, f := range shape {
		list[n] = model.KeyValue{Key: l.words.strings[f.key], Value: l.value(f)}
	}
	return list
}

// Value reads the next value of a field.
func (l *loader) value(f field) model.Value {
	from := &l.fields[f.column]
	if f.kind == model.KindString {
		return model.StringValue(string(from.Next()))
	}
	return colenc.ReadContent(&from.Cursor, f.kind)
}

func (l *loader) skipAttributes(i int) {
	for _, f := range l.words.shapes[l.Number(columnShape, i)] {
		if from := &l.fields[f.column]; f.kind == model.KindString {
			from.Next()
		} else {
			colenc.SkipContent(&from.Cursor, f.kind)
		}
	}
}
