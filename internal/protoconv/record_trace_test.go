// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func attribute(key, value string) model.Attributes {
	return model.Attributes{{Key: key, Value: model.StringValue(value)}}
}

func testTrace() *model.Trace {
	shop := &model.Resource{Attributes: attribute("service.name", "shop"), SchemaURL: "https://r"}
	bank := &model.Resource{Attributes: attribute("service.name", "bank")}
	lib, other := &model.Scope{Name: "lib", SchemaURL: "https://s"}, &model.Scope{Name: "other"}
	id := model.TraceID{15: 1}
	const second = model.Nanos(time.Second)
	return &model.Trace{ID: id, Spans: []model.Span{
		{
			TraceID: id, SpanID: spanID(1), Start: 10 * second, End: 13 * second, Name: "POST /order",
			TraceState: "a=b", StatusMessage: "boom", StatusCode: model.StatusError, Kind: 2, Flags: 257,
			Attributes: attribute("k", "v"), DroppedAttributes: 1, DroppedEvents: 2, DroppedLinks: 3,
			Events: []model.SpanEvent{{Time: 11 * second, Name: "e", Attributes: attribute("x", "y"), DroppedAttributes: 4}},
			Links: []model.SpanLink{{
				TraceID: model.TraceID{9}, SpanID: spanID(9), TraceState: "c=d",
				Attributes: attribute("l", "m"), Flags: 5, DroppedAttributes: 6,
			}},
			Resource: shop, Scope: lib,
		},
		{TraceID: id, SpanID: spanID(2), ParentID: spanID(1), Start: 11 * second, End: 12 * second, Name: "pay", Resource: bank, Scope: lib},
		{TraceID: id, SpanID: spanID(3), ParentID: spanID(1), Start: 12 * second, End: 14*second + 5, Name: "mail", Resource: shop, Scope: other},
		{TraceID: id, SpanID: spanID(4), ParentID: spanID(1), Start: 12 * second, End: 12 * second, Name: "log", Resource: shop, Scope: lib},
	}}
}

func TestTrace(t *testing.T) {
	id := []byte{15: 1}
	span := func(n byte, start, end uint64, name string) *tracev1.Span {
		return &tracev1.Span{
			TraceId: id, SpanId: []byte{7: n}, ParentSpanId: []byte{7: 1},
			StartTimeUnixNano: start, EndTimeUnixNano: end, Name: name,
		}
	}
	attributes := func(k, v string) []*commonv1.KeyValue { return []*commonv1.KeyValue{keyed(k, str(v))} }
	root := &tracev1.Span{
		TraceId: id, SpanId: []byte{7: 1}, StartTimeUnixNano: 10e9, EndTimeUnixNano: 13e9, Name: "POST /order",
		TraceState: "a=b", Status: &tracev1.Status{Code: tracev1.Status_STATUS_CODE_ERROR, Message: "boom"},
		Kind: tracev1.Span_SPAN_KIND_SERVER, Flags: 257, Attributes: attributes("k", "v"),
		DroppedAttributesCount: 1, DroppedEventsCount: 2, DroppedLinksCount: 3,
		Events: []*tracev1.Span_Event{{TimeUnixNano: 11e9, Name: "e", Attributes: attributes("x", "y"), DroppedAttributesCount: 4}},
		Links: []*tracev1.Span_Link{{
			TraceId: []byte{9, 15: 0}, SpanId: []byte{7: 9}, TraceState: "c=d",
			Attributes: attributes("l", "m"), Flags: 5, DroppedAttributesCount: 6,
		}},
	}
	requireSame(t, &tapiov1.Trace{
		TraceId: "00000000000000000000000000000001",
		ResourceSpans: []*tracev1.ResourceSpans{
			{
				Resource: &resourcev1.Resource{Attributes: attributes("service.name", "shop")}, SchemaUrl: "https://r",
				ScopeSpans: []*tracev1.ScopeSpans{
					{
						Scope: &commonv1.InstrumentationScope{Name: "lib"}, SchemaUrl: "https://s",
						Spans: []*tracev1.Span{root, span(4, 12e9, 12e9, "log")},
					},
					{Scope: &commonv1.InstrumentationScope{Name: "other"}, Spans: []*tracev1.Span{span(3, 12e9, 14e9+5, "mail")}},
				},
			},
			{
				Resource: &resourcev1.Resource{Attributes: attributes("service.name", "bank")},
				ScopeSpans: []*tracev1.ScopeSpans{{
					Scope: &commonv1.InstrumentationScope{Name: "lib"}, SchemaUrl: "https://s",
					Spans: []*tracev1.Span{span(2, 11e9, 12e9, "pay")},
				}},
			},
		},
		RootService: "shop",
		RootName:    "POST /order",
		StartTime:   &timestamppb.Timestamp{Seconds: 10},
		Duration:    &durationpb.Duration{Seconds: 4, Nanos: 5},
		SpanCount:   4,
		ErrorCount:  1,
		Services:    []string{"bank", "shop"},
		Complete:    true,
	}, Trace(testTrace()))
}

func TestTraceSummary(t *testing.T) {
	want := Trace(testTrace())
	want.ResourceSpans = nil
	requireSame(t, want, TraceSummary(testTrace()))
}

func TestTraceWithoutItsRoot(t *testing.T) {
	trace := testTrace()
	trace.Spans = trace.Spans[1:]
	got := Trace(trace)
	assert.Equal(t, "pay", got.GetRootName())
	assert.Equal(t, "bank", got.GetRootService())
	assert.False(t, got.GetComplete())

	trace = testTrace()
	trace.Spans[3].ParentID = spanID(77)
	assert.False(t, Trace(trace).GetComplete())
	assert.Equal(t, "POST /order", Trace(trace).GetRootName())

	empty := Trace(&model.Trace{ID: model.TraceID{1}})
	assert.Zero(t, empty.GetSpanCount())
	assert.False(t, empty.GetComplete())
}

func TestTimeline(t *testing.T) {
	logs := make([]model.Event, 1_001)
	for i := range logs {
		logs[i].Seq = uint64(i + 1)
	}
	got := Timeline(testTrace(), logs)
	assert.Empty(t, got.GetTrace().GetResourceSpans())
	assert.Equal(t, uint64(4), got.GetTrace().GetSpanCount())
	require.Len(t, got.GetLogs(), 1_000)
	assert.Equal(t, uint64(1), got.GetLogs()[0].GetSequence())
	require.Len(t, got.GetSpans(), 4)
	mail := got.GetSpans()[2]
	assert.Equal(t, "mail", mail.GetSpan().GetName())
	assert.Equal(t, "shop", mail.GetService())
	assert.Equal(t, uint32(1), mail.GetDepth())
	assert.Equal(t, 2*time.Second, mail.GetOffset().AsDuration())
	assert.Equal(t, 2*time.Second+5, mail.GetDuration().AsDuration())
	assert.Equal(t, 2*time.Second+5, mail.GetSelfTime().AsDuration())
	assert.True(t, mail.GetCritical())
	assert.False(t, mail.GetOrphan())
	assert.Equal(t, time.Second, got.GetSpans()[0].GetSelfTime().AsDuration())

	assert.Empty(t, Timeline(&model.Trace{}, nil).GetSpans())
}
