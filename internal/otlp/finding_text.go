// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// asKind converts a value to the kind that a field of a finding has. Backends that keep
// attributes as text, or all numbers as doubles, return other kinds than were written.
// What cannot be converted is empty.
func asKind(v model.Value, kind model.Kind) model.Value {
	switch {
	case v.Kind() == kind:
		return v
	case kind == model.KindDouble:
		if n, ok := v.Number(); ok {
			return model.DoubleValue(n)
		}
	case kind == model.KindInt:
		return asInteger(v)
	case v.Kind() == model.KindString:
		return parsed(v.Str(), kind)
	}
	return model.Value{}
}

func asInteger(v model.Value) model.Value {
	if v.Kind() == model.KindString {
		if n, err := strconv.ParseInt(v.Str(), 10, 64); err == nil {
			return model.IntValue(n)
		}
	}
	if n, ok := v.Number(); ok && n == float64(int64(n)) {
		return model.IntValue(int64(n))
	}
	return model.Value{}
}

// parsed reads a boolean, or a map or array from JSON.
func parsed(text string, kind model.Kind) model.Value {
	if kind == model.KindBool {
		b, err := strconv.ParseBool(text)
		if err != nil {
			return model.Value{}
		}
		return model.BoolValue(b)
	}
	if kind != model.KindArray && kind != model.KindMap {
		return model.Value{}
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // times do not fit a double
	var content any
	if decoder.Decode(&content) != nil {
		return model.Value{}
	}
	if v := fromJSON(content); v.Kind() == kind {
		return v
	}
	return model.Value{}
}

// fromJSON converts what was read from JSON. Numbers stay texts: the field that they are
// of knows what they are.
func fromJSON(content any) model.Value {
	switch c := content.(type) {
	case string:
		return model.StringValue(c)
	case json.Number:
		return model.StringValue(c.String())
	case bool:
		return model.BoolValue(c)
	case []any:
		values := make([]model.Value, len(c))
		for i := range c {
			values[i] = fromJSON(c[i])
		}
		return model.ArrayValue(values...)
	case map[string]any:
		items := make([]model.KeyValue, 0, len(c))
		for _, key := range slices.Sorted(maps.Keys(c)) {
			items = append(items, model.KeyValue{Key: key, Value: fromJSON(c[key])})
		}
		return model.MapValue(items)
	default:
		return model.Value{}
	}
}
