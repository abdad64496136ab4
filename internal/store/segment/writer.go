// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/ngram"
)

// The columns of numbers that log records and spans have alike. The first
// deltaColumns are written as differences.
const (
	ColumnTime  = iota // the time that order goes by
	columnTrace        // 0: none, else its place plus 1
	columnSpan         // the same
	deltaColumns
	ColumnResource = iota - 1
	columnScope
	columnName
	columnShape
	ownColumns // where those of one signal begin
)

// The streams of texts of a block; those of the attributes, one for each field,
// follow.
const (
	streamBody  = iota // the bodies of log records, without their lengths
	streamExtra        // what is rare: composite bodies, events and links of spans
	ownStreams
)

// Codec writes the rows of one signal into a segment, and restores them.
type Codec[R any] interface {
	// columns is how many columns of numbers a row has.
	columns() int
	// deciding is which columns are compressed apart from the others (bit i is
	// column i), because queries mostly rule out rows by them.
	deciding() uint64
	// blockRows is how many rows are compressed together: a reader of one row
	// restores so many.
	blockRows() int
	// searched is where a row has the texts that are searched.
	searched() searched
	// number numbers the ids of a block's rows.
	number(w *writer, rows []R)
	// write puts a row into the columns, streams and indexes of w.
	write(w *writer, row *R)
	// Read restores the i-th row of the block in hand.
	Read(l *Loader, i int, row *R)
	// skip passes over the texts of the i-th row.
	skip(l *Loader, i int)
}

// writer makes a segment.
type writer struct {
	segment  *Segment
	deciding uint64
	words    vocabulary
	traces   colenc.IDTable[model.TraceID]
	spans    colenc.IDTable[model.SpanID]
	columns  []colenc.Column
	streams  [][]byte
	values   []colenc.ValueTable // of the fields, which stand in the streams behind ownStreams
	few      []fieldValues       // parallel to values
	latest   []latestText        // by column
	named    []BlockSet          // where a text of the vocabulary is in the text filter
	index    *indexer
	grams    ngram.GramSet
	ids      []rowIDs // of the rows of the block
	warmed   uint32   // see idTable.warm
	row      int      // the one in hand
	resource int      // place of its resource

	bodyBefore string // the latest body of the block
	unmarked   int    // bodies since the latest one with an id in it

	oldest  model.Nanos
	newest  model.Nanos
	scratch []byte
}

// rowIDs is the numbers of what a row is named by, 0 for none.
type rowIDs struct{ trace, span, parent uint64 }

// latestText is the number of the text that a column had last.
type latestText struct {
	text  string
	place uint64
}

// Compact makes a segment of at most segmentRows rows.
func Compact[R any](c Codec[R], p *colenc.Packer, how colenc.Packing, rows []R) *Segment {
	w := &writer{
		segment:  &Segment{Packer: p, Packing: how, Rows: len(rows), BlockRows: c.blockRows()},
		deciding: c.deciding(),
		words:    newVocabulary(),
		traces:   colenc.NewIDTable(len(rows), colenc.TraceHash()),
		spans:    colenc.NewIDTable(2*len(rows), colenc.SpanHash()), // own ones, and parents
		columns:  make([]colenc.Column, c.columns()), streams: make([][]byte, ownStreams),
		latest: make([]latestText, c.columns()),
		index:  newIndexer(),
		ids:    make([]rowIDs, c.blockRows()),
	}
	for block := range slices.Chunk(rows, c.blockRows()) {
		w.oldest, w.newest = math.MaxUint64, 0
		c.number(w, block)
		for i := range block {
			c.write(w, &block[i])
			w.row++
		}
		w.endBlock()
	}
	return w.finish()
}

// origin writes where a row comes from and how it can be found.
func (w *writer) origin(when model.Nanos, resource *model.Resource, scope *model.Scope) {
	ids := w.rowIDs()
	w.oldest, w.newest = min(w.oldest, when), max(w.newest, when)
	w.columns[ColumnTime].PutDelta(uint64(when))
	w.columns[columnTrace].PutDelta(ids.trace)
	w.columns[columnSpan].PutDelta(ids.span)
	w.resource = w.words.resources.Place(resource)
	w.columns[ColumnResource].Put(uint64(w.resource))
	w.index.resource(resource, w.resource)
	place := w.words.scopes.Place(scope)
	w.columns[columnScope].Put(uint64(place))
	w.index.scope(scope, place)
}

// rowIDs are those of the row in hand.
func (w *writer) rowIDs() *rowIDs { return &w.ids[w.row%len(w.ids)] }

// trace numbers a trace and notes that it has a row in this block.
func (w *writer) trace(id model.TraceID) uint64 {
	if id.IsZero() {
		return 0
	}
	place := w.traces.Place(id)
	if place == len(w.segment.TraceBlocks) {
		w.segment.TraceBlocks = append(w.segment.TraceBlocks, 0)
	}
	w.segment.TraceBlocks[place] |= w.index.bit
	return uint64(place) + 1
}

