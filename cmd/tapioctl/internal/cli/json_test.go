// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestAppendJSON(t *testing.T) {
	for want, message := range map[string]proto.Message{
		`{"traceId":"0aff","spanId":"01","parentSpanId":"02","kind":2,"startTimeUnixNano":"18446744073709551615","status":{"code":2}}`: &tracev1.Span{
			TraceId: []byte{0x0a, 0xff}, SpanId: []byte{1}, ParentSpanId: []byte{2},
			Kind: tracev1.Span_SPAN_KIND_SERVER, StartTimeUnixNano: math.MaxUint64,
			Status: &tracev1.Status{Code: tracev1.Status_STATUS_CODE_ERROR},
		},
		`{"bytesValue":"AP8="}`:    &commonv1.AnyValue{Value: &commonv1.AnyValue_BytesValue{BytesValue: []byte{0, 0xff}}},
		`{"boolValue":false}`:      &commonv1.AnyValue{Value: &commonv1.AnyValue_BoolValue{}},
		`{"intValue":"-5"}`:        integer(-5),
		`{"stringValue":"<a&\n>"}`: text("<a&\n>"),
		`{"asDouble":"NaN"}`:       &metricsv1.NumberDataPoint{Value: &metricsv1.NumberDataPoint_AsDouble{AsDouble: math.NaN()}},
		`{"asDouble":"-Infinity"}`: &metricsv1.NumberDataPoint{Value: &metricsv1.NumberDataPoint_AsDouble{AsDouble: math.Inf(-1)}},
		`{"asDouble":1e+300}`:      &metricsv1.NumberDataPoint{Value: &metricsv1.NumberDataPoint_AsDouble{AsDouble: 1e300}},
		`{"scale":-3}`:             &metricsv1.ExponentialHistogramDataPoint{Scale: -3},
		`{"status":"STATUS_SERVING"}`: &tapiov1.HealthCheckResponse{
			Status: tapiov1.HealthCheckResponse_STATUS_SERVING,
		},
		`{"status":99}`:                         &tapiov1.HealthCheckResponse{Status: 99},
		`{"duration":"1.500s"}`:                 &tapiov1.Trace{Duration: durationpb.New(1500 * time.Millisecond)},
		`{"startTime":"2026-11-23T14:30:00Z"}`:  &tapiov1.Trace{StartTime: timestamppb.New(testNow())},
		`{"startTime":null}`:                    &tapiov1.Trace{StartTime: &timestamppb.Timestamp{Seconds: math.MaxInt64}},
		`{"evictedCounts":{"age":"2","b":"1"}}`: &tapiov1.StoreStats{EvictedCounts: map[string]uint64{"b": 1, "age": 2}},
		`{"services":["a","b"]}`:                &tapiov1.Trace{Services: []string{"a", "b"}},
		`{}`:                                    (*tapiov1.Event)(nil),
	} {
		got := string(render.AppendJSON(nil, message))
		assert.Equal(t, want, got)
		assert.True(t, json.Valid([]byte(got)), got)
	}
}

func TestValueText(t *testing.T) {
	list := func(values ...*commonv1.AnyValue) *commonv1.AnyValue {
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_ArrayValue{ArrayValue: &commonv1.ArrayValue{Values: values}}}
	}
	object := &commonv1.AnyValue{Value: &commonv1.AnyValue_KvlistValue{KvlistValue: &commonv1.KeyValueList{
		Values: []*commonv1.KeyValue{pair("z", integer(1)), pair("a", list(text("x"), nil))},
	}}}
	for want, value := range map[string]*commonv1.AnyValue{
		"":                       nil,
		"plain":                  text("plain"),
		"7":                      integer(7),
		"true":                   {Value: &commonv1.AnyValue_BoolValue{BoolValue: true}},
		"0.1":                    {Value: &commonv1.AnyValue_DoubleValue{DoubleValue: 0.1}},
		"AQ==":                   {Value: &commonv1.AnyValue_BytesValue{BytesValue: []byte{1}}},
		`{"z":1,"a":["x",null]}`: object,
		`["AQ==","NaN",false]`: list(
			&commonv1.AnyValue{Value: &commonv1.AnyValue_BytesValue{BytesValue: []byte{1}}},
			&commonv1.AnyValue{Value: &commonv1.AnyValue_DoubleValue{DoubleValue: math.NaN()}},
			&commonv1.AnyValue{Value: &commonv1.AnyValue_BoolValue{}}),
	} {
		assert.Equal(t, want, render.ValueText(value))
	}
}

func TestShortDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "7ns": 7, "1.23µs": 1234, "12.3ms": 12345 * time.Microsecond, "123ms": 123456 * time.Microsecond,
		"1.23s": 1234567 * time.Microsecond, "59.9s": 59900 * time.Millisecond, "1m1s": 61234 * time.Millisecond, "2h0m0s": 2 * time.Hour,
	} {
		assert.Equal(t, want, render.ShortDuration(d))
	}
}

func TestSizeAndThousands(t *testing.T) {
	for want, bytes := range map[string]uint64{
		"0 B": 0, "1023 B": 1023, "1.0 KiB": 1024, "1.0 MiB": 1<<20 - 1, "256.0 MiB": 256 << 20, "16.0 EiB": math.MaxUint64,
	} {
		assert.Equal(t, want, render.Size(bytes))
	}
	assert.Equal(t, "999", render.Thousands(999))
	assert.Equal(t, "1,000", render.Thousands(1000))
	assert.Equal(t, "18,446,744,073,709,551,615", render.Thousands(math.MaxUint64))
}

func TestOneLine(t *testing.T) {
	assert.Equal(t, "añ b", render.OneLine("añ b"))
	assert.Equal(t, `a\n\t\x1b[31m\u202e\x7f\u009b`, render.OneLine("a\n\t\x1b[31m\u202e\x7f\u009b"))
}
