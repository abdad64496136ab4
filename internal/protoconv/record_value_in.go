// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/tapio/tapio/internal/model"
)

// maxValueDepth bounds arrays and maps within one another, so that a hostile
// value cannot exhaust the stack of anyone who walks it later.
const maxValueDepth = 64

// valueFrom reads a value that lies depth arrays or maps deep.
func valueFrom(v *commonv1.AnyValue, depth int) (model.Value, error) {
	switch content := v.GetValue().(type) {
	case *commonv1.AnyValue_StringValue:
		return model.StringValue(content.StringValue), nil
	case *commonv1.AnyValue_BoolValue:
		return model.BoolValue(content.BoolValue), nil
	case *commonv1.AnyValue_IntValue:
		return model.IntValue(content.IntValue), nil
	case *commonv1.AnyValue_DoubleValue:
		return model.DoubleValue(content.DoubleValue), nil
	case *commonv1.AnyValue_BytesValue:
		return model.BytesValue(content.BytesValue), nil
	case *commonv1.AnyValue_ArrayValue:
		out, err := arrayFrom(content.ArrayValue, depth+1)
		return out, within("array_value", err)
	case *commonv1.AnyValue_KvlistValue:
		items, err := listFrom("values", content.KvlistValue.GetValues(), depth+1)
		return model.MapValue(items), within("kvlist_value", err)
	case *commonv1.AnyValue_StringValueStrindex:
		return model.Value{}, model.InvalidField("string_value_strindex", "has a meaning in profiles only: use string_value")
	default:
		return model.Value{}, nil
	}
}

func arrayFrom(array *commonv1.ArrayValue, depth int) (model.Value, error) {
	if depth > maxValueDepth {
		return model.Value{}, tooDeep()
	}
	values := make([]model.Value, len(array.GetValues()))
	for i, item := range array.GetValues() {
		var err error
		if values[i], err = valueFrom(item, depth); err != nil {
			return model.Value{}, withinItem("values", i, err)
		}
	}
	return model.ArrayValue(values...), nil
}

// attributesFrom reads the attributes of a record, a resource or a scope.
func attributesFrom(in []*commonv1.KeyValue) (model.Attributes, error) {
	return listFrom("attributes", in, 0)
}

func listFrom(field string, in []*commonv1.KeyValue, depth int) ([]model.KeyValue, error) {
	if depth > maxValueDepth {
		return nil, tooDeep()
	}
	if len(in) == 0 {
		return nil, nil
	}
	out := make([]model.KeyValue, len(in))
	for i, kv := range in {
		if kv.GetKeyStrindex() != 0 {
			return nil, withinItem(field, i, model.InvalidField("key_strindex", "has a meaning in profiles only: use key"))
		}
		value, err := valueFrom(kv.GetValue(), depth)
		if err != nil {
			return nil, withinItem(field, i, within("value", err))
		}
		out[i] = model.KeyValue{Key: kv.GetKey(), Value: value}
	}
	return out, nil
}

func tooDeep() error {
	return model.InvalidField("", "arrays and maps lie more than %d deep: flatten the value", maxValueDepth)
}
