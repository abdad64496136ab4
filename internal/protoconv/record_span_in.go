// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"slices"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/tapio/tapio/internal/model"
)

// KeepSpans drops the spans for which keep is false, and scopes that are empty
// then. It returns how many stay. keep gets what a filter looks at: neither
// events nor links.
func KeepSpans(in *tracev1.ResourceSpans, keep func(*model.Span) bool) (kept int, err error) {
	from, err := resourceFrom(in.GetResource(), in.GetSchemaUrl())
	if err != nil {
		return 0, err
	}
	for i, scope := range in.GetScopeSpans() {
		if err := keepOfScope(scope, from, keep); err != nil {
			return 0, withinItem("scope_spans", i, err)
		}
		kept += len(scope.GetSpans())
	}
	in.ScopeSpans = slices.DeleteFunc(in.GetScopeSpans(), func(s *tracev1.ScopeSpans) bool { return len(s.GetSpans()) == 0 })
	return kept, nil
}

func keepOfScope(in *tracev1.ScopeSpans, resource *model.Resource, keep func(*model.Span) bool) error {
	scope, err := scopeFrom(in.GetScope(), in.GetSchemaUrl())
	if err != nil {
		return err
	}
	var wanted []*tracev1.Span
	for i, message := range in.GetSpans() {
		span, err := spanFrom(message)
		if err != nil {
			return withinItem("spans", i, err)
		}
		span.Resource, span.Scope = resource, scope
		if keep(&span) {
			wanted = append(wanted, message)
		}
	}
	in.Spans = wanted
	return nil
}

func spanFrom(s *tracev1.Span) (model.Span, error) {
	out := model.Span{
		Start: model.Nanos(s.GetStartTimeUnixNano()), End: model.Nanos(s.GetEndTimeUnixNano()),
		Name: s.GetName(), TraceState: s.GetTraceState(), Kind: int32(s.GetKind()), Flags: s.GetFlags(),
		StatusCode: int32(s.GetStatus().GetCode()), StatusMessage: s.GetStatus().GetMessage(),
		DroppedAttributes: s.GetDroppedAttributesCount(), DroppedEvents: s.GetDroppedEventsCount(), DroppedLinks: s.GetDroppedLinksCount(),
	}
	if err := copyID("trace_id", out.TraceID[:], s.GetTraceId()); err != nil {
		return out, err
	}
	if err := copyID("span_id", out.SpanID[:], s.GetSpanId()); err != nil {
		return out, err
	}
	if err := copyID("parent_span_id", out.ParentID[:], s.GetParentSpanId()); err != nil {
		return out, err
	}
	var err error
	out.Attributes, err = attributesFrom(s.GetAttributes())
	return out, err
}
