// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/spf13/cobra"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type observeSpansFlags struct {
	observeFlags
	filterFlags
	spanFlags
	traceIDs []string
}

func newObserveSpansCommand(a *app) *cobra.Command {
	f := &observeSpansFlags{observeFlags: observeFlags{format: newRecordFormat("compact")}}
	cmd := &cobra.Command{
		Use:     "spans",
		Aliases: []string{"traces"},
		Short:   "Show the latest spans, and follow them live",
		Long: `Show the latest spans, the oldest first, in the order of the store; with
--follow, wait for more.

-o json prints one OTLP/JSON ResourceSpans a line.`,
		Example: `  tapioctl observe spans -f --service checkout --error
  tapioctl observe spans --since 5m --operation 'GET /api/*' --min-duration 500ms`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.observing(&f.observeFlags, func([]string) (fileKind, printer, error) {
		kind, err := a.spansOfFile(f)
		return kind, a.spanPrinter(f), err
	}, func(ctx context.Context, c clients, _ []string) error {
		filter, err := f.filterUntil(&f.filterFlags, a)
		if err != nil {
			return err
		}
		from := source{"traces", openSpans(c.observability, f.query(filter, f.traceIDs))}
		return a.observe(ctx, c, &f.observeFlags, from, a.spanPrinter(f))
	})
	f.filterFlags.add(cmd)
	f.spanFlags.add(cmd, "spans")
	cmd.Flags().StringSliceVar(&f.traceIDs, "trace", nil, "only spans of these traces, 32 hex digits each; excludes all conditions")
	f.observeFlags.add(cmd)
	return cmd
}

// spanPrinter prints spans in one format.
type spanPrinter struct{ streamPrinter }

func (a *app) spanPrinter(f *observeSpansFlags) *spanPrinter {
	return &spanPrinter{streamPrinter{app: a, format: f.format.value}}
}

func spanCount(resources []*tracev1.ResourceSpans) (count int) {
	for _, resource := range resources {
		for _, scope := range resource.GetScopeSpans() {
			count += len(scope.GetSpans())
		}
	}
	return count
}

func (p *spanPrinter) print(b batch) error {
	if done, err := p.printShared(b); done {
		return err
	}
	for _, resource := range b.raw.(*tapiov1.StreamTracesResponse).GetResourceSpans() {
		if p.format == "json" || p.format == "yaml" {
			p.printMessage(p.format, resource)
			continue
		}
		p.printResource(resource)
	}
	return nil
}

// spanOrigin is where a span comes from.
type spanOrigin struct {
	resource *resourcev1.Resource
	scope    *commonv1.InstrumentationScope
}

func (o spanOrigin) service() string {
	return attribute(o.resource.GetAttributes(), semconv.ServiceName)
}

func (p *spanPrinter) printResource(resource *tracev1.ResourceSpans) {
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
func (p *spanPrinter) printCompact(service string, span *tracev1.Span) {
	outcome := spanOutcome(span)
	parts := []string{
		p.paint(dim, p.clock(span.GetStartTimeUnixNano())),
		padded(shortDuration(spanDuration(span)), 8),
		p.paint(outcome.paint, padded(outcome.text, 5)),
		p.paint(cyan, oneLine(orDash(service))),
		p.paint(bold, oneLine(orDash(span.GetName()))),
	}
	if message := span.GetStatus().GetMessage(); message != "" {
		parts = append(parts, p.paint(red, oneLine(message)))
	}
	parts = append(parts, p.paint(dim, "kind="+spanKind(span)))
	for _, kv := range span.GetAttributes() {
		parts = append(parts, p.paint(dim, labelText(kv)))
	}
	parts = append(parts, p.paint(dim, "trace="+hex.EncodeToString(span.GetTraceId())))
	p.write(strings.Join(parts, " ") + "\n")
}

func labelText(kv *commonv1.KeyValue) string {
	return oneLine(kv.GetKey()) + "=" + assigned(kv.GetValue())
}

func (p *spanPrinter) printTableRow(service string, span *tracev1.Span) {
	widths := []int{19, 8, 5, 8, 20, 32, 0}
	p.printHeadingOnce([]string{"START", "DURATION", "", "KIND", "SERVICE", "NAME", "TRACE"}, widths)
	p.printRow([]cell{
		{p.clock(span.GetStartTimeUnixNano()), dim},
		{shortDuration(spanDuration(span)), plain},
		spanOutcome(span),
		{spanKind(span), plain},
		{oneLine(orDash(service)), cyan},
		{oneLine(orDash(span.GetName())), bold},
		{hex.EncodeToString(span.GetTraceId()), dim},
	}, widths)
}

func spanOutcome(span *tracev1.Span) cell {
	switch span.GetStatus().GetCode() {
	case tracev1.Status_STATUS_CODE_ERROR:
		return cell{"ERROR", red}
	case tracev1.Status_STATUS_CODE_OK:
		return cell{"OK", green}
	default:
		return cell{"-", plain}
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
