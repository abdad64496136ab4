// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// fieldValues gathers the different texts that a field has in a segment, with
// their blocks, while these are few. A selector is then put to each of them once,
// whatever it compares, instead of to each row.
//
// Of a field of numbers it gathers the least and the greatest.
type fieldValues struct {
	blocks          map[string]BlockSet
	open            bool // too many, or too long: none is listed
	least, greatest float64
	numbers         bool // there is one
}

// widen takes a number.
func (v *fieldValues) widen(number float64) {
	switch {
	case number != number: // as NaN compares with nothing
	case !v.numbers:
		v.least, v.greatest, v.numbers = number, number, true
	case number < v.least:
		v.least = number
	case number > v.greatest:
		v.greatest = number
	}
}

// note takes a text that is new to the block.
func (v *fieldValues) note(text string, block BlockSet) {
	if v.open {
		return
	}
	if v.blocks == nil {
		v.blocks = map[string]BlockSet{}
	}
	v.blocks[text] |= block
	if len(v.blocks) > MaxLabelValues || len(text) > MaxLabelBytes {
		*v = fieldValues{open: true}
	}
}

// encodeValues writes the values of all fields: how many there are plus 1, and
// each with its blocks; 0 for a field whose values are not known. A field of
// numbers has 1, the least and the greatest.
func encodeValues(fields []fieldValues) []byte {
	var dst []byte
	for i := range fields {
		if fields[i].numbers {
			dst = append(dst, 1)
			dst = model.AppendDouble(model.AppendDouble(dst, fields[i].least), fields[i].greatest)
			continue
		}
		if fields[i].open || fields[i].blocks == nil {
			dst = append(dst, 0)
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(fields[i].blocks))+1)
		for _, text := range slices.Sorted(maps.Keys(fields[i].blocks)) {
			dst = binary.AppendUvarint(colenc.AppendString(dst, text), uint64(fields[i].blocks[text]))
		}
	}
	return dst
}

// fieldValue is one of few texts of a field.
type fieldValue struct {
	text   string
	blocks BlockSet
}

// values returns what each field has, nil for one whose values are not known.
func (d *Dictionary) values() []knownValues {
	if d.known == nil {
		d.known = make([]knownValues, len(d.Fields))
		for i := range d.known {
			d.known[i] = readValues(&d.packedValues, d.Fields[i].kind)
		}
	}
	return d.known
}

// knownValues is what is known of a field's values.
type knownValues struct {
	texts           []fieldValue // nil: not known
	least, greatest float64
	numbers         bool // they lie between these
}

func readValues(c *colenc.Cursor, kind model.Kind) (known knownValues) {
	n := c.Uvarint()
	switch {
	case n == 0:
	case kind != model.KindString:
		known.least, known.greatest, known.numbers = readDouble(c), readDouble(c), true
	default:
		if n-1 > uint64(len(c.Bytes)) {
			panic("store: a segment is broken: it holds fewer values than its header states")
		}
		known.texts = make([]fieldValue, n-1)
		for i := range known.texts {
			known.texts[i] = fieldValue{text: string(c.Text()), blocks: BlockSet(c.Uvarint())}
		}
	}
	return known
}

func readDouble(c *colenc.Cursor) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(c.Take(8)))
}
