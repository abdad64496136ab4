// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func str(s string) *commonv1.AnyValue {
	return &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: s}}
}

func keyed(key string, v *commonv1.AnyValue) *commonv1.KeyValue {
	return &commonv1.KeyValue{Key: key, Value: v}
}

func array(values ...*commonv1.AnyValue) *commonv1.AnyValue {
	return &commonv1.AnyValue{Value: &commonv1.AnyValue_ArrayValue{ArrayValue: &commonv1.ArrayValue{Values: values}}}
}

func kvlist(values ...*commonv1.KeyValue) *commonv1.AnyValue {
	return &commonv1.AnyValue{Value: &commonv1.AnyValue_KvlistValue{KvlistValue: &commonv1.KeyValueList{Values: values}}}
}

// randomValue makes a value of any kind, arrays and maps up to depth deep.
func randomValue(r *rand.Rand, depth int) *commonv1.AnyValue {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch r.IntN(kinds) {
	case 0:
		return &commonv1.AnyValue{}
	case 1:
		return str(strings.Repeat("ä", r.IntN(3)))
	case 2:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_BoolValue{BoolValue: r.IntN(2) == 1}}
	case 3:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_IntValue{IntValue: int64(r.Uint64())}}
	case 4:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_DoubleValue{DoubleValue: r.NormFloat64()}}
	case 5:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_BytesValue{BytesValue: []byte{0, 255, byte(r.IntN(256))}}}
	case 6:
		return array(randomValue(r, depth-1), randomValue(r, depth-1))
	default:
		return kvlist(randomAttributes(r, depth-1)...)
	}
}

func randomAttributes(r *rand.Rand, depth int) []*commonv1.KeyValue {
	out := make([]*commonv1.KeyValue, r.IntN(4))
	for i := range out {
		out[i] = keyed(string(rune('a'+r.IntN(26))), randomValue(r, depth))
	}
	return out
}

func randomEvent(r *rand.Rand) *tapiov1.Event {
	return &tapiov1.Event{
		LogRecord: &logsv1.LogRecord{
			TimeUnixNano:           r.Uint64(),
			ObservedTimeUnixNano:   r.Uint64(),
			SeverityNumber:         logsv1.SeverityNumber(r.IntN(25)),
			SeverityText:           "WARN",
			Body:                   kvlist(randomAttributes(r, 4)...),
			Attributes:             randomAttributes(r, 4),
			DroppedAttributesCount: r.Uint32(),
			Flags:                  r.Uint32(),
			TraceId:                []byte("0123456789abcdef"),
			SpanId:                 []byte("01234567"),
			EventName:              "shop.order",
		},
		Resource: &resourcev1.Resource{
			Attributes:             randomAttributes(r, 2),
			DroppedAttributesCount: 1 + r.Uint32N(9),
			EntityRefs: []*commonv1.EntityRef{
				{SchemaUrl: "u", Type: "host", IdKeys: []string{"host.id"}, DescriptionKeys: []string{"host.name"}},
			},
		},
		ResourceSchemaUrl: "https://r",
		Scope: &commonv1.InstrumentationScope{
			Name: "lib", Version: "1", Attributes: randomAttributes(r, 2), DroppedAttributesCount: r.Uint32(),
		},
		ScopeSchemaUrl: "https://s",
	}
}

func requireSame(t *testing.T, want, got proto.Message) {
	t.Helper()
	if !proto.Equal(want, got) {
		require.Equal(t, want, got) // prints the difference
		t.Fatal("messages differ")
	}
}

func TestEventsAreLossless(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		want := randomEvent(r)
		words, err := EventFromProto(want, "event")
		require.NoError(t, err)
		requireSame(t, want, Event(&words))
	}
	bare := &tapiov1.Event{LogRecord: &logsv1.LogRecord{}}
	words, err := EventFromProto(bare, "event")
	require.NoError(t, err)
	require.NotNil(t, words.Resource)
	require.NotNil(t, words.Scope)
	requireSame(t, bare, Event(&words))
}

func TestDoublesKeepTheirBits(t *testing.T) {
	for _, want := range []float64{math.NaN(), math.Inf(-1), math.Copysign(0, -1), math.SmallestNonzeroFloat64} {
		in := &commonv1.AnyValue{Value: &commonv1.AnyValue_DoubleValue{DoubleValue: want}}
		words, err := valueFrom(in, 0)
		require.NoError(t, err)
		assert.Equal(t, math.Float64bits(want), math.Float64bits(anyValue(words).GetDoubleValue()))
	}
}

