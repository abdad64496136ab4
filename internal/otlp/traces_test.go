// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
)

// fullTraces sets every field of one span.
func fullTraces() ptrace.Traces {
	traces := ptrace.NewTraces()
	ofResource := traces.ResourceSpans().AppendEmpty()
	fullResource(ofResource.Resource())
	ofResource.SetSchemaUrl("https://example.com/resource")
	ofScope := ofResource.ScopeSpans().AppendEmpty()
	fullScope(ofScope.Scope())
	ofScope.SetSchemaUrl("https://example.com/scope")
	span := ofScope.Spans().AppendEmpty()
	span.SetTraceID([16]byte{1})
	span.SetSpanID([8]byte{2})
	span.SetParentSpanID([8]byte{3})
	span.TraceState().FromRaw("a=b")
	span.SetFlags(0x301)
	span.SetName("GET /")
	span.SetKind(ptrace.SpanKindServer)
	span.SetStartTimestamp(21)
	span.SetEndTimestamp(22)
	span.Attributes().PutInt("status", 500)
	span.SetDroppedAttributesCount(4)
	span.SetDroppedEventsCount(5)
	span.SetDroppedLinksCount(6)
	span.Status().SetCode(ptrace.StatusCodeError)
	span.Status().SetMessage("failed")
	event := span.Events().AppendEmpty()
	event.SetName("retry")
	event.SetTimestamp(23)
	event.Attributes().PutEmptyBytes("raw").FromRaw([]byte("ab"))
	event.SetDroppedAttributesCount(7)
	link := span.Links().AppendEmpty()
	link.SetTraceID([16]byte{8})
	link.SetSpanID([8]byte{9})
	link.TraceState().FromRaw("c=d")
	link.SetFlags(0x100)
	link.Attributes().PutDouble("weight", 0.5)
	link.SetDroppedAttributesCount(10)
	return traces
}

func wantSpan() model.Span {
	return model.Span{
		TraceID:       model.TraceID{1},
		SpanID:        model.SpanID{2},
		ParentID:      model.SpanID{3},
		Start:         21,
		End:           22,
		Name:          "GET /",
		TraceState:    "a=b",
		StatusMessage: "failed",
		Attributes:    model.Attributes{{Key: "status", Value: model.IntValue(500)}},
		Events: []model.SpanEvent{{
			Time:              23,
			Name:              "retry",
			Attributes:        model.Attributes{{Key: "raw", Value: model.BytesValue([]byte("ab"))}},
			DroppedAttributes: 7,
		}},
		Links: []model.SpanLink{{
			TraceID:           model.TraceID{8},
			SpanID:            model.SpanID{9},
			TraceState:        "c=d",
			Attributes:        model.Attributes{{Key: "weight", Value: model.DoubleValue(0.5)}},
			Flags:             0x100,
			DroppedAttributes: 10,
		}},
		Resource:          wantResource(),
		Scope:             wantScope(),
		Kind:              2,
		StatusCode:        model.StatusError,
		Flags:             0x301,
		DroppedAttributes: 4,
		DroppedEvents:     5,
		DroppedLinks:      6,
	}
}

func TestSpansFromTracesReadsEveryField(t *testing.T) {
	require.Equal(t, []model.Span{wantSpan()}, SpansFromTraces(fullTraces()))
}

func TestSpansShareTheirOrigin(t *testing.T) {
	traces := fullTraces()
	traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	spans := SpansFromTraces(traces)
	require.Len(t, spans, 2)
	require.Same(t, spans[0].Resource, spans[1].Resource)
	require.Same(t, spans[0].Scope, spans[1].Scope)
}
