// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/tapio/tapio/internal/model"
)

// anyValue never returns nil: an empty value is an AnyValue without content.
func anyValue(v model.Value) *commonv1.AnyValue {
	switch v.Kind() {
	case model.KindString:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: v.Str()}}
	case model.KindBool:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_BoolValue{BoolValue: v.Bool()}}
	case model.KindInt:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_IntValue{IntValue: v.Int()}}
	case model.KindDouble:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_DoubleValue{DoubleValue: v.Double()}}
	case model.KindBytes:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_BytesValue{BytesValue: []byte(v.Str())}}
	case model.KindArray:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_ArrayValue{ArrayValue: arrayValue(v)}}
	case model.KindMap:
		list := &commonv1.KeyValueList{Values: keyValues(v.Items())}
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_KvlistValue{KvlistValue: list}}
	default:
		return &commonv1.AnyValue{}
	}
}

func arrayValue(v model.Value) *commonv1.ArrayValue {
	values := make([]*commonv1.AnyValue, len(v.Items()))
	for i, item := range v.Items() {
		values[i] = anyValue(item.Value)
	}
	return &commonv1.ArrayValue{Values: values}
}

func keyValues(attributes model.Attributes) []*commonv1.KeyValue {
	if len(attributes) == 0 {
		return nil
	}
	out := make([]*commonv1.KeyValue, len(attributes))
	for i, kv := range attributes {
		out[i] = &commonv1.KeyValue{Key: kv.Key, Value: anyValue(kv.Value)}
	}
	return out
}
