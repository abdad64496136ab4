// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestJSONSpeaksHexIDs(t *testing.T) {
	message := &tapiov1.Trace{
		TraceId: "traceId stays",
		ResourceSpans: []*tracev1.ResourceSpans{{ScopeSpans: []*tracev1.ScopeSpans{{Spans: []*tracev1.Span{{
			TraceId:           []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\xff"),
			SpanId:            []byte("\x00\x01\x02\x03\x04\x05\x06\xfe"),
			ParentSpanId:      []byte("\xaa\xbb\xcc\xdd\xee\xff\x00\x01"),
			StartTimeUnixNano: 1<<64 - 1,
			Kind:              tracev1.Span_SPAN_KIND_SERVER,
			Attributes: []*commonv1.KeyValue{keyed("traceId", &commonv1.AnyValue{
				Value: &commonv1.AnyValue_BytesValue{BytesValue: []byte("<&>")},
			})},
			Links: []*tracev1.Span_Link{{TraceId: []byte{0xab}, SpanId: []byte{}}},
		}}}}}},
		Duration: durationpb.New(1500),
	}
	want := `{"traceId":"traceId stays","resourceSpans":[{"scopeSpans":[{"spans":[{` +
		`"traceId":"000102030405060708090a0b0c0d0eff","spanId":"00010203040506fe","parentSpanId":"aabbccddeeff0001",` +
		`"kind":"SPAN_KIND_SERVER","startTimeUnixNano":"18446744073709551615",` +
		`"attributes":[{"key":"traceId","value":{"bytesValue":"PCY+"}}],"links":[{"traceId":"ab"}]}]}]}],` +
		`"duration":"0.000001500s"}`
	text, err := JSON{}.Marshal(message)
	require.NoError(t, err)
	assert.Equal(t, want, string(text))

	var back tapiov1.Trace
	require.NoError(t, JSON{}.Unmarshal([]byte(strings.ReplaceAll(want, "aabbccddeeff", "AABBccDDEEff")), &back))
	requireSame(t, message, &back)

	numbers, err := JSON{EnumNumbers: true}.Marshal(message)
	require.NoError(t, err)
	assert.Contains(t, string(numbers), `"kind":2,`)
	require.NoError(t, JSON{}.Unmarshal(numbers, &back))
	requireSame(t, message, &back)
}

func TestJSONLeavesMapKeysAlone(t *testing.T) {
	message := &tapiov1.MetricSeries{Labels: map[string]string{"traceId": "not hex", "unknown \"x\"": "<b>"}}
	text, err := JSON{}.Marshal(message)
	require.NoError(t, err)
	assert.JSONEq(t, `{"labels":{"traceId":"not hex","unknown \"x\"":"<b>"}}`, string(text))
	var back tapiov1.MetricSeries
	require.NoError(t, JSON{}.Unmarshal(text, &back))
	requireSame(t, message, &back)
}

func TestJSONRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		want := randomEvent(r)
		text, err := JSON{}.Marshal(want)
		require.NoError(t, err)
		again, err := JSON{}.Marshal(want)
		require.NoError(t, err)
		assert.Equal(t, text, again)
		var got tapiov1.Event
		require.NoError(t, JSON{}.Unmarshal(text, &got))
		requireSame(t, want, &got)
	}
}

func TestJSONReadsProtoNames(t *testing.T) {
	var got logsv1.LogRecord
	require.NoError(t, JSON{}.Unmarshal([]byte(` { "trace_id" : "AB" , "spanId":null, "observed_time_unix_nano": 7 } `), &got))
	requireSame(t, &logsv1.LogRecord{TraceId: []byte{0xab}, ObservedTimeUnixNano: 7}, &got)
}

func TestJSONFaults(t *testing.T) {
	for name, tc := range map[string]struct{ text, field, mend string }{
		"unknown":     {`{"filter":{"labelSelectors":[{},{"keey":1}]}}`, "filter.labelSelectors[1].keey", "is an unknown field in tapio.v1.Filter.LabelSelector"},
		"at the root": {`{"x":{}}`, "x", "is an unknown field in tapio.v1.GetEventsRequest"},
		"empty name":  {`{"":1}`, "body", "is an unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			requireFault(t, JSON{}.Unmarshal([]byte(tc.text), &tapiov1.GetEventsRequest{}), tc.field, tc.mend)
		})
	}
	for _, id := range []string{"abc", "xy", "AAECAw=="} {
		err := JSON{}.Unmarshal([]byte(`{"logRecord":{"traceId":"`+id+`"}}`), &tapiov1.Event{})
		requireFault(t, err, "logRecord.traceId", "hex digits")
	}
	for name, text := range map[string]string{
		"empty":     "",
		"cut":       `{"filter":{"text":"x"`,
		"more":      `{} {}`,
		"brackets":  `{"filter":[}`,
		"twice":     `{"filter":{},"filter":{}}`,
		"type":      `{"filter":{"limit":"many"}}`,
		"utf8":      "{\"filter\":{\"text\":\"\xff\"}}",
		"not a map": `[]`,
		"deep":      strings.Repeat(`{"filter":`, 5) + strings.Repeat("[", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			var fault *model.FieldError
			require.ErrorAs(t, JSON{}.Unmarshal([]byte(text), &tapiov1.GetEventsRequest{}), &fault)
			assert.NotEmpty(t, fault.Field)
		})
	}
}

func FuzzJSON(f *testing.F) {
	seed, err := JSON{}.Marshal(randomEvent(rand.New(rand.NewPCG(5, 6))))
	require.NoError(f, err)
	f.Add(seed)
	f.Add([]byte(`{"logRecord":{"traceId":"00","body":{"kvlistValue":{"values":[{"key":"\u00e4","value":{"doubleValue":"NaN"}}]}}}}`))
	f.Add([]byte(`{"id":`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, second tapiov1.Event
		if err := (JSON{}).Unmarshal(text, &first); err != nil {
			return
		}
		again, err := JSON{}.Marshal(&first)
		require.NoError(t, err)
		require.NoError(t, JSON{}.Unmarshal(again, &second))
		requireSame(t, &first, &second)
	})
}
