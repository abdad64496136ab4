// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// RepairText puts U+FFFD in the place of bytes that are not UTF-8 in every text
// of m, and reports whether there were any. Senders of OTLP do put such bytes
// into text, the store keeps them, but protobuf refuses to send them: without
// the repair one record would make every answer fail that holds it.
func RepairText(m proto.Message) bool { return repairMessage(m.ProtoReflect()) }

func repairMessage(m protoreflect.Message) bool {
	repaired := false
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if repairField(m, field, value) {
			repaired = true
		}
		return true
	})
	return repaired
}

func repairField(m protoreflect.Message, field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
	switch {
	case field.IsMap():
		return repairMap(field, value.Map())
	case field.IsList():
		return repairList(field, value.List())
	default:
		fixed, repaired := repairValue(field, value)
		if repaired && field.Kind() == protoreflect.StringKind {
			m.Set(field, fixed)
		}
		return repaired
	}
}

func repairList(field protoreflect.FieldDescriptor, list protoreflect.List) bool {
	changed := false
	for i := range list.Len() {
		if fixed, repaired := repairValue(field, list.Get(i)); repaired {
			list.Set(i, fixed)
			changed = true
		}
	}
	return changed
}

func repairMap(field protoreflect.FieldDescriptor, m protoreflect.Map) bool {
	type entry struct {
		key, fixedKey protoreflect.MapKey
		value         protoreflect.Value
	}
	var bad []entry
	m.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		fixedKey, badKey := repairValue(field.MapKey(), key.Value())
		fixed, badValue := repairValue(field.MapValue(), value)
		if badKey || badValue {
			bad = append(bad, entry{key, fixedKey.MapKey(), fixed})
		}
		return true
	})
	for _, e := range bad {
		m.Clear(e.key)
		m.Set(e.fixedKey, e.value)
	}
	return len(bad) > 0
}

// repairValue returns the value fixed; messages are fixed in place.
func repairValue(field protoreflect.FieldDescriptor, value protoreflect.Value) (protoreflect.Value, bool) {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return value, repairMessage(value.Message())
	case protoreflect.StringKind:
		if utf8.ValidString(value.String()) {
			return value, false
		}
		return protoreflect.ValueOfString(strings.ToValidUTF8(value.String(), "\uFFFD")), true
	default:
		return value, false
	}
}