func (w *writer) span(id model.SpanID) uint64 {
	if id.IsZero() {
		return 0
	}
	return uint64(w.spans.Place(id)) + 1
}

// name writes the name of a row, which the text filter knows, too.
func (w *writer) name(name string) {
	place := w.text(columnName, name)
	w.columns[columnName].Put(place)
	if w.search(place, name) {
		w.index.name(name)
	}
}

// search lets the text filter know a text of the vocabulary, once a block; it
// reports whether it did.
func (w *writer) search(place uint64, text string) bool {
	for int(place) >= len(w.named) {
		w.named = append(w.named, 0)
	}
	if w.named[place]&w.index.bit != 0 {
		return false
	}
	w.named[place] |= w.index.bit
	w.grams.Add(text)
	return true
}

// text numbers a text that mostly repeats, and most often at once.
func (w *writer) text(column int, s string) uint64 {
	latest := &w.latest[column]
	if !colenc.SameText(latest.text, s) {
		*latest = latestText{s, w.rareText(s)}
	}
	return latest.place
}

// rareText numbers a text of no column.
func (w *writer) rareText(s string) uint64 { return uint64(w.words.strings.Place(s)) }

// attributes writes each value to the stream of its key and kind. Text filter
// and labels hear of a string once a block: most of them repeat.
func (w *writer) attributes(list model.Attributes) {
	shape, fields := w.words.shape(list)
	w.columns[columnShape].Put(uint64(shape))
	for i, f := range fields {
		w.field(f, &list[i])
	}
}

func (w *writer) field(f int, kv *model.KeyValue) {
	for len(w.values) <= f {
		w.streams, w.values = append(w.streams, nil), append(w.values, colenc.ValueTable{})
		w.few = append(w.few, fieldValues{})
	}
	stream, values := &w.streams[ownStreams+f], &w.values[f]
	switch kv.Kind() {
	case model.KindString:
		before, text := values.Latest, kv.Str()
		written, fresh := values.Append(*stream, text)
		*stream = written
		if fresh {
			w.grams.AddAfter(before, text)
			w.few[f].note(text, w.index.bit)
			values.Open = values.Open || w.index.label(kv)
		}
		return
	case model.KindInt:
		*stream = binary.AppendUvarint(*stream, colenc.Zigzag(kv.Int()))
		w.few[f].widen(float64(kv.Int()))
	default:
		*stream = colenc.AppendContent(*stream, kv.Value)
		if number, is := kv.Value.Number(); is {
			w.few[f].widen(number)
		}
	}
	values.Open = values.Open || w.index.label(kv)
}

// endBlock compresses what was written since the last one.
func (w *writer) endBlock() {
	s := w.segment
	b := block{Oldest: w.oldest, Newest: w.newest, deciding: uint32(len(s.Data)), grams: uint32(len(s.Grams))}
	s.Data = w.pack(s.Data, w.numbers(w.deciding))
	b.numbers = uint32(len(s.Data))
	s.Data = w.pack(s.Data, w.numbers(^w.deciding))
	b.texts = uint32(len(s.Data))
	s.Data = w.pack(s.Data, w.streams)
	b.end = uint32(len(s.Data))
	filters, words := w.grams.Take(s.Grams)
	s.Grams, b.gramWords = filters, uint32(words)
	s.Blocks = append(s.Blocks, b)
	w.index.bit <<= 1
	w.bodyBefore = ""
	for i := range w.columns {
		w.columns[i].Reset()
	}
	for i := range w.streams {
		w.streams[i] = w.streams[i][:0]
	}
	for i := range w.values {
		w.values[i].Reset()
	}
}

// numbers returns all columns, those empty that are not in the set.
func (w *writer) numbers(set uint64) [][]byte {
	numbers := make([][]byte, len(w.columns))
	for i := range w.columns {
		if set>>i&1 != 0 {
			numbers[i] = w.columns[i].Bytes
		}
	}
	return numbers
}

func (w *writer) pack(dst []byte, streams [][]byte) []byte {
	w.scratch = colenc.Join(w.scratch[:0], streams)
	return w.segment.Pack(dst, w.scratch)
}

// finish completes the segment, and leaves no room in its slices.
func (w *writer) finish() *Segment {
	s := w.segment
	s.Blocks, s.Data, s.Grams = colenc.Exactly(s.Blocks), colenc.Exactly(s.Data), colenc.Exactly(s.Grams)
	s.Words = colenc.Exactly(s.Pack(nil, w.words.encode(w.few)))
	if shorts := w.grams.Shorts.Encode(s.Rows); shorts != nil {
		s.shorts = colenc.Exactly(s.Pack(nil, shorts))
	}
	s.Traces, s.Spans = colenc.Exactly(w.traces.Values), colenc.Exactly(w.spans.Values)
	s.TraceBlocks = colenc.Exactly(s.TraceBlocks)
	s.SortTraces()
	s.uids = sortUIDs(s.uids)
	s.Labels = w.index.finish()
	s.Labels.Mixed = w.words.namesService()
	return s
}
