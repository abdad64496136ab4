// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
)

// otlpPackage is where the rules of OTLP/JSON differ from those of protojson:
// ids are hex and enums are numbers.
const otlpPackage = "opentelemetry.proto."

// AppendJSON renders a message on one line: Tapio's own parts as protojson, the
// OTLP parts as OTLP/JSON, with the fields in the order of their declaration.
func AppendJSON(dst []byte, m proto.Message) []byte {
	return appendMessage(dst, m.ProtoReflect())
}

func appendMessage(dst []byte, m protoreflect.Message) []byte {
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp", "google.protobuf.Duration":
		return appendWellKnown(dst, m)
	}
	dst = append(dst, '{')
	start := len(dst)
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !m.Has(field) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, field.JSONName()), ':')
		dst = appendField(dst, field, m.Get(field))
	}
	return append(dst, '}')
}

// appendWellKnown falls back to null for a time that RFC 3339 cannot represent.
func appendWellKnown(dst []byte, m protoreflect.Message) []byte {
	text, err := protojson.Marshal(m.Interface())
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, text...)
}

func appendField(dst []byte, field protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch {
	case field.IsMap():
		return appendMap(dst, field, v.Map())
	case field.IsList():
		return appendList(dst, field, v.List())
	default:
		return appendSingle(dst, field, v)
	}
}

func appendList(dst []byte, field protoreflect.FieldDescriptor, list protoreflect.List) []byte {
	dst = append(dst, '[')
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendSingle(dst, field, list.Get(i))
	}
	return append(dst, ']')
}

func appendMap(dst []byte, field protoreflect.FieldDescriptor, entries protoreflect.Map) []byte {
	var keys []protoreflect.MapKey
	entries.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, key)
		return true
	})
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, key.String()), ':')
		dst = appendSingle(dst, field.MapValue(), entries.Get(key))
	}
	return append(dst, '}')
}

func appendSingle(dst []byte, field protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return appendMessage(dst, v.Message())
	case protoreflect.StringKind:
		return appendText(dst, v.String())
	case protoreflect.BytesKind:
		return appendText(dst, bytesText(field, v.Bytes()))
	case protoreflect.EnumKind:
		return appendEnum(dst, field, v.Enum())
	case protoreflect.DoubleKind:
		return appendFloat(dst, v.Float(), 64)
	case protoreflect.FloatKind:
		return appendFloat(dst, v.Float(), 32)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind,
		protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return append(append(append(dst, '"'), v.String()...), '"')
	default: // booleans and 32-bit integers
		return append(dst, v.String()...)
	}
}

func bytesText(field protoreflect.FieldDescriptor, data []byte) string {
	switch field.Name() {
	case "trace_id", "span_id", "parent_span_id":
		return hex.EncodeToString(data)
	default:
		return base64.StdEncoding.EncodeToString(data)
	}
}

func appendEnum(dst []byte, field protoreflect.FieldDescriptor, n protoreflect.EnumNumber) []byte {
	name := field.Enum().Values().ByNumber(n)
	if name == nil || strings.HasPrefix(string(field.Enum().FullName()), otlpPackage) {
		return strconv.AppendInt(dst, int64(n), 10)
	}
	return appendText(dst, string(name.Name()))
}

// appendFloat writes as strings what JSON has no numbers for.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	default:
		return strconv.AppendFloat(dst, f, 'g', -1, bits)
	}
}

// appendText quotes a string and leaves <, > and & readable.
func appendText(dst []byte, s string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil { // a string always encodes
		return append(dst, `""`...)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// PrintMessage prints one record as json or yaml.
func (o *Output) PrintMessage(format string, m proto.Message) {
	o.PrintDocument(format, AppendJSON(nil, m))
}

// PrintDocument prints one JSON document as a line or as YAML, where each one
// is a document of its own.
func (o *Output) PrintDocument(format string, text []byte) {
	if format != "yaml" {
		o.WriteForeign(string(text) + "\n")
		return
	}
	// YAML refuses some control characters that JSON allows; as JSON escapes both
	// accept them.
	document, err := yamlOf([]byte(neutralize(string(text), nil)))
	if err != nil {
		o.Note("failed to print a record as YAML, see -o json: %v", err)
		return
	}
	o.WriteForeign("---\n" + string(document))
}

// yamlOf writes a JSON document as YAML, with sorted keys. JSON is YAML; encoding/json
// would lose the digits of large numbers.
func yamlOf(text []byte) ([]byte, error) {
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return b.Bytes(), encoder.Close()
}

// PrintRawJSON prints one answer as protojson has it, for -o jsonpb. protojson
// varies its spacing on purpose; Compact makes it steady.
func (o *Output) PrintRawJSON(m proto.Message) error {
	text, err := protojson.Marshal(m)
	if err != nil {
		return &exitcode.Error{Code: exitcode.Refused, Message: "cannot render the answer as JSON: " + err.Error()}
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return &exitcode.Error{Code: exitcode.Refused, Message: "cannot render the answer as JSON: " + err.Error()}
	}
	o.WriteForeign(line.String() + "\n")
	return nil
}
