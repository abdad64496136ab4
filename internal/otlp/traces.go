// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/tapio"
)

// spanMemory is what the spans of one batch are made of.
type spanMemory struct {
	attributes slab[tapio.KeyValue]
	events     slab[tapio.SpanEvent]
	links      slab[tapio.SpanLink]
}

// SpansFromTraces returns the spans in their order, nil for none. Spans of one
// resource or scope share its pointer.
func SpansFromTraces(traces ptrace.Traces) []tapio.Span { return AppendSpans(nil, traces) }

// AppendSpans appends to spans what SpansFromTraces returns. Only the spans
// themselves are written there, not what they refer to.
func AppendSpans(spans []tapio.Span, traces ptrace.Traces) []tapio.Span {
	count := traces.SpanCount()
	spans = slices.Grow(spans, count)
	rows, memory := slabIn(spans, count), newSpanMemory(countTraces(traces))
	readTraces(traces, &rows, memory)
	return spans[:len(spans)+count]
}

// readTraces fills rows with the spans, and memory with what they are made of.
func readTraces(traces ptrace.Traces, rows *slab[tapio.Span], memory *spanMemory) {
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
		attributes: newSlab[tapio.KeyValue](sizes.attributes),
		events:     newSlab[tapio.SpanEvent](sizes.events),
		links:      newSlab[tapio.SpanLink](sizes.links),
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

func (m *spanMemory) readSpan(span *tapio.Span, from ptrace.Span) {
	readSpanHead(span, from)
	m.readSpanRest(span, from)
}

func readSpanHead(span *tapio.Span, from ptrace.Span) {
	span.TraceID = tapio.TraceID(from.TraceID())
	span.SpanID = tapio.SpanID(from.SpanID())
	span.ParentID = tapio.SpanID(from.ParentSpanID())
	span.Start = tapio.Nanos(from.StartTimestamp())
	span.End = tapio.Nanos(from.EndTimestamp())
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

func (m *spanMemory) readSpanRest(span *tapio.Span, from ptrace.Span) {
	span.Attributes = attributesFrom(from.Attributes(), &m.attributes)
	span.Events = m.readEvents(from.Events())
	span.Links = m.readLinks(from.Links())
}

func (m *spanMemory) readEvents(from ptrace.SpanEventSlice) []tapio.SpanEvent {
	events := m.events.take(from.Len())
	for i, event := range from.All() {
		events[i] = tapio.SpanEvent{
			Time:              tapio.Nanos(event.Timestamp()),
			Name:              event.Name(),
			Attributes:        attributesFrom(event.Attributes(), &m.attributes),
			DroppedAttributes: event.DroppedAttributesCount(),
		}
	}
	return events
}

func (m *spanMemory) readLinks(from ptrace.SpanLinkSlice) []tapio.SpanLink {
	links := m.links.take(from.Len())
	for i, link := range from.All() {
		links[i] = tapio.SpanLink{
			TraceID:           tapio.TraceID(link.TraceID()),
			SpanID:            tapio.SpanID(link.SpanID()),
			TraceState:        link.TraceState().AsRaw(),
			Attributes:        attributesFrom(link.Attributes(), &m.attributes),
			Flags:             link.Flags(),
			DroppedAttributes: link.DroppedAttributesCount(),
		}
	}
	return links
}
