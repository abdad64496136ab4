// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tapio/tapio/internal/model"
)

// What follows distinguishes records that go on as they came from those that the slow
// way must read: to refuse them with the name of a field, or to fix them.

// plainRecord reports whether a log record needs no further look. With ownID set
// it must not bring an id among its attributes, for that one would have to go.
// The loops here and below stand alone, not over a common walk: they see every
// byte that is written.
func plainRecord(raw []byte, ownID bool) bool {
	for len(raw) > 0 {
		number, kind, value, rest := nextField(raw)
		if rest == nil || !plainRecordField(number, kind, value, ownID) {
			return false
		}
		raw = rest
	}
	return true
}

func plainRecordField(number protowire.Number, kind protowire.Type, value []byte, ownID bool) bool {
	switch number {
	case recordAttributes:
		return kind == protowire.BytesType && plainKeyValue(value, ownID)
	case recordSeverity:
		severity, n := protowire.ConsumeVarint(value)
		return kind == protowire.VarintType && n > 0 && severity <= maxSeverity
	case recordBody:
		return kind == protowire.BytesType && plainValue(value)
	case recordTraceID:
		return kind == protowire.BytesType && (len(value) == 0 || len(value) == len(model.TraceID{}))
	case recordSpanID:
		return kind == protowire.BytesType && (len(value) == 0 || len(value) == len(model.SpanID{}))
	default: // the texts are severity_text and event_name
		return kind != protowire.BytesType || utf8.Valid(value)
	}
}

// plainAttributes looks at the attributes of a resource or a scope.
func plainAttributes(raw []byte, attributes protowire.Number) bool {
	for len(raw) > 0 {
		number, kind, value, rest := nextField(raw)
		switch {
		case rest == nil:
			return false
		case kind != protowire.BytesType:
			if number == attributes {
				return false
			}
		case number == attributes:
			if !plainKeyValue(value, false) {
				return false
			}
		case !utf8.Valid(value):
			return false
		}
		raw = rest
	}
	return true
}

func plainKeyValue(raw []byte, ownID bool) bool {
	const key, value = 1, 2
	for len(raw) > 0 {
		number, kind, content, rest := nextField(raw)
		if rest == nil || kind != protowire.BytesType {
			return false
		}
		switch number {
		case key:
			if !utf8.Valid(content) || (ownID && string(content) == model.UIDKey) {
				return false
			}
		case value:
			if !plainValue(content) {
				return false
			}
		default:
			return false
		}
		raw = rest
	}
	return true
}

// plainValue distinguishes single values from arrays and maps, which the slow way walks.
func plainValue(raw []byte) bool {
	const text, boolean, integer, double, data = 1, 2, 3, 4, 7 // of AnyValue
	for len(raw) > 0 {
		number, kind, content, rest := nextField(raw)
		if rest == nil {
			return false
		}
		switch {
		case number == text && kind == protowire.BytesType:
			if !utf8.Valid(content) {
				return false
			}
		case (number == boolean || number == integer) && kind == protowire.VarintType:
		case number == double && kind == protowire.Fixed64Type:
		case number == data && kind == protowire.BytesType:
		default:
			return false
		}
		raw = rest
	}
	return true
}

// nextField reads the field that raw begins with. rest is nil where there is
// none.
func nextField(raw []byte) (number protowire.Number, kind protowire.Type, value, rest []byte) {
	// Nearly all are of bytes, with a tag and a length of one byte each.
	const short = 0x80
	if len(raw) > 1 && raw[0] < short && raw[0]&7 == byte(protowire.BytesType) && raw[1] < short {
		if end := 2 + int(raw[1]); raw[0] >= 1<<3 && end <= len(raw) {
			return protowire.Number(raw[0] >> 3), protowire.BytesType, raw[2:end], raw[end:]
		}
	}
	number, kind, n := protowire.ConsumeTag(raw)
	if n < 0 {
		return 0, 0, nil, nil
	}
	m := protowire.ConsumeFieldValue(number, kind, raw[n:])
	if m < 0 {
		return 0, 0, nil, nil
	}
	value = raw[n : n+m]
	if kind == protowire.BytesType {
		value, _ = protowire.ConsumeBytes(value)
	}
	return number, kind, value, raw[n+m:]
}
