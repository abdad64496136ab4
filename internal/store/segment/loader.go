// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// dictionaryFactor is how many times its written length a dictionary takes.
const dictionaryFactor = 3

// Loader restores blocks of one segment for one reader. It uses its memory
// again: only the rows that it returns stay as they are.
type Loader struct {
	Segment *Segment
	words   *Dictionary // read when first needed

	wordBytes int        // what words takes
	from      int        // place of the block's first row
	Count     int        // rows of the block in hand
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
	Texts    []byte
	streams  []colenc.Cursor
	wanted   []int32
	wants    wants
	folded   []byte // scratch of the text search
	marked   []byte
	verdicts []bool // scratch of the label tests: by row, and by text of a field
	known    []bool
}

// Blocks returns the blocks that the indexes do not rule out.
func (l *Loader) Blocks(h *Hint) BlockSet {
	set := h.blocks(l.Segment)
	if set != 0 && len(h.Tests) > 0 {
		l.wants.prepare(l, h)
		set &= l.wants.blocks()
	}
	return set
}

// Admits reports whether one of these blocks may hold matching rows.
func (l *Loader) Admits(h *Hint, b int) bool {
	return h.admits(l.Segment, b) && l.wants.admits(l.Segment.filter(b))
}

// Load restores those rows of a block that the hint does not rule out.
func Load[R any](l *Loader, c Codec[R], b int, h *Hint) Run[R] {
	OpenBlock(l, c, b)
	wanted := l.choose(h)
	r := Run[R]{from: l.from}
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
		l.ReadColumn(column)
	}
	r.Rows, r.Places = make([]R, len(wanted)), make([]int32, len(wanted))
	next := 0
	for n, i := range wanted {
		for ; next < int(i); next++ {
			c.skip(l, next)
		}
		c.Read(l, next, &r.Rows[n])
		r.Places[n] = int32(l.from) + i
		next++
	}
	return r
}

// OpenBlock turns to a block of rows of this codec. Nothing of it is unpacked yet.
func OpenBlock[R any](l *Loader, c Codec[R], b int) { l.open(b, c.columns(), c.deciding()) }

// open turns to a block. Nothing of it is unpacked yet.
func (l *Loader) open(b, columns int, deciding uint64) {
	from, to := l.Segment.RowsOf(b)
	l.block, l.from, l.Count = &l.Segment.Blocks[b], from, to-from
	l.read, l.deciding, l.halves = 0, deciding, [2]bool{}
	for len(l.numbers) < columns {
		l.numbers = append(l.numbers, make([]uint64, l.Segment.BlockRows))
	}
}

// half returns the columns of the block that are packed together with this one.
func (l *Loader) half(column int) []colenc.Cursor {
	half, from, to := 0, l.block.deciding, l.block.numbers
	if l.deciding>>column&1 == 0 {
		half, from, to = 1, l.block.numbers, l.block.texts
	}
	if !l.halves[half] {
		l.halves[half] = true
		l.packed[half] = l.Segment.Unpack(l.packed[half][:0], l.Segment.Data[from:to])
		l.columns[half] = colenc.Split(l.columns[half], l.packed[half])
	}
	return l.columns[half]
}

// ReadColumn restores one column, unless that is done.
func (l *Loader) ReadColumn(column int) {
	if l.read>>column&1 != 0 {
		return
	}
	l.read |= 1 << column
	numbers := l.numbers[column][:l.Count]
	l.numbers[column] = numbers
	colenc.ReadColumn(numbers, l.half(column)[column])
	if column < deltaColumns {
		colenc.Undelta(numbers)
	}
}

// readOrigins restores the columns with the labels of each row.
func (l *Loader) readOrigins() {
	for _, column := range [...]int{ColumnResource, columnScope, columnShape} {
		l.ReadColumn(column)
	}
}

