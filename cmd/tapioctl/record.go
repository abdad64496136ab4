// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"strconv"
	"strings"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// recordBatch is one message of log records from whatever call.
type recordBatch struct {
	raw    proto.Message
	events []*tapiov1.Event
	loss   *tapiov1.Loss
}

// recordPrinter prints log records in one format.
type recordPrinter struct {
	*app
	format string
	headed bool
}

func newRecordFormat(value string) choice {
	return newChoice(value, "compact", "table", "dict", "json", "jsonpb")
}

// print prints a batch; what was lost comes before what was not.
func (p *recordPrinter) print(batch recordBatch) error {
	if batch.loss != nil {
		p.printLoss(batch.loss)
	}
	if p.format == "jsonpb" {
		return p.printRawJSON(batch.raw)
	}
	for _, event := range batch.events {
		p.printEvent(event)
	}
	return nil
}

func (p *recordPrinter) printEvent(event *tapiov1.Event) {
	switch p.format {
	case "json":
		p.printJSON(event)
	case "dict":
		p.printDict(event)
	case "table":
		p.printTableRow(event)
	default:
		p.printCompact(event)
	}
}

func (p *recordPrinter) printLoss(loss *tapiov1.Loss) {
	p.note("lost %s (sequence %d to %d): %s",
		plural(loss.GetCount(), "record"), loss.GetFirstSequence(), loss.GetLastSequence(), lossReason(loss.GetReason()))
	if p.format == "json" {
		p.write(string(appendJSON([]byte(`{"loss":`), loss)) + "}\n")
	}
}

func lossReason(reason tapiov1.Loss_Reason) string {
	switch reason {
	case tapiov1.Loss_REASON_READER_LAPPED:
		return "this reader was slower than the writers; narrow the selection"
	case tapiov1.Loss_REASON_EVICTED:
		return "the store had evicted them before the position asked for"
	case tapiov1.Loss_REASON_RATE_LIMITED:
		return "held back by the subscription's rate limit"
	default:
		return "the server does not say why"
	}
}

// printCompact prints one line: time, severity, service, event, body,
// attributes, trace.
func (p *recordPrinter) printCompact(event *tapiov1.Event) {
	record := event.GetLogRecord()
	parts := []string{
		p.paint(dim, p.clock(recordTime(record))),
		p.paint(severityColor(record.GetSeverityNumber()), padded(severity(record), 5)),
		p.paint(cyan, oneLine(orDash(service(event)))),
	}
	if name := record.GetEventName(); name != "" {
		parts = append(parts, p.paint(bold, oneLine(name)))
	}
	if body := valueText(record.GetBody()); body != "" {
		parts = append(parts, oneLine(body))
	}
	for _, kv := range record.GetAttributes() {
		parts = append(parts, p.paint(dim, oneLine(kv.GetKey())+"="+assigned(kv.GetValue())))
	}
	if id := record.GetTraceId(); len(id) > 0 {
		parts = append(parts, p.paint(dim, "trace="+hex.EncodeToString(id)))
	}
	p.write(strings.Join(parts, " ") + "\n")
}

// assigned quotes a value that would else run into the next one.
func assigned(v *commonv1.AnyValue) string {
	text := valueText(v)
	if text == "" || strings.ContainsAny(text, " \"=") {
		return strconv.Quote(text)
	}
	return oneLine(text)
}

// printTableRow uses fixed widths, for a live stream has no widest cell.
func (p *recordPrinter) printTableRow(event *tapiov1.Event) {
	widths := []int{19, 5, 20, 28, 0}
	if !p.headed {
		p.printHeading([]string{"TIME", "LEVEL", "SERVICE", "EVENT", "BODY"}, widths)
		p.headed = true
	}
	record := event.GetLogRecord()
	p.printRow([]cell{
		{p.clock(recordTime(record)), dim},
		{severity(record), severityColor(record.GetSeverityNumber())},
		{oneLine(orDash(service(event))), cyan},
		{oneLine(orDash(record.GetEventName())), plain},
		{oneLine(valueText(record.GetBody())), plain},
	}, widths)
}

// printDict prints everything, one line a field, and an empty line after.
func (p *recordPrinter) printDict(event *tapiov1.Event) {
	record := event.GetLogRecord()
	p.entry("time", p.fullTime(recordTime(record)))
	p.entry("severity", severity(record))
	p.entry("service", service(event))
	p.entry("event", record.GetEventName())
	p.entry("body", valueText(record.GetBody()))
	p.entry("id", event.GetId())
	p.entry("sequence", strconv.FormatUint(event.GetSequence(), 10))
	p.entry("trace_id", hex.EncodeToString(record.GetTraceId()))
	p.entry("span_id", hex.EncodeToString(record.GetSpanId()))
	p.entry("scope", event.GetScope().GetName())
	p.entries("attributes", record.GetAttributes())
	p.entries("resource", event.GetResource().GetAttributes())
	p.write("\n")
}

func (p *recordPrinter) entries(prefix string, attributes []*commonv1.KeyValue) {
	for _, kv := range attributes {
		p.entry(prefix+"."+kv.GetKey(), valueText(kv.GetValue()))
	}
}

func (p *recordPrinter) entry(key, value string) {
	if value != "" {
		p.write(p.paint(bold, oneLine(key)+":") + " " + oneLine(value) + "\n")
	}
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
		return oneLine(orDash(record.GetSeverityText()))
	}
	return [...]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}[(n-1)/4]
}

func service(event *tapiov1.Event) string {
	return attribute(event.GetResource().GetAttributes(), "service.name")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func padded(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-len([]rune(s))))
}
