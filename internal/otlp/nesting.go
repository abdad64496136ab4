// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/binary"
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

// pdata decodes by recursion and without a bound: a payload of 16 MB, a few kB
// once compressed, makes it overflow the stack, which ends the process. So a
// payload from outside is walked first, with a stack of our own.

// message is a message of OTLP logs that can lead to a value; leaf is anything
// else.
type message uint8

const (
	leaf message = iota
	request
	resourceLogs
	resource
	scopeLogs
	scope
	logRecord
	keyValue
	anyValue
	arrayValue
	keyValueList
)

// field returns the message under a field number.
func (m message) field(number uint64) message {
	switch m {
	case request:
		return pick(number, 1, resourceLogs)
	case resourceLogs:
		return pick(number, 1, resource) + pick(number, 2, scopeLogs) + pick(number, 1000, scopeLogs)
	case resource:
		return pick(number, 1, keyValue)
	case scopeLogs:
		return pick(number, 1, scope) + pick(number, 2, logRecord)
	case scope:
		return pick(number, 3, keyValue)
	case logRecord:
		return pick(number, 5, anyValue) + pick(number, 6, keyValue)
	case keyValue:
		return pick(number, 2, anyValue)
	case anyValue:
		return pick(number, 5, arrayValue) + pick(number, 6, keyValueList)
	case arrayValue:
		return pick(number, 1, anyValue)
	case keyValueList:
		return pick(number, 1, keyValue)
	default:
		return leaf
	}
}

// pick returns the message if the field is the wanted one, else leaf.
func pick(number, wanted uint64, m message) message {
	if number != wanted {
		return leaf
	}
	return m
}

// open is a message that the walk is inside of.
type open struct {
	message message
	end     int
	nesting int // arrays and maps around here, itself included
}

// The wire types of protobuf that OTLP uses; groups are not among them.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireLength  = 2
	wireFixed32 = 5
)

// checkNesting refuses a payload with values nested more than maxNesting deep,
// and one that is no protobuf.
func checkNesting(payload []byte) error {
	at := open{message: request, end: len(payload)}
	around := make([]open, 0, 4*maxNesting)
	for pos := 0; ; {
		for pos == at.end {
			if len(around) == 0 {
				return nil
			}
			at = around[len(around)-1]
			around = around[:len(around)-1]
		}
		inner, next := at.next(payload, pos)
		switch {
		case next < 0:
			return notARequest("broken at byte " + strconv.Itoa(pos))
		case inner.message == leaf:
			pos = next
		case inner.nesting > maxNesting:
			return model.InvalidField("payload",
				"has a value with more than %d arrays and maps inside one another: flatten it", maxNesting)
		default:
			around = append(around, at)
			at, pos = inner, next
		}
	}
}

// next reads the field at pos. It returns the message to walk into, if it is
// one, and where to go on; -1 if there is no valid field.
func (at open) next(payload []byte, pos int) (inner open, next int) {
	tag, n := binary.Uvarint(payload[pos:at.end])
	if n <= 0 {
		return open{}, -1
	}
	pos += n
	switch tag & 7 {
	case wireVarint:
		_, n := binary.Uvarint(payload[pos:at.end])
		return open{}, at.within(pos, n, n > 0)
	case wireFixed64:
		return open{}, at.within(pos, 8, true)
	case wireFixed32:
		return open{}, at.within(pos, 4, true)
	case wireLength:
		return at.enter(payload, pos, tag>>3)
	default:
		return open{}, -1
	}
}

// within returns pos+n, or -1 if that is not inside the message.
func (at open) within(pos, n int, valid bool) int {
	if !valid || n > at.end-pos {
		return -1
	}
	return pos + n
}

// enter reads a length at pos. The next position is behind a leaf, and at the
// beginning of a message.
func (at open) enter(payload []byte, pos int, number uint64) (inner open, next int) {
	length, n := binary.Uvarint(payload[pos:at.end])
	if n <= 0 || length > uint64(at.end-pos-n) {
		return open{}, -1
	}
	pos += n
	inner = open{message: at.message.field(number), end: pos + int(length), nesting: at.nesting}
	switch inner.message {
	case leaf:
		return inner, inner.end
	case arrayValue, keyValueList:
		inner.nesting++
	default: // nests no value
	}
	return inner, pos
}
