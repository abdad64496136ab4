// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"fmt"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
)

// entry prints one field of a record in the format dict, if it says anything.
func (p *streamPrinter) entry(key, value string) {
	if value != "" {
		p.write(p.paint(bold, oneLine(key)+":") + " " + oneLine(value) + "\n")
	}
}

func (p *streamPrinter) entries(prefix string, attributes []*commonv1.KeyValue) {
	for _, kv := range attributes {
		p.entry(prefix+"."+kv.GetKey(), valueText(kv.GetValue()))
	}
}

// printDict prints everything of a span, and an empty line after.
func (p *spanPrinter) printDict(of spanOrigin, span *tracev1.Span) {
	p.entry("time", p.fullTime(span.GetStartTimeUnixNano()))
	p.entry("duration", spanDuration(span).String())
	p.entry("service", of.service())
	p.entry("name", span.GetName())
	p.entry("kind", spanKind(span))
	p.entry("status", spanOutcome(span).text)
	p.entry("message", span.GetStatus().GetMessage())
	p.entry("trace_id", hex.EncodeToString(span.GetTraceId()))
	p.entry("span_id", hex.EncodeToString(span.GetSpanId()))
	p.entry("parent_span_id", hex.EncodeToString(span.GetParentSpanId()))
	p.entry("scope", of.scope.GetName())
	p.entries("attributes", span.GetAttributes())
	for i, event := range span.GetEvents() {
		prefix := fmt.Sprintf("events[%d]", i)
		p.entry(prefix, p.fullTime(event.GetTimeUnixNano())+" "+event.GetName())
		p.entries(prefix, event.GetAttributes())
	}
	for i, link := range span.GetLinks() {
		p.entry(fmt.Sprintf("links[%d]", i), hex.EncodeToString(link.GetTraceId())+"/"+hex.EncodeToString(link.GetSpanId()))
	}
	p.entries("resource", of.resource.GetAttributes())
	p.write("\n")
}

// printDict prints everything of a point but buckets, which -o json has, and an
// empty line after.
func (p *pointPrinter) printDict(point metricPoint) {
	p.entry("time", p.fullTime(point.time))
	p.entry("metric", point.metric.GetName())
	p.entry("type", point.kind)
	p.entry("value", point.value)
	p.entry("unit", point.metric.GetUnit())
	p.entry("description", point.metric.GetDescription())
	p.entry("service", point.service)
	p.entry("scope", point.scope)
	p.entries("attributes", point.labels)
	p.entries("resource", point.resource)
	p.write("\n")
}