func (l *Loader) readTexts(b int) {
	block := &l.Segment.Blocks[b]
	l.Texts = l.Segment.Unpack(l.Texts[:0], l.Segment.Data[block.texts:block.end])
	l.streams = colenc.Split(l.streams, l.Texts)
	l.body, l.extra = l.streams[streamBody], l.streams[streamExtra]
	l.beginFields(l.streams[ownStreams:])
	l.Dictionary()
}

func (l *Loader) beginFields(streams []colenc.Cursor) {
	l.fields = slices.Grow(l.fields[:0], len(streams))[:len(streams)]
	for i, stream := range streams {
		l.fields[i].Begin(stream)
	}
}

// Dictionary returns the dictionary of the segment's words, which it unpacks once.
func (l *Loader) Dictionary() *Dictionary {
	if l.words == nil {
		packed := l.Segment.Unpack(nil, l.Segment.Words)
		l.wordBytes = dictionaryFactor * len(packed)
		l.words = readDictionary(packed)
	}
	return l.words
}

// Held is the bytes that the loader holds to use them again.
func (l *Loader) Held() int64 {
	n := l.wordBytes + cap(l.Texts) + cap(l.packed[0]) + cap(l.packed[1]) + len(l.numbers)*l.Segment.BlockRows*8 + cap(l.folded) + cap(l.marked) + cap(l.verdicts) + cap(l.known)
	n += colenc.SliceBytes(l.streams) + colenc.SliceBytes(l.columns[0]) + colenc.SliceBytes(l.columns[1]) + colenc.SliceBytes(l.wanted)
	return int64(n)
}

// choose returns which rows of the block the hint does not rule out.
func (l *Loader) choose(h *Hint) []int32 {
	l.wants.prepare(l, h)
	l.wanted = l.wanted[:0]
	for i := range l.Count {
		l.wanted = append(l.wanted, int32(i))
	}
	l.wants.choose(l)
	return l.wanted
}

// keep rules out the rows whose number in a column is not wanted.
func (l *Loader) keep(column int, wanted func(uint64) bool) {
	if len(l.wanted) == 0 {
		return
	}
	l.ReadColumn(column)
	numbers, kept := l.numbers[column], l.wanted[:0]
	for _, i := range l.wanted {
		if wanted(numbers[i]) {
			kept = append(kept, i)
		}
	}
	l.wanted = kept
}

// Number is what a row of the block in hand has in a column that was read.
func (l *Loader) Number(column, i int) uint64 { return l.numbers[column][i] }

func (l *Loader) trace(i int) model.TraceID {
	if place := l.Number(columnTrace, i); place > 0 {
		return l.Segment.Traces[place-1]
	}
	return model.TraceID{}
}

// span returns the span id of this number.
func (l *Loader) span(number uint64) model.SpanID {
	if number > 0 {
		return l.Segment.Spans[number-1]
	}
	return model.SpanID{}
}

// Text is the text of that number.
func (l *Loader) Text(column, i int) string { return l.words.Strings[l.Number(column, i)] }

func (l *Loader) origin(i int) (*model.Resource, *model.Scope) {
	return l.words.Resources[l.Number(ColumnResource, i)], l.words.Scopes[l.Number(columnScope, i)]
}

func (l *Loader) attributes(i int) model.Attributes {
	shape := l.words.shapes[l.Number(columnShape, i)]
	if len(shape) == 0 {
		return nil
	}
	list := make(model.Attributes, len(shape))
	for n, f := range shape {
		list[n] = model.KeyValue{Key: l.words.Strings[f.Key], Value: l.value(f)}
	}
	return list
}

// Value reads the next value of a field.
func (l *Loader) value(f field) model.Value {
	from := &l.fields[f.column]
	if f.kind == model.KindString {
		return model.StringValue(string(from.Next()))
	}
	return colenc.ReadContent(&from.Cursor, f.kind)
}

func (l *Loader) skipAttributes(i int) {
	for _, f := range l.words.shapes[l.Number(columnShape, i)] {
		if from := &l.fields[f.column]; f.kind == model.KindString {
			from.Next()
		} else {
			colenc.SkipContent(&from.Cursor, f.kind)
		}
	}
}
