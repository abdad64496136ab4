// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// sameText compares texts that mostly are in the same memory, or differ in their
// last byte: ids and numbers of one length do.
func sameText(a, b string) bool {
	last := len(a) - 1
	return len(a) == len(b) && (last < 0 || unsafe.StringData(a) == unsafe.StringData(b) || a[last] == b[last] && a == b)
}

// appendContent writes a value without its kind.
func appendContent(dst []byte, v model.Value) []byte {
	switch v.Kind() {
	case model.KindString, model.KindBytes:
		return appendString(dst, v.Str())
	case model.KindBool, model.KindInt:
		return binary.AppendUvarint(dst, zigzag(v.Int()))
	case model.KindDouble:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Double()))
	case model.KindArray, model.KindMap:
		return appendAttributeList(dst, v.Items())
	default:
		return dst
	}
}

// readContent restores a value of this kind.
func readContent(c *cursor, kind model.Kind) model.Value {
	switch kind {
	case model.KindString:
		return model.StringValue(string(c.text()))
	case model.KindBytes:
		return model.BytesValue(c.text())
	case model.KindBool:
		return model.BoolValue(c.varint() != 0)
	case model.KindInt:
		return model.IntValue(c.varint())
	case model.KindDouble:
		return model.DoubleValue(math.Float64frombits(binary.LittleEndian.Uint64(c.take(8))))
	case model.KindArray:
		return readArray(c)
	case model.KindMap:
		return model.MapValue(readAttributeList(c))
	default:
		return model.Value{}
	}
}

func readArray(c *cursor) model.Value {
	items := readAttributeList(c)
	values := make([]model.Value, len(items))
	for i := range items {
		values[i] = items[i].Value
	}
	return model.ArrayValue(values...)
}

// skipContent passes over a value of this kind.
func skipContent(c *cursor, kind model.Kind) {
	switch kind {
	case model.KindString, model.KindBytes:
		c.text()
	case model.KindBool, model.KindInt:
		c.uvarint()
	case model.KindDouble:
		c.take(8)
	case model.KindArray, model.KindMap:
		for range c.count() {
			c.text()
			skipContent(c, model.Kind(c.take(1)[0]))
		}
	}
}

// appendAttributeList writes attributes that are too rare for columns.
func appendAttributeList(dst []byte, list model.Attributes) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		dst = append(appendString(dst, list[i].Key), byte(list[i].Value.Kind()))
		dst = appendContent(dst, list[i].Value)
	}
	return dst
}

func readAttributeList(c *cursor) model.Attributes {
	n := c.count()
	if n == 0 {
		return nil
	}
	list := make(model.Attributes, n)
	for i := range list {
		list[i].Key = string(c.text())
		list[i].Value = readContent(c, model.Kind(c.take(1)[0]))
	}
	return list
}
