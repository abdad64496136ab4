// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/base64"
	"encoding/hex"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
)

// JSON translates messages to and from JSON as protojson does, but for the one
// rule that OTLP/JSON adds: the bytes fields trace_id, span_id and
// parent_span_id are hex, wherever in the message they stand. A field of the
// same name that is a string is not touched, nor is the key of a map.
type JSON struct {
	// EnumNumbers writes enums as numbers, as OTLP/JSON demands, instead of by
	// name. Both are read.
	EnumNumbers bool
}

// Marshal returns m in compact JSON, the same bytes for the same message.
func (j JSON) Marshal(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseEnumNumbers: j.EnumNumbers}.Marshal(m)
	if err != nil {
		return nil, err
	}
	return rewriteJSON(text, m.ProtoReflect().Descriptor(), base64ToHex, false)
}

// Unmarshal reads m, whose content it replaces. Hex is read in either case. Every
// error is a *model.FieldError with the path of its keys, or with the field
// "body" where none is to blame.
func (JSON) Unmarshal(text []byte, m proto.Message) error {
	if !utf8.Valid(text) {
		return model.InvalidField("body", "is not valid UTF-8: send JSON in UTF-8")
	}
	descriptor := m.ProtoReflect().Descriptor()
	rewritten, err := rewriteJSON(text, descriptor, hexToBase64, true)
	if err != nil {
		return atBody(err)
	}
	if err := protojson.Unmarshal(rewritten, m); err != nil {
		return misfitOf(descriptor.FullName(), err)
	}
	return nil
}

func base64ToHex(text string) (string, error) {
	id, err := base64.StdEncoding.DecodeString(text)
	return hex.EncodeToString(id), err
}

func hexToBase64(text string) (string, error) {
	id, err := hex.DecodeString(text)
	if err != nil {
		return "", model.InvalidField("", "must be hex digits, an even number of them, got %q", text)
	}
	return base64.StdEncoding.EncodeToString(id), nil
}
