// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"encoding/binary"

	"github.com/tapio/tapio/internal/model"
)

// A row is one sample, in variable-length numbers: its node with the bits below, its
// set and its link if it has them, the number of values, as many times as there are
// values if it has times, each as the difference to the one before, and the values,
// divided by the scale of the entry; only one if all are the same.
const (
	rowHasSet     = 1 << 0
	rowHasLink    = 1 << 1
	rowHasTimes   = 1 << 2
	rowSameValues = 1 << 3
	rowBits       = 4
)

// row is a decoded sample. Its slices are used again for the next one.
type row struct {
	node   uint32
	set    uint32 // model.NoSet for none
	link   uint32 // unknown for none
	times  []model.Nanos
	values []int64
}

// decode reads the row at the start of data into r and returns what follows it.
func (r *row) decode(e *entry, data []byte) []byte {
	head, n := binary.Uvarint(data)
	data = data[n:]
	r.node, r.set, r.link = uint32(head>>rowBits), model.NoSet, unknown
	next := func() uint64 {
		number, n := binary.Uvarint(data)
		data = data[n:]
		return number
	}
	signed := func() int64 {
		number, n := binary.Varint(data)
		data = data[n:]
		return number
	}
	if head&rowHasSet != 0 {
		r.set = uint32(next())
	}
	if head&rowHasLink != 0 {
		r.link = uint32(next())
	}
	count := int(next())
	r.times, r.values = r.times[:0], r.values[:0]
	if head&rowHasTimes != 0 {
		at := e.time
		for range count {
			at += model.Nanos(signed())
			r.times = append(r.times, at)
		}
	}
	for i := range count {
		if i == 0 || head&rowSameValues == 0 {
			r.values = append(r.values, signed()*e.scale)
			continue
		}
		r.values = append(r.values, r.values[0])
	}
	return data
}
