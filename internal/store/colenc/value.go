// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package colenc

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// SameText compares texts that mostly are in the same memory, or differ in their
// last byte: ids and numbers of one length do.
func SameText(a, b string) bool {
	last := len(a) - 1
	return len(a) == len(b) && (last < 0 || unsafe.StringData(a) == unsafe.StringData(b) || a[last] == b[last] && a == b)
}

// AppendContent writes a value without its kind.
func AppendContent(dst []byte, v model.Value) []byte {
	switch v.Kind() {
	case model.KindString, model.KindBytes:
		return AppendString(dst, v.Str())
	case model.KindBool, model.KindInt:
		return binary.AppendUvarint(dst, Zigzag(v.Int()))
	case model.KindDouble:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Double()))
	case model.KindArray, model.KindMap:
		return AppendAttributeList(dst, v.Items())
	default:
		return dst
	}
}

// ReadContent restores a value of this kind.
func ReadContent(c *Cursor, kind model.Kind) model.Value {
	switch kind {
	case model.KindString:
		return model.StringValue(string(c.Text()))
	case model.KindBytes:
		return model.BytesValue(c.Text())
	case model.KindBool:
		return model.BoolValue(c.Varint() != 0)
	case model.KindInt:
		return model.IntValue(c.Varint())
	case model.KindDouble:
		return model.DoubleValue(math.Float64frombits(binary.LittleEndian.Uint64(c.Take(8))))
	case model.KindArray:
		return readArray(c)
	case model.KindMap:
		return model.MapValue(ReadAttributeList(c))
	default:
		return model.Value{}
	}
}

func readArray(c *Cursor) model.Value {
	items := ReadAttributeList(c)
	values := make([]model.Value, len(items))
	for i := range items {
		values[i] = items[i].Value
	}
	return model.ArrayValue(values...)
}

// SkipContent passes over a value of this kind.
func SkipContent(c *Cursor, kind model.Kind) {
	switch kind {
	case model.KindString, model.KindBytes:
		c.Text()
	case model.KindBool, model.KindInt:
		c.Uvarint()
	case model.KindDouble:
		c.Take(8)
	case model.KindArray, model.KindMap:
		for range c.Count() {
			c.Text()
			SkipContent(c, model.Kind(c.Take(1)[0]))
		}
	case model.KindEmpty: // has no content
	}
}

// AppendAttributeList writes attributes that are too rare for columns.
func AppendAttributeList(dst []byte, list model.Attributes) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		dst = append(AppendString(dst, list[i].Key), byte(list[i].Value.Kind()))
		dst = AppendContent(dst, list[i].Value)
	}
	return dst
}

// ReadAttributeList reads what AppendAttributeList wrote.
func ReadAttributeList(c *Cursor) model.Attributes {
	n := c.Count()
	if n == 0 {
		return nil
	}
	list := make(model.Attributes, n)
	for i := range list {
		list[i].Key = string(c.Text())
		list[i].Value = ReadContent(c, model.Kind(c.Take(1)[0]))
	}
	return list
}
