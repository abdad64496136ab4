// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/tapio/tapio/internal/model"
)

// ResourceSpans groups spans by resource and scope, in order of first
// appearance.
func ResourceSpans(spans []model.Span) []*tracev1.ResourceSpans {
	type origin struct {
		resource *model.Resource
		scope    *model.Scope
	}
	var out []*tracev1.ResourceSpans
	byResource := map[*model.Resource]*tracev1.ResourceSpans{}
	byScope := map[origin]*tracev1.ScopeSpans{}
	for i := range spans {
		s := &spans[i]
		outer, made := byResource[s.Resource]
		if !made {
			outer = &tracev1.ResourceSpans{Resource: resource(s.Resource), SchemaUrl: resourceURL(s.Resource)}
			byResource[s.Resource] = outer
			out = append(out, outer)
		}
		inner, made := byScope[origin{s.Resource, s.Scope}]
		if !made {
			inner = &tracev1.ScopeSpans{Scope: scope(s.Scope), SchemaUrl: scopeURL(s.Scope)}
			byScope[origin{s.Resource, s.Scope}] = inner
			outer.ScopeSpans = append(outer.ScopeSpans, inner)
		}
		inner.Spans = append(inner.Spans, span(s))
	}
	return out
}

func span(s *model.Span) *tracev1.Span {
	return &tracev1.Span{
		TraceId:                traceIDBytes(s.TraceID),
		SpanId:                 spanIDBytes(s.SpanID),
		TraceState:             s.TraceState,
		ParentSpanId:           spanIDBytes(s.ParentID),
		Flags:                  s.Flags,
		Name:                   s.Name,
		Kind:                   tracev1.Span_SpanKind(s.Kind),
		StartTimeUnixNano:      uint64(s.Start),
		EndTimeUnixNano:        uint64(s.End),
		Attributes:             keyValues(s.Attributes),
		DroppedAttributesCount: s.DroppedAttributes,
		Events:                 spanEvents(s.Events),
		DroppedEventsCount:     s.DroppedEvents,
		Links:                  spanLinks(s.Links),
		DroppedLinksCount:      s.DroppedLinks,
		Status:                 spanStatus(s),
	}
}

func spanStatus(s *model.Span) *tracev1.Status {
	if s.StatusCode == 0 && s.StatusMessage == "" {
		return nil
	}
	return &tracev1.Status{Code: tracev1.Status_StatusCode(s.StatusCode), Message: s.StatusMessage}
}

func spanEvents(events []model.SpanEvent) []*tracev1.Span_Event {
	out := make([]*tracev1.Span_Event, len(events))
	for i, e := range events {
		out[i] = &tracev1.Span_Event{
			TimeUnixNano:           uint64(e.Time),
			Name:                   e.Name,
			Attributes:             keyValues(e.Attributes),
			DroppedAttributesCount: e.DroppedAttributes,
		}
	}
	return out
}

func spanLinks(links []model.SpanLink) []*tracev1.Span_Link {
	out := make([]*tracev1.Span_Link, len(links))
	for i, l := range links {
		out[i] = &tracev1.Span_Link{
			TraceId:                traceIDBytes(l.TraceID),
			SpanId:                 spanIDBytes(l.SpanID),
			TraceState:             l.TraceState,
			Attributes:             keyValues(l.Attributes),
			DroppedAttributesCount: l.DroppedAttributes,
			Flags:                  l.Flags,
		}
	}
	return out
}
