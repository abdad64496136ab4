// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/base64"
	"strconv"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
)

// ValueText renders a value as label selectors see it.
func ValueText(v *commonv1.AnyValue) string {
	switch x := v.GetValue().(type) {
	case *commonv1.AnyValue_StringValue:
		return x.StringValue
	case *commonv1.AnyValue_BoolValue:
		return strconv.FormatBool(x.BoolValue)
	case *commonv1.AnyValue_IntValue:
		return strconv.FormatInt(x.IntValue, 10)
	case *commonv1.AnyValue_DoubleValue:
		return number(x.DoubleValue)
	case *commonv1.AnyValue_BytesValue:
		return base64.StdEncoding.EncodeToString(x.BytesValue)
	case *commonv1.AnyValue_ArrayValue, *commonv1.AnyValue_KvlistValue:
		return string(appendValue(nil, v))
	default:
		return ""
	}
}

// appendValue renders a value inside an array or a map as plain JSON.
func appendValue(dst []byte, v *commonv1.AnyValue) []byte {
	switch x := v.GetValue().(type) {
	case nil:
		return append(dst, "null"...)
	case *commonv1.AnyValue_StringValue, *commonv1.AnyValue_BytesValue:
		return appendText(dst, ValueText(v))
	case *commonv1.AnyValue_DoubleValue:
		return appendFloat(dst, x.DoubleValue, 64)
	case *commonv1.AnyValue_ArrayValue:
		return appendArray(dst, x.ArrayValue.GetValues())
	case *commonv1.AnyValue_KvlistValue:
		return appendObject(dst, x.KvlistValue.GetValues())
	default:
		return append(dst, ValueText(v)...)
	}
}

func appendArray(dst []byte, values []*commonv1.AnyValue) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, v)
	}
	return append(dst, ']')
}

func appendObject(dst []byte, entries []*commonv1.KeyValue) []byte {
	dst = append(dst, '{')
	for i, entry := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, entry.GetKey()), ':')
		dst = appendValue(dst, entry.GetValue())
	}
	return append(dst, '}')
}

// attribute returns the text of the attribute, "" where it is absent.
func attribute(attributes []*commonv1.KeyValue, key string) string {
	for _, kv := range attributes {
		if kv.GetKey() == key {
			return ValueText(kv.GetValue())
		}
	}
	return ""
}
