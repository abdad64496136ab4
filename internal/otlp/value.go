// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/tapio/tapio/internal/tapio"
)

// attributesFrom copies a map, in its order and with its duplicates.
func attributesFrom(m pcommon.Map, memory *slab[tapio.KeyValue]) tapio.Attributes {
	list := memory.take(m.Len())
	i := 0
	for key, v := range m.All() {
		list[i].Key = key
		list[i].Value = valueFrom(v)
		i++
	}
	return list
}

// ownAttributesFrom copies a map into memory of its own, for what may outlive
// the batch.
func ownAttributesFrom(m pcommon.Map) tapio.Attributes {
	memory := newSlab[tapio.KeyValue](m.Len())
	return attributesFrom(m, &memory)
}

// sameAttributes compares a list with a map without copying the map.
func sameAttributes(list tapio.Attributes, m pcommon.Map) bool {
	if len(list) != m.Len() {
		return false
	}
	i := 0
	for key, v := range m.All() {
		if list[i].Key != key || !list[i].Value.Equal(valueFrom(v)) {
			return false
		}
		i++
	}
	return true
}

func valueFrom(v pcommon.Value) tapio.Value {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return tapio.StringValue(v.Str())
	case pcommon.ValueTypeInt:
		return tapio.IntValue(v.Int())
	case pcommon.ValueTypeDouble:
		return tapio.DoubleValue(v.Double())
	case pcommon.ValueTypeBool:
		return tapio.BoolValue(v.Bool())
	case pcommon.ValueTypeBytes:
		return tapio.BytesValue(v.Bytes().AsRaw())
	case pcommon.ValueTypeSlice:
		return arrayFrom(v.Slice())
	case pcommon.ValueTypeMap:
		return tapio.MapValue(ownAttributesFrom(v.Map()))
	default:
		return tapio.Value{}
	}
}

func arrayFrom(list pcommon.Slice) tapio.Value {
	values := make([]tapio.Value, list.Len())
	for i, v := range list.All() {
		values[i] = valueFrom(v)
	}
	return tapio.ArrayValue(values...)
}

// putAttributes writes a list into an empty map. The builder is needed because
// Map.Put would look for each key, and drop duplicates.
func putAttributes(m pcommon.Map, list []tapio.KeyValue) {
	if len(list) == 0 {
		return
	}
	var builder xpdata.MapBuilder
	builder.EnsureCapacity(len(list))
	for i := range list {
		putValue(builder.AppendEmpty(list[i].Key), list[i].Value)
	}
	builder.UnsafeIntoMap(m)
}

// putValue writes into an empty value.
func putValue(to pcommon.Value, v tapio.Value) {
	switch v.Kind() {
	case tapio.KindString:
		to.SetStr(v.Str())
	case tapio.KindInt:
		to.SetInt(v.Int())
	case tapio.KindDouble:
		to.SetDouble(v.Double())
	case tapio.KindBool:
		to.SetBool(v.Bool())
	case tapio.KindBytes:
		to.SetEmptyBytes().Append([]byte(v.Str())...)
	case tapio.KindArray:
		putArray(to.SetEmptySlice(), v.Items())
	case tapio.KindMap:
		putAttributes(to.SetEmptyMap(), v.Items())
	}
}

func putArray(list pcommon.Slice, items []tapio.KeyValue) {
	list.EnsureCapacity(len(items))
	for i := range items {
		putValue(list.AppendEmpty(), items[i].Value)
	}
}
