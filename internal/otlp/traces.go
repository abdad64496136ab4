// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
)

// spanMemory is what the spans of one batch are made of.
type spanMemory struct {
	attributes slab[model.KeyValue]
	events     slab[model.SpanEvent]
	links      slab[model.SpanLink]
}

// SpansFromTraces returns the spans in their order, nil for none. Spans of one
// resource or scope share its pointer.
func SpansFromTraces(traces ptrace.Traces) []model.Span { return AppendSpans(nil, traces) }

// AppendSpans appends to spans what SpansFromTraces returns. Only the spans
// themselves are written there, not what they refer to.
func AppendSpans(spans []model.Span, traces ptrace.Traces) []model.Span {
	count := traces.SpanCount()
	spans = slices.Grow(spans, count)
	rows, memory := slabIn(spans, count), newSpanMemory(countTraces(traces))
	readTraces(traces, &rows, memory)
	return spans[:len(spans)+count]
}

// readTraces fills rows with the spans, and memory with what they are made of.
func readTraces(traces ptrace.Traces, rows *slab[model.Span], memory *spanMemory) {
	for _, ofResource := range traces.ResourceSpans().All() {
		resource := resourceFrom(ofResource.Resource(), ofResource.SchemaUrl())
		for _, ofScope := range ofResource.ScopeSpans().All() {
			scope := scopeFrom(ofScope.Scope(), ofScope.SchemaUrl())
			for _, from := range ofScope.Spans().All() {
				span := rows.one()
				span.Resource, span.Scope = resource, scope
				memory.readSpan(span, from)
			}
		}
	}
}

// traceSizes is how much spans are made of.
type traceSizes struct{ attributes, events, links int }

func countTraces(traces ptrace.Traces) (sizes traceSizes) {
	for _, ofResource := range traces.ResourceSpans().All() {
		for _, ofScope := range ofResource.ScopeSpans().All() {
			for _, span := range ofScope.Spans().All() {
				sizes.attributes += countSpanAttributes(span)
				sizes.events += span.Events().Len()
				sizes.links += span.Links().Len()
			}
		}
	}
	return sizes
}

func newSpanMemory(sizes traceSizes) *spanMemory {
	return &spanMemory{
		attributes: newSlab[model.KeyValue](sizes.attributes),
		events:     newSlab[model.SpanEvent](sizes.events),
		links:      newSlab[model.SpanLink](sizes.links),
	}
}

func countSpanAttributes(span ptrace.Span) int {
	n := span.Attributes().Len()
	for _, event := range span.Events().All() {
		n += event.Attributes().Len()
	}
	for _, link := range span.Links().All() {
		n += link.Attributes().Len()
	}
	return n
}

func (m *spanMemory) readSpan(span *model.Span, from ptrace.Span) {
	readSpanHead(span, from)
	m.readSpanRest(span, from)
}

func readSpanHead(span *model.Span, from ptrace.Span) {
	span.TraceID = model.TraceID(from.TraceID())
	span.SpanID = model.SpanID(from.SpanID())
	span.ParentID = model.SpanID(from.ParentSpanID())
	span.Start = model.Nanos(from.StartTimestamp())
	span.End = model.Nanos(from.EndTimestamp())
	span.Name = from.Name()
	span.TraceState = from.TraceState().AsRaw()
	span.StatusMessage = from.Status().Message()
	span.StatusCode = int32(from.Status().Code())
	span.Kind = int32(from.Kind())
	span.Flags = from.Flags()
	span.DroppedAttributes = from.DroppedAttributesCount()
	span.DroppedEvents = from.DroppedEventsCount()
	span.DroppedLinks = from.DroppedLinksCount()
}

func (m *spanMemory) readSpanRest(span *model.Span, from ptrace.Span) {
	span.Attributes = attributesFrom(from.Attributes(), &m.attributes)
	span.Events = m.readEvents(from.Events())
	span.Links = m.readLinks(from.Links())
}

func (m *spanMemory) readEvents(from ptrace.SpanEventSlice) []model.SpanEvent {
	events := m.events.take(from.Len())
	for i, event := range from.All() {
		events[i] = model.SpanEvent{
			Time:              model.Nanos(event.Timestamp()),
			Name:              event.Name(),
			Attributes:        attributesFrom(event.Attributes(), &m.attributes),
			DroppedAttributes: event.DroppedAttributesCount(),
		}
	}
	return events
}

func (m *spanMemory) readLinks(from ptrace.SpanLinkSlice) []model.SpanLink {
	links := m.links.take(from.Len())
	for i, link := range from.All() {
		links[i] = model.SpanLink{
			TraceID:           model.TraceID(link.TraceID()),
			SpanID:            model.SpanID(link.SpanID()),
			TraceState:        link.TraceState().AsRaw(),
			Attributes:        attributesFrom(link.Attributes(), &m.attributes),
			Flags:             link.Flags(),
			DroppedAttributes: link.DroppedAttributesCount(),
		}
	}
	return links
}
