// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/tapio/tapio/internal/model"
)

func TestValueBothWays(t *testing.T) {
	tests := map[string]struct {
		raw  any
		want model.Value
	}{
		"empty":        {nil, model.Value{}},
		"string":       {"x", model.StringValue("x")},
		"empty string": {"", model.StringValue("")},
		"int":          {int64(math.MinInt64), model.IntValue(math.MinInt64)},
		"zero":         {int64(0), model.IntValue(0)},
		"double":       {0.5, model.DoubleValue(0.5)},
		"not a number": {math.NaN(), model.DoubleValue(math.NaN())},
		"true":         {true, model.BoolValue(true)},
		"false":        {false, model.BoolValue(false)},
		"bytes":        {[]byte{0, 255}, model.BytesValue([]byte{0, 255})},
		"empty bytes":  {[]byte{}, model.BytesValue(nil)},
		"empty array":  {[]any{}, model.ArrayValue()},
		"empty map":    {map[string]any{}, model.MapValue(nil)},
		"array":        {[]any{nil, "a", []any{true}}, model.ArrayValue(model.Value{}, model.StringValue("a"), model.ArrayValue(model.BoolValue(true)))},
		"map": {map[string]any{"k": map[string]any{"n": int64(1)}}, model.MapValue([]model.KeyValue{
			{Key: "k", Value: model.MapValue([]model.KeyValue{{Key: "n", Value: model.IntValue(1)}})},
		})},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			from := pcommon.NewValueEmpty()
			require.NoError(t, from.FromRaw(test.raw))
			got := valueFrom(from, maxNesting)
			assert.Equal(t, test.want.Kind(), got.Kind())
			assert.True(t, test.want.Equal(got), "got %v", got)

			back := pcommon.NewValueEmpty()
			putValue(back, test.want)
			assert.Equal(t, from.Type(), back.Type())
			assert.Equal(t, from.AsString(), back.AsString())
		})
	}
}

func TestAttributesKeepOrderAndDuplicates(t *testing.T) {
	var builder xpdata.MapBuilder
	for _, value := range []string{"1", "2"} {
		builder.AppendEmpty("z").SetStr(value)
		builder.AppendEmpty("a").SetStr(value)
	}
	m := pcommon.NewMap()
	builder.UnsafeIntoMap(m)

	list := ownAttributesFrom(m)
	require.Equal(t, model.Attributes{
		{Key: "z", Value: model.StringValue("1")},
		{Key: "a", Value: model.StringValue("1")},
		{Key: "z", Value: model.StringValue("2")},
		{Key: "a", Value: model.StringValue("2")},
	}, list)

	back := pcommon.NewMap()
	putAttributes(back, list)
	require.Equal(t, list, ownAttributesFrom(back))
}

func TestAppendDoesNotReachTheNeighbour(t *testing.T) {
	memory := newSlab[int](4)
	first, second := memory.take(2), memory.take(2)
	_ = append(first, 7)
	assert.Equal(t, []int{0, 0}, second)
	assert.Nil(t, memory.take(0))
}

// nest puts a text into n arrays or maps inside one another.
func nest(to pcommon.Value, n int) {
	for i := range n {
		if i%2 == 0 {
			to = to.SetEmptyMap().PutEmpty("k")
		} else {
			to = to.SetEmptySlice().AppendEmpty()
		}
	}
	to.SetStr("bottom")
}

func TestValuesAreCutOffWhereTheyNestTooDeep(t *testing.T) {
	for depth, want := range map[int]string{
		maxNesting:     "bottom",
		maxNesting + 1: cutOff,
		100_000:        cutOff,
	} {
		from := pcommon.NewValueEmpty()
		nest(from, depth)
		v := valueFrom(from, maxNesting)
		for range maxNesting {
			require.Len(t, v.Items(), 1)
			v = v.Items()[0].Value
		}
		assert.Equal(t, model.StringValue(want), v, "depth %d", depth)
	}
	assert.Contains(t, cutOff, strconv.Itoa(maxNesting))
}
