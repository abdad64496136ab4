// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"maps"
	"slices"
)

// fieldValues gathers the different texts that a field has in a segment, with
// their blocks, while these are few. A selector is then put to each of them once,
// whatever it compares, instead of to each row.
type fieldValues struct {
	blocks map[string]blockSet
	open   bool // too many, or too long: none is told
}

// note takes a text that is new to the block.
func (v *fieldValues) note(text string, block blockSet) {
	if v.open {
		return
	}
	if v.blocks == nil {
		v.blocks = map[string]blockSet{}
	}
	v.blocks[text] |= block
	if len(v.blocks) > maxLabelValues || len(text) > maxLabelBytes {
		*v = fieldValues{open: true}
	}
}

// encodeValues writes the values of all fields: how many there are plus 1, and
// each with its blocks; 0 for a field whose values are not told.
func encodeValues(fields []fieldValues) []byte {
	var dst []byte
	for i := range fields {
		if fields[i].open || fields[i].blocks == nil {
			dst = append(dst, 0)
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(fields[i].blocks))+1)
		for _, text := range slices.Sorted(maps.Keys(fields[i].blocks)) {
			dst = binary.AppendUvarint(appendString(dst, text), uint64(fields[i].blocks[text]))
		}
	}
	return dst
}

// fieldValue is one of few texts of a field.
type fieldValue struct {
	text   string
	blocks blockSet
}

// values returns what each field has, nil for one whose values are not told.
func (d *dictionary) values() [][]fieldValue {
	if d.known == nil {
		d.known = make([][]fieldValue, len(d.fields))
		for i := range d.known {
			d.known[i] = readValues(&d.packedValues)
		}
	}
	return d.known
}

func readValues(c *cursor) []fieldValue {
	n := c.uvarint()
	if n == 0 {
		return nil
	}
	list := make([]fieldValue, n-1)
	for i := range list {
		list[i] = fieldValue{text: string(c.text()), blocks: blockSet(c.uvarint())}
	}
	return list
}
