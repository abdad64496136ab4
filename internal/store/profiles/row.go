// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"encoding/binary"

	"github.com/tapio/tapio/internal/model"
)

// A row is one sample, in variable-length numbers: its stack, with the bit below set if a
// byte of flags follows, which else are those of the row before; its set and its link if
// it has them; the number of values unless it is one; as many times as there are values
// if it has times, the first as the difference to the last time of the row before, the
// others to the one before; and the values, divided by the scale of the entry: none if
// all are the scale, one if all are the same.
const (
	rowHasSet = 1 << iota
	rowHasLink
	rowHasTimes
	rowSameValues
	rowScaleValues
	rowOneValue
)

const (
	// stackBits are below the stack of a row.
	stackBits     = 1
	rowFlagsThere = 1 << 0
)

// maxValues is the most values of a row; samples with more are cut.
const maxValues = 4096

// row is a decoded sample, and what the next one is encoded relative to. Its slices are
// used again for the next one.
type row struct {
	stack  uint32
	set    uint32 // model.NoSet for none
	link   uint32 // unknown for none
	times  []model.Nanos
	values []int64

	flags  byte
	at     model.Nanos // the latest time
	broken bool
}

// begin prepares for the first row of an entry.
func (r *row) begin(e *entry) { r.flags, r.at, r.broken = 0, e.time, false }

func (r *row) flagsOf(scale int64) (flags byte) {
	if r.set != model.NoSet {
		flags |= rowHasSet
	}
	if r.link != unknown {
		flags |= rowHasLink
	}
	if len(r.times) > 0 {
		flags |= rowHasTimes
	}
	if len(r.values) == 1 {
		flags |= rowOneValue
	}
	same := true
	for _, value := range r.values {
		same = same && value == r.values[0]
	}
	if same {
		flags |= rowSameValues
		if len(r.values) > 0 && r.values[0] == scale {
			flags |= rowScaleValues
		}
	}
	return flags
}

// size is the most bytes that the row takes.
func (r *row) size() int {
	return 5*binary.MaxVarintLen64 + (len(r.times)+len(r.values))*binary.MaxVarintLen64
}

// encode appends the row, whose fields are set, to rows.
func (r *row) encode(e *entry, rows []byte) []byte {
	flags := r.flagsOf(e.scale)
	head := uint64(r.stack) << stackBits
	if flags != r.flags {
		rows = append(binary.AppendUvarint(rows, head|rowFlagsThere), flags)
	} else {
		rows = binary.AppendUvarint(rows, head)
	}
	r.flags = flags
	if r.set != model.NoSet {
		rows = binary.AppendUvarint(rows, uint64(r.set))
	}
	if r.link != unknown {
		rows = binary.AppendUvarint(rows, uint64(r.link))
	}
	if flags&rowOneValue == 0 {
		rows = binary.AppendUvarint(rows, uint64(len(r.values)))
	}
	for _, at := range r.times {
		rows = binary.AppendVarint(rows, int64(at-r.at))
		r.at = at
	}
	if flags&rowScaleValues != 0 {
		return rows
	}
	for i, value := range r.values {
		if i == 0 || flags&rowSameValues == 0 {
			rows = binary.AppendVarint(rows, value/e.scale)
		}
	}
	return rows
}

// decode reads the row at the start of data into r and returns what follows it. Of bytes
// that are no row it sets broken and returns nothing.
func (r *row) decode(e *entry, data []byte) []byte {
	rest := numbers{data: data}
	head := rest.uint()
	r.stack, r.set, r.link = uint32(head>>stackBits), model.NoSet, unknown
	if head&rowFlagsThere != 0 {
		r.flags = rest.byte()
	}
	if r.flags&rowHasSet != 0 {
		r.set = uint32(rest.uint())
	}
	if r.flags&rowHasLink != 0 {
		r.link = uint32(rest.uint())
	}
	count := uint64(1)
	if r.flags&rowOneValue == 0 {
		count = rest.uint()
	}
	if count > maxValues {
		rest.broken = true
	}
	r.times, r.values = r.times[:0], r.values[:0]
	if rest.broken {
		r.broken = true
		return nil
	}
	if r.flags&rowHasTimes != 0 {
		for range count {
			r.at += model.Nanos(rest.int())
			r.times = append(r.times, r.at)
		}
	}
	for i := range count {
		switch {
		case r.flags&rowScaleValues != 0:
			r.values = append(r.values, e.scale)
		case i == 0 || r.flags&rowSameValues == 0:
			r.values = append(r.values, rest.int()*e.scale)
		default:
			r.values = append(r.values, r.values[0])
		}
	}
	r.broken = rest.broken
	return rest.data
}

// numbers reads variable-length numbers. Behind bytes that are none all is 0.
type numbers struct {
	data   []byte
	broken bool
}

func (n *numbers) take(length int) {
	if length <= 0 {
		n.broken, n.data = true, nil
		return
	}
	n.data = n.data[length:]
}

func (n *numbers) byte() byte {
	if len(n.data) == 0 {
		n.broken = true
		return 0
	}
	b := n.data[0]
	n.data = n.data[1:]
	return b
}

func (n *numbers) uint() uint64 {
	number, length := binary.Uvarint(n.data)
	n.take(length)
	return number
}

func (n *numbers) int() int64 {
	number, length := binary.Varint(n.data)
	n.take(length)
	return number
}
