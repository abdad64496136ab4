// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// printDict prints everything of a span, and an empty line after.
func (p *SpanPrinter) printDict(of spanOrigin, span *tracev1.Span) {
	p.entry("time", p.fullTime(span.GetStartTimeUnixNano()))
	p.entry("duration", spanDuration(span).String())
	p.entry("service", of.service())
	p.entry("name", span.GetName())
	p.entry("kind", spanKind(span))
	p.entry("status", spanOutcome(span).Text)
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
	p.WriteText("\n")
}

// SpanPrinter prints spans in one format.
type SpanPrinter struct{ StreamPrinter }

// Print implements Printer.
func (p *SpanPrinter) Print(b Batch) error {
	if done, err := p.printShared(b); done {
		return err
	}
	for _, resource := range b.Raw.(*tapiov1.StreamTracesResponse).GetResourceSpans() {
		if p.format == "json" || p.format == "yaml" {
			p.PrintMessage(p.format, resource)
			continue
		}
		p.printResource(resource)
	}
	return nil
}

func (p *SpanPrinter) printResource(resource *tracev1.ResourceSpans) {
	for _, scope := range resource.GetScopeSpans() {
		from := spanOrigin{resource.GetResource(), scope.GetScope()}
		for _, span := range scope.GetSpans() {
			switch p.format {
			case "table":
				p.printTableRow(from.service(), span)
			case "dict":
				p.printDict(from, span)
			default:
				p.printCompact(from.service(), span)
			}
		}
	}
}

// printCompact prints one line: start, duration, outcome, service, name, kind,
// attributes, trace.
func (p *SpanPrinter) printCompact(service string, span *tracev1.Span) {
	outcome := spanOutcome(span)
	parts := []string{
		p.Paint(Dim, p.shortTime(span.GetStartTimeUnixNano())),
		padded(ShortDuration(spanDuration(span)), 8),
		p.Paint(outcome.Paint, padded(outcome.Text, 5)),
		p.Paint(Cyan, OneLine(OrDash(service))),
		p.Paint(Bold, OneLine(OrDash(span.GetName()))),
	}
	if message := span.GetStatus().GetMessage(); message != "" {
		parts = append(parts, p.Paint(Red, OneLine(message)))
	}
	parts = append(parts, p.Paint(Dim, "kind="+spanKind(span)))
	for _, kv := range span.GetAttributes() {
		parts = append(parts, p.Paint(Dim, labelText(kv)))
	}
	parts = append(parts, p.Paint(Dim, "trace="+hex.EncodeToString(span.GetTraceId())))
	p.WriteText(strings.Join(parts, " ") + "\n")
}

func (p *SpanPrinter) printTableRow(service string, span *tracev1.Span) {
	widths := []int{19, 8, 5, 8, 20, 32, 0}
	p.printHeadingOnce([]string{"START", "DURATION", "", "KIND", "SERVICE", "NAME", "TRACE"}, widths)
	p.printRow([]Cell{
		{p.shortTime(span.GetStartTimeUnixNano()), Dim},
		{ShortDuration(spanDuration(span)), Plain},
		spanOutcome(span),
		{spanKind(span), Plain},
		{OneLine(OrDash(service)), Cyan},
		{OneLine(OrDash(span.GetName())), Bold},
		{hex.EncodeToString(span.GetTraceId()), Dim},
	}, widths)
}

// NewSpanPrinter prints spans in the format.
func NewSpanPrinter(o *Output, format string) *SpanPrinter {
	return &SpanPrinter{StreamPrinter{Output: o, format: format}}
}

// spanOrigin is where a span comes from.
type spanOrigin struct {
	resource *resourcev1.Resource
	scope    *commonv1.InstrumentationScope
}

func (o spanOrigin) service() string {
	return attribute(o.resource.GetAttributes(), semconv.ServiceName)
}

// SpanCount counts the spans of resources.
func SpanCount(resources []*tracev1.ResourceSpans) (count int) {
	for _, resource := range resources {
		for _, scope := range resource.GetScopeSpans() {
			count += len(scope.GetSpans())
		}
	}
	return count
}

func spanOutcome(span *tracev1.Span) Cell {
	switch span.GetStatus().GetCode() {
	case tracev1.Status_STATUS_CODE_ERROR:
		return Cell{"ERROR", Red}
	case tracev1.Status_STATUS_CODE_OK:
		return Cell{"OK", Green}
	default:
		return Cell{"-", Plain}
	}
}

func spanKind(span *tracev1.Span) string {
	return strings.ToLower(strings.TrimPrefix(span.GetKind().String(), "SPAN_KIND_"))
}

// spanDuration is 0 where the end lies before the start.
func spanDuration(span *tracev1.Span) time.Duration {
	if span.GetEndTimeUnixNano() <= span.GetStartTimeUnixNano() {
		return 0
	}
	return time.Duration(span.GetEndTimeUnixNano() - span.GetStartTimeUnixNano())
}

func labelText(kv *commonv1.KeyValue) string {
	return OneLine(kv.GetKey()) + "=" + assigned(kv.GetValue())
}
