// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/hex"
	"strconv"
	"strings"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"

	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// RecordPrinter prints log records in one format.
type RecordPrinter struct{ StreamPrinter }

// NewRecordPrinter prints log records in the format.
func NewRecordPrinter(o *Output, format string) *RecordPrinter {
	return &RecordPrinter{StreamPrinter{Output: o, format: format}}
}

// Print implements Printer.
func (p *RecordPrinter) Print(b Batch) error {
	if done, err := p.printShared(b); done {
		return err
	}
	for _, event := range b.Events {
		p.printEvent(event)
	}
	return nil
}

func (p *RecordPrinter) printEvent(event *tapiov1.Event) {
	switch p.format {
	case "json", "yaml":
		p.PrintMessage(p.format, event)
	case "dict":
		p.printDict(event)
	case "table":
		p.printTableRow(event)
	default:
		p.printCompact(event)
	}
}

// printCompact prints one line: time, severity, service, event, body,
// attributes, trace.
func (p *RecordPrinter) printCompact(event *tapiov1.Event) {
	record := event.GetLogRecord()
	parts := []string{
		p.Paint(Dim, p.shortTime(recordTime(record))),
		p.Paint(severityColor(record.GetSeverityNumber()), padded(severity(record), 5)),
		p.Paint(Cyan, OneLine(OrDash(service(event)))),
	}
	if name := record.GetEventName(); name != "" {
		parts = append(parts, p.Paint(Bold, OneLine(name)))
	}
	if body := ValueText(record.GetBody()); body != "" {
		parts = append(parts, OneLine(body))
	}
	for _, kv := range record.GetAttributes() {
		parts = append(parts, p.Paint(Dim, labelText(kv)))
	}
	if id := record.GetTraceId(); len(id) > 0 {
		parts = append(parts, p.Paint(Dim, "trace="+hex.EncodeToString(id)))
	}
	p.WriteText(strings.Join(parts, " ") + "\n")
}

// maxInline is how many bytes of a value are shown on the line of a record: the
// evidence of a finding, for example, has many KiB. -o json has all.
const maxInline = 256

// assigned shortens a value that is long, and quotes one that would run into the
// next one.
func assigned(v *commonv1.AnyValue) string {
	text := ValueText(v)
	if len(text) > maxInline {
		short := strings.ToValidUTF8(text[:maxInline], "")
		return strconv.Quote(short) + "...(" + Size(uint64(len(text))) + ")"
	}
	if text == "" || strings.ContainsAny(text, " \"=") {
		return strconv.Quote(text)
	}
	return OneLine(text)
}

// printTableRow prints what fits one line.
func (p *RecordPrinter) printTableRow(event *tapiov1.Event) {
	widths := []int{19, 5, 20, 28, 0}
	p.printHeadingOnce([]string{"TIME", "LEVEL", "SERVICE", "EVENT", "BODY"}, widths)
	record := event.GetLogRecord()
	p.printRow([]Cell{
		{p.shortTime(recordTime(record)), Dim},
		{severity(record), severityColor(record.GetSeverityNumber())},
		{OneLine(OrDash(service(event))), Cyan},
		{OneLine(OrDash(record.GetEventName())), Plain},
		{OneLine(ValueText(record.GetBody())), Plain},
	}, widths)
}

// printDict prints everything, one line a field, and an empty line after.
func (p *RecordPrinter) printDict(event *tapiov1.Event) {
	record := event.GetLogRecord()
	p.entry("time", p.fullTime(recordTime(record)))
	p.entry("severity", severity(record))
	p.entry("service", service(event))
	p.entry("event", record.GetEventName())
	p.entry("body", ValueText(record.GetBody()))
	p.entry("id", event.GetId())
	p.entry("sequence", strconv.FormatUint(event.GetSequence(), 10))
	p.entry("trace_id", hex.EncodeToString(record.GetTraceId()))
	p.entry("span_id", hex.EncodeToString(record.GetSpanId()))
	p.entry("scope", event.GetScope().GetName())
	p.entries("attributes", record.GetAttributes())
	p.entries("resource", event.GetResource().GetAttributes())
	p.WriteText("\n")
}

// recordTime is the time of occurrence or, without one, that of observation.
func recordTime(record *logsv1.LogRecord) uint64 {
	if t := record.GetTimeUnixNano(); t != 0 {
		return t
	}
	return record.GetObservedTimeUnixNano()
}

// severity is the class of the severity number, so that records of all sources
// read alike.
func severity(record *logsv1.LogRecord) string {
	n := record.GetSeverityNumber()
	if n < 1 || n > 24 {
		return OneLine(OrDash(record.GetSeverityText()))
	}
	return [...]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}[(n-1)/4]
}

func service(event *tapiov1.Event) string {
	return attribute(event.GetResource().GetAttributes(), semconv.ServiceName)
}

// OrDash is the text, or "-" for none.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func padded(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-len([]rune(s))))
}
