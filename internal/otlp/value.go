// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/tapio/tapio/internal/model"
)

// maxNesting is how many arrays and maps a value may have inside one another.
// Values are read, compared and encoded by recursion, and Go cannot survive the
// stack overflow that a value a million deep brings about. 30 maps are also what
// the protobuf libraries of most languages still decode (100 messages).
const maxNesting = 30

// cutOff stands where arrays and maps were left out.
const cutOff = "[left out: nested more than 30 deep]"

// attributesFrom copies a map, in its order and with its duplicates. What stands
// there in the list before, too, as most keys do, is taken from that one: the
// texts of one of them can go, and anyone who compares the two need not read them.
func attributesFrom(m pcommon.Map, memory *slab[model.KeyValue]) model.Attributes {
	before := memory.latest
	list := memory.take(m.Len())
	fillAttributes(list, m, maxNesting)
	for i := range min(len(list), len(before)) {
		list[i].Share(&before[i])
	}
	return list
}

// ownAttributesFrom copies a map into memory of its own, for what may outlive
// the batch.
func ownAttributesFrom(m pcommon.Map) model.Attributes {
	memory := newSlab[model.KeyValue](m.Len())
	return attributesFrom(m, &memory)
}

// fillAttributes copies a map into a list of its length. The values may have
// room arrays and maps inside one another, and so for all below.
func fillAttributes(list []model.KeyValue, m pcommon.Map, room int) {
	i := 0
	for key, v := range m.All() {
		list[i].Key = key
		fillValue(&list[i].Value, v, room)
		i++
	}
}

// fillValue is valueFrom into a place in memory.
func fillValue(to *model.Value, v pcommon.Value, room int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		to.SetString(v.Str())
	case pcommon.ValueTypeInt:
		to.SetInt(v.Int())
	default:
		*to = valueFrom(v, room)
	}
}

// sameAttributes compares a list with a map without copying the map.
func sameAttributes(list model.Attributes, m pcommon.Map) bool {
	if len(list) != m.Len() {
		return false
	}
	i := 0
	for key, v := range m.All() {
		if list[i].Key != key || !list[i].Value.Equal(valueFrom(v, maxNesting)) {
			return false
		}
		i++
	}
	return true
}

func valueFrom(v pcommon.Value, room int) model.Value {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return model.StringValue(v.Str())
	case pcommon.ValueTypeInt:
		return model.IntValue(v.Int())
	case pcommon.ValueTypeDouble:
		return model.DoubleValue(v.Double())
	case pcommon.ValueTypeBool:
		return model.BoolValue(v.Bool())
	case pcommon.ValueTypeBytes:
		return model.BytesValue(v.Bytes().AsRaw())
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		return compositeFrom(v, room)
	default:
		return model.Value{}
	}
}

func compositeFrom(v pcommon.Value, room int) model.Value {
	switch {
	case room == 0:
		return model.StringValue(cutOff)
	case v.Type() == pcommon.ValueTypeSlice:
		return arrayFrom(v.Slice(), room-1)
	default:
		items := make([]model.KeyValue, v.Map().Len())
		fillAttributes(items, v.Map(), room-1)
		return model.MapValue(items)
	}
}

func arrayFrom(list pcommon.Slice, room int) model.Value {
	values := make([]model.Value, list.Len())
	for i, v := range list.All() {
		values[i] = valueFrom(v, room)
	}
	return model.ArrayValue(values...)
}

// putAttributes writes a list into an empty map. The builder is needed because
// Map.Put would look for each key, and drop duplicates.
func putAttributes(m pcommon.Map, list []model.KeyValue) {
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
func putValue(to pcommon.Value, v model.Value) {
	switch v.Kind() {
	case model.KindString:
		to.SetStr(v.Str())
	case model.KindInt:
		to.SetInt(v.Int())
	case model.KindDouble:
		to.SetDouble(v.Double())
	case model.KindBool:
		to.SetBool(v.Bool())
	case model.KindBytes:
		to.SetEmptyBytes().Append([]byte(v.Str())...)
	case model.KindArray:
		putArray(to.SetEmptySlice(), v.Items())
	case model.KindMap:
		putAttributes(to.SetEmptyMap(), v.Items())
	case model.KindEmpty: // stays empty
	}
}

func putArray(list pcommon.Slice, items []model.KeyValue) {
	list.EnsureCapacity(len(items))
	for i := range items {
		putValue(list.AppendEmpty(), items[i].Value)
	}
}
