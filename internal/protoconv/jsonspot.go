// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/internal/model"
)

// spot reports what stands at a place of the text. The zero spot takes anything.
type spot struct {
	message protoreflect.MessageDescriptor // fields are checked; nil: no message of ours
	field   protoreflect.FieldDescriptor   // nil: the root, or any content
	entries protoreflect.FieldDescriptor   // values of a map; nil: no map
	list    bool                           // the list itself, not one of its items
}

func spotOfField(field protoreflect.FieldDescriptor) spot {
	at := spot{field: field, list: field.IsList()}
	switch message := field.Message(); {
	case field.IsMap():
		at.entries = field.MapValue()
	case message == nil || isInstant(field):
	case strings.HasPrefix(string(message.FullName()), "google.protobuf."):
		return spot{} // its JSON has a form of its own and holds no ids
	default:
		at.message = message
	}
	return at
}

// isInstant reports the messages that are a string in JSON.
func isInstant(field protoreflect.FieldDescriptor) bool {
	message := field.Message()
	return message != nil && (message.FullName() == timestampName || message.FullName() == durationName)
}

// isID reports whether a string is to be recoded.
func (s spot) isID() bool {
	if s.field == nil || s.field.Kind() != protoreflect.BytesKind {
		return false
	}
	name := s.field.Name()
	return name == "trace_id" || name == "span_id" || name == "parent_span_id"
}

// under finds what stands under a key.
func (s spot) under(key string) (spot, error) {
	switch {
	case s.entries != nil:
		return spotOfField(s.entries), nil
	case s.message == nil:
		return spot{}, nil
	}
	field := s.message.Fields().ByJSONName(key)
	if field == nil {
		field = s.message.Fields().ByTextName(key)
	}
	if field == nil {
		return spot{}, model.InvalidField(key, "is an unknown field in %s: remove it or correct its spelling", s.message.FullName())
	}
	return spotOfField(field), nil
}

// opened checks the bracket that opens here, and reports what the items are in.
func (s spot) opened(bracket json.Delim) (spot, error) {
	isObject := !s.list && (s.message != nil || s.entries != nil)
	switch {
	case s == spot{}:
	case s.list && bracket == '[', isObject && bracket == '{':
	case bracket == '[':
		return s, s.misfit("a list")
	default:
		return s, s.misfit("an object")
	}
	s.list = false
	return s, nil
}
