// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"
	"math"
)

// The packed form of the words: bytes without pointers, the same for the same
// content, so that equal values are found by comparing bytes. Numbers are
// varints, texts stand behind their length, attributes keep their order.

// AppendText packs a text.
func AppendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// AppendInt packs a signed number.
func AppendInt(dst []byte, v int64) []byte {
	return binary.AppendUvarint(dst, uint64(v<<1)^uint64(v>>63))
}

// AppendDouble packs a floating point number.
func AppendDouble(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

// AppendAttributes packs a list of attributes.
func AppendAttributes(dst []byte, list []KeyValue) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		dst = AppendValue(AppendText(dst, list[i].Key), list[i].Value)
	}
	return dst
}

// AppendValue packs a value behind its kind. The entries of an array are packed
// as attributes with empty keys.
func AppendValue(dst []byte, v Value) []byte {
	dst = append(dst, byte(v.kind))
	switch v.kind {
	case KindString, KindBytes:
		return AppendText(dst, v.text)
	case KindBool, KindInt:
		return AppendInt(dst, int64(v.num))
	case KindDouble:
		return binary.LittleEndian.AppendUint64(dst, v.num)
	case KindArray, KindMap:
		return AppendAttributes(dst, v.Items())
	default:
		return dst
	}
}

// AppendResource packs a resource.
func AppendResource(dst []byte, r *Resource) []byte {
	dst = AppendText(AppendAttributes(dst, r.Attributes), r.SchemaURL)
	dst = binary.AppendUvarint(dst, uint64(r.DroppedAttributes))
	dst = binary.AppendUvarint(dst, uint64(len(r.EntityRefs)))
	for i := range r.EntityRefs {
		ref := &r.EntityRefs[i]
		dst = AppendText(AppendText(dst, ref.SchemaURL), ref.Type)
		dst = appendTexts(appendTexts(dst, ref.IDKeys), ref.DescriptionKeys)
	}
	return dst
}

func appendTexts(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = AppendText(dst, s)
	}
	return dst
}

// AppendScope packs a scope.
func AppendScope(dst []byte, s *Scope) []byte {
	dst = AppendText(AppendText(AppendText(dst, s.Name), s.Version), s.SchemaURL)
	return binary.AppendUvarint(AppendAttributes(dst, s.Attributes), uint64(s.DroppedAttributes))
}

// AppendMetric packs the description of a metric.
func AppendMetric(dst []byte, m *Metric) []byte {
	dst = AppendText(AppendText(AppendText(dst, m.Name), m.Description), m.Unit)
	monotonic := byte(0)
	if m.Monotonic {
		monotonic = 1
	}
	dst = AppendInt(append(dst, byte(m.Type), monotonic), int64(m.Temporality))
	return AppendAttributes(dst, m.Metadata)
}
