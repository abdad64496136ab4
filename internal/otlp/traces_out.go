// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tapio/tapio/internal/model"
)

// TracesFromSpans returns spans in their order. Neighbours of the same resource or
// scope, by pointer, stand under one.
func TracesFromSpans(spans []model.Span) ptrace.Traces {
	traces := ptrace.NewTraces()
	for len(spans) > 0 {
		n := run(spans, func(a, b *model.Span) bool { return a.Resource == b.Resource })
		to := traces.ResourceSpans().AppendEmpty()
		putResource(to.Resource(), spans[0].Resource)
		to.SetSchemaUrl(spans[0].Resource.SchemaURL)
		putSpansOfResource(to, spans[:n])
		spans = spans[n:]
	}
	return traces
}

func putSpansOfResource(ofResource ptrace.ResourceSpans, spans []model.Span) {
	for len(spans) > 0 {
		n := run(spans, func(a, b *model.Span) bool { return a.Scope == b.Scope })
		to := ofResource.ScopeSpans().AppendEmpty()
		putScope(to.Scope(), spans[0].Scope)
		to.SetSchemaUrl(spans[0].Scope.SchemaURL)
		for i := range spans[:n] {
			putSpan(to.Spans().AppendEmpty(), &spans[i])
		}
		spans = spans[n:]
	}
}

func putSpan(to ptrace.Span, span *model.Span) {
	to.SetTraceID(pcommon.TraceID(span.TraceID))
	to.SetSpanID(pcommon.SpanID(span.SpanID))
	to.SetParentSpanID(pcommon.SpanID(span.ParentID))
	to.SetStartTimestamp(pcommon.Timestamp(span.Start))
	to.SetEndTimestamp(pcommon.Timestamp(span.End))
	to.SetName(span.Name)
	to.TraceState().FromRaw(span.TraceState)
	to.Status().SetMessage(span.StatusMessage)
	to.Status().SetCode(ptrace.StatusCode(span.StatusCode))
	putAttributes(to.Attributes(), span.Attributes)
	to.SetKind(ptrace.SpanKind(span.Kind))
	to.SetFlags(span.Flags)
	to.SetDroppedAttributesCount(span.DroppedAttributes)
	to.SetDroppedEventsCount(span.DroppedEvents)
	to.SetDroppedLinksCount(span.DroppedLinks)
	for _, event := range span.Events {
		e := to.Events().AppendEmpty()
		e.SetTimestamp(pcommon.Timestamp(event.Time))
		e.SetName(event.Name)
		putAttributes(e.Attributes(), event.Attributes)
		e.SetDroppedAttributesCount(event.DroppedAttributes)
	}
	for _, link := range span.Links {
		l := to.Links().AppendEmpty()
		l.SetTraceID(pcommon.TraceID(link.TraceID))
		l.SetSpanID(pcommon.SpanID(link.SpanID))
		l.TraceState().FromRaw(link.TraceState)
		putAttributes(l.Attributes(), link.Attributes)
		l.SetFlags(link.Flags)
		l.SetDroppedAttributesCount(link.DroppedAttributes)
	}
}

// MarshalSpans encodes spans as an ExportTraceServiceRequest.
func MarshalSpans(spans []model.Span) ([]byte, error) {
	return ptraceotlp.NewExportRequestFromTraces(TracesFromSpans(spans)).MarshalProto()
}

// UnmarshalSpans reads what MarshalSpans wrote.
func UnmarshalSpans(data []byte) ([]model.Span, error) {
	request := ptraceotlp.NewExportRequest()
	if err := request.UnmarshalProto(data); err != nil {
		return nil, err
	}
	return SpansFromTraces(request.Traces()), nil
}
