// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/tapio/tapio/internal/tapio"
)

// sameText compares texts that mostly are in the same memory, or differ in their
// last byte: ids and numbers of one length do.
func sameText(a, b string) bool {
	last := len(a) - 1
	return len(a) == len(b) && (last < 0 || unsafe.StringData(a) == unsafe.StringData(b) || a[last] == b[last] && a == b)
}

// appendContent writes a value without its kind.
func appendContent(dst []byte, v tapio.Value) []byte {
	switch v.Kind() {
	case tapio.KindString, tapio.KindBytes:
		return appendString(dst, v.Str())
	case tapio.KindBool, tapio.KindInt:
		return binary.AppendUvarint(dst, zigzag(v.Int()))
	case tapio.KindDouble:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Double()))
	case tapio.KindArray, tapio.KindMap:
		return appendAttributeList(dst, v.Items())
	default:
		return dst
	}
}

// readContent restores a value of this kind.
func readContent(c *cursor, kind tapio.Kind) tapio.Value {
	switch kind {
	case tapio.KindString:
		return tapio.StringValue(string(c.text()))
	case tapio.KindBytes:
		return tapio.BytesValue(c.text())
	case tapio.KindBool:
		return tapio.BoolValue(c.varint() != 0)
	case tapio.KindInt:
		return tapio.IntValue(c.varint())
	case tapio.KindDouble:
		return tapio.DoubleValue(math.Float64frombits(binary.LittleEndian.Uint64(c.take(8))))
	case tapio.KindArray:
		return readArray(c)
	case tapio.KindMap:
		return tapio.MapValue(readAttributeList(c))
	default:
		return tapio.Value{}
	}
}

func readArray(c *cursor) tapio.Value {
	items := readAttributeList(c)
	values := make([]tapio.Value, len(items))
	for i := range items {
		values[i] = items[i].Value
	}
	return tapio.ArrayValue(values...)
}

// skipContent passes over a value of this kind.
func skipContent(c *cursor, kind tapio.Kind) {
	switch kind {
	case tapio.KindString, tapio.KindBytes:
		c.text()
	case tapio.KindBool, tapio.KindInt:
		c.uvarint()
	case tapio.KindDouble:
		c.take(8)
	case tapio.KindArray, tapio.KindMap:
		for range c.uvarint() {
			c.text()
			skipContent(c, tapio.Kind(c.take(1)[0]))
		}
	}
}

// appendAttributeList writes attributes that are too rare for columns.
func appendAttributeList(dst []byte, list tapio.Attributes) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		dst = append(appendString(dst, list[i].Key), byte(list[i].Value.Kind()))
		dst = appendContent(dst, list[i].Value)
	}
	return dst
}

func readAttributeList(c *cursor) tapio.Attributes {
	n := c.uvarint()
	if n == 0 {
		return nil
	}
	list := make(tapio.Attributes, n)
	for i := range list {
		list[i].Key = string(c.text())
		list[i].Value = readContent(c, tapio.Kind(c.take(1)[0]))
	}
	return list
}