func TestEventIDBecomesUID(t *testing.T) {
	for name, tc := range map[string]struct {
		attributes []*commonv1.KeyValue
		want       model.Attributes
	}{
		"added":      {nil, model.Attributes{{Key: model.UIDKey, Value: model.StringValue("mine 1")}}},
		"overridden": {[]*commonv1.KeyValue{keyed(model.UIDKey, str("old"))}, model.Attributes{{Key: model.UIDKey, Value: model.StringValue("mine 1")}}},
		"behind": {[]*commonv1.KeyValue{keyed("a", str("b"))}, model.Attributes{
			{Key: "a", Value: model.StringValue("b")}, {Key: model.UIDKey, Value: model.StringValue("mine 1")},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			in := &tapiov1.Event{Id: "mine 1", LogRecord: &logsv1.LogRecord{Attributes: tc.attributes}, Sequence: 9}
			before := proto.Clone(in)
			words, err := EventFromProto(in, "event")
			require.NoError(t, err)
			assert.Equal(t, tc.want, words.Attributes)
			assert.Equal(t, "mine 1", words.UID())
			assert.Zero(t, words.Seq)
			requireSame(t, before, in)
		})
	}
}

func TestEventsShareOrigins(t *testing.T) {
	one, other := &model.Resource{SchemaURL: "x", DroppedAttributes: 1}, &model.Resource{DroppedAttributes: 1}
	scope := &model.Scope{Name: "lib", SchemaURL: "y"}
	out := Events([]model.Event{
		{Seq: 1, ID: "a", Resource: one, Scope: scope},
		{Seq: 2, ID: "b", Resource: one, Scope: scope},
		{Seq: 3, ID: "c", Resource: other, Scope: scope},
	})
	assert.Same(t, out[0].GetResource(), out[1].GetResource())
	assert.NotSame(t, out[0].GetResource(), out[2].GetResource())
	assert.Same(t, out[0].GetScope(), out[2].GetScope())
	assert.Equal(t, "x", out[1].GetResourceSchemaUrl())
	assert.Equal(t, "y", out[2].GetScopeSchemaUrl())
	assert.Equal(t, uint64(3), out[2].GetSequence())
	assert.Equal(t, "c", out[2].GetId())
	assert.Nil(t, out[0].GetLogRecord().GetTraceId())
}

func TestEventFaults(t *testing.T) {
	deep := str("bottom")
	for range 64 {
		deep = array(deep)
	}
	record := func(r *logsv1.LogRecord) *tapiov1.Event { return &tapiov1.Event{LogRecord: r} }
	good := &logsv1.LogRecord{}
	_, err := EventFromProto(record(&logsv1.LogRecord{Body: deep}), "event")
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		event       *tapiov1.Event
		field, mend string
	}{
		"nil":          {nil, "event.log_record", "required"},
		"no record":    {&tapiov1.Event{Id: "x"}, "event.log_record", "required"},
		"long id":      {&tapiov1.Event{Id: strings.Repeat("x", 129), LogRecord: good}, "event.id", "the most is 128"},
		"id control":   {&tapiov1.Event{Id: "a\n", LogRecord: good}, "event.id", "byte 1"},
		"id not ascii": {&tapiov1.Event{Id: "ä", LogRecord: good}, "event.id", "printable ASCII"},
		"severity":     {record(&logsv1.LogRecord{SeverityNumber: 25}), "event.log_record.severity_number", "0 to 24"},
		"negative":     {record(&logsv1.LogRecord{SeverityNumber: -1}), "event.log_record.severity_number", "0 to 24"},
		"trace id":     {record(&logsv1.LogRecord{TraceId: make([]byte, 8)}), "event.log_record.trace_id", "16 bytes"},
		"span id":      {record(&logsv1.LogRecord{SpanId: make([]byte, 16)}), "event.log_record.span_id", "8 bytes"},
		"deep array":   {record(&logsv1.LogRecord{Body: array(deep)}), "event.log_record.body" + strings.Repeat(".array_value.values[0]", 64) + ".array_value", "64 deep"},
		"deep map":     {record(&logsv1.LogRecord{Attributes: []*commonv1.KeyValue{keyed("a", kvlist(keyed("b", deep)))}}), "event.log_record.attributes[0].value.kvlist_value.values[0].value" + strings.Repeat(".array_value.values[0]", 63) + ".array_value", "64 deep"},
		"string index": {record(&logsv1.LogRecord{Body: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValueStrindex{}}}), "event.log_record.body.string_value_strindex", "string_value"},
		"key index":    {&tapiov1.Event{LogRecord: good, Resource: &resourcev1.Resource{Attributes: []*commonv1.KeyValue{{KeyStrindex: 1}}}}, "event.resource.attributes[0].key_strindex", "use key"},
		"scope":        {&tapiov1.Event{LogRecord: good, Scope: &commonv1.InstrumentationScope{Attributes: []*commonv1.KeyValue{{KeyStrindex: 1}}}}, "event.scope.attributes[0].key_strindex", "use key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := EventFromProto(tc.event, "event")
			requireFault(t, err, tc.field, tc.mend)
		})
	}
}
