// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/bits"

	"github.com/tapio/tapio/internal/tapio"
)

// The columns of metric points. As those of other signals, they begin with the
// time and with deltaColumns that are written as differences: points of one
// scrape have one time, and their series follow each other.
const (
	columnSeries = columnTime + 1 + iota
	columnStart
	columnKindOfNumber
	columnValue // how it differs from that of the series before, in this block
	columnPointFlags
	columnParts // bits: which distributions the point has
	columnExemplars
	pointColumns
)

// What columnParts says.
const (
	partHistogram = 1 << iota
	partExponential
	partSummary
)

// pointBlockRows is larger than blockRows, for a series' values are close to
// each other and a block should hold several.
const pointBlockRows = 4096

// pointCodec is the codec of metric points.
type pointCodec struct{}

func (pointCodec) columns() int { return pointColumns }

func (pointCodec) deciding() uint64 {
	return 1 << columnSeries
}

func (pointCodec) blockRows() int { return pointBlockRows }

// searched is nothing: the series decide.
func (pointCodec) searched() searched { return searched{} }

func (pointCodec) write(w *writer, p *tapio.Point) {
	w.oldest, w.newest = min(w.oldest, p.Time), max(w.newest, p.Time)
	w.columns[columnTime].putDelta(uint64(p.Time))
	series := w.words.series.place(p.Series)
	w.columns[columnSeries].putDelta(uint64(series))
	w.columns[columnStart].putDelta(uint64(p.Start))
	w.columns[columnKindOfNumber].put(uint64(p.Number))
	w.columns[columnValue].put(w.latest.encode(series, p.Number, p.Bits))
	w.columns[columnPointFlags].put(uint64(p.Flags))
	w.columns[columnParts].put(partsOf(p))
	w.columns[columnExemplars].put(uint64(len(p.Exemplars)))
	dst := appendDistributions(w.streams[streamExtra], p)
	for i := range p.Exemplars {
		dst = appendExemplar(dst, &p.Exemplars[i])
	}
	w.streams[streamExtra] = dst
	w.indexSeries(p.Series)
}

// indexSeries indexes a series once a block.
func (w *writer) indexSeries(s *tapio.Series) {
	if w.index.seen[s]&w.index.bit != 0 {
		return
	}
	w.index.seen[s] |= w.index.bit
	w.index.name(s.Metric.Name)
	w.index.origin(s.Resource, s.Scope)
	w.index.attributes(s.Attributes)
	w.grams.add(s.Metric.Name)
	for i := range s.Attributes {
		if s.Attributes[i].Value.Kind() == tapio.KindString {
			w.grams.add(s.Attributes[i].Value.Str())
		}
	}
}

func partsOf(p *tapio.Point) (parts uint64) {
	if p.Histogram != nil {
		parts |= partHistogram
	}
	if p.Exponential != nil {
		parts |= partExponential
	}
	if p.Summary != nil {
		parts |= partSummary
	}
	return parts
}

// latestValues are the latest values of the series in a block.
type latestValues struct{ bits []uint64 }

func (l *latestValues) of(series int) *uint64 {
	for len(l.bits) <= series {
		l.bits = append(l.bits, 0)
	}
	return &l.bits[series]
}

// encode tells a value by the one before: an integer by the difference, a float
// by the bits that differ, turned round because those are mostly the upper ones.
func (l *latestValues) encode(series int, kind tapio.NumberKind, value uint64) uint64 {
	latest := l.of(series)
	encoded := zigzag(int64(value - *latest))
	if kind != tapio.NumberInt {
		encoded = bits.Reverse64(value ^ *latest)
	}
	*latest = value
	return encoded
}

func (l *latestValues) decode(series int, kind tapio.NumberKind, encoded uint64) uint64 {
	latest := l.of(series)
	if kind == tapio.NumberInt {
		*latest += uint64(unzigzag(encoded))
	} else {
		*latest ^= bits.Reverse64(encoded)
	}
	return *latest
}

func (pointCodec) read(l *loader, i int, p *tapio.Point) {
	p.Series = l.words.series[l.number(columnSeries, i)]
	p.Start, p.Time = tapio.Nanos(l.number(columnStart, i)), tapio.Nanos(l.number(columnTime, i))
	p.Number, p.Bits = l.value(i)
	p.Flags = uint32(l.number(columnPointFlags, i))
	readDistributions(&l.extra, l.number(columnParts, i), p)
	for range l.number(columnExemplars, i) {
		p.Exemplars = append(p.Exemplars, readExemplar(&l.extra))
	}
}

func (l *loader) value(i int) (tapio.NumberKind, uint64) {
	kind := tapio.NumberKind(l.number(columnKindOfNumber, i))
	return kind, l.latest.decode(int(l.number(columnSeries, i)), kind, l.number(columnValue, i))
}

func (pointCodec) skip(l *loader, i int) {
	l.value(i) // the next one of the series tells how it differs
	if parts := l.number(columnParts, i); parts != 0 {
		readDistributions(&l.extra, parts, &tapio.Point{})
	}
	for range l.number(columnExemplars, i) {
		readExemplar(&l.extra)
	}
}
