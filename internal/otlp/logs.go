// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/tapio/tapio/internal/tapio"
)

// EventsFromLogs returns the log records in their order, nil for none. Records
// of one resource or scope share its pointer.
func EventsFromLogs(logs plog.Logs) []tapio.Event { return AppendEvents(nil, logs) }

// AppendEvents appends to events what EventsFromLogs returns. Only the events
// themselves are written there, not what they refer to.
func AppendEvents(events []tapio.Event, logs plog.Logs) []tapio.Event {
	records, attributes := countLogs(logs)
	events = slices.Grow(events, records)
	rows, memory := slabIn(events, records), newSlab[tapio.KeyValue](attributes)
	readLogs(logs, &rows, &memory)
	return events[:len(events)+records]
}

// readLogs fills rows with the records, and memory with their attributes.
func readLogs(logs plog.Logs, rows *slab[tapio.Event], memory *slab[tapio.KeyValue]) {
	for _, ofResource := range logs.ResourceLogs().All() {
		resource := resourceFrom(ofResource.Resource(), ofResource.SchemaUrl())
		for _, ofScope := range ofResource.ScopeLogs().All() {
			scope := scopeFrom(ofScope.Scope(), ofScope.SchemaUrl())
			for _, record := range ofScope.LogRecords().All() {
				event := rows.one()
				event.Resource, event.Scope = resource, scope
				readRecord(event, record, memory)
			}
		}
	}
}

// countLogs returns how many records and attributes of records there are.
func countLogs(logs plog.Logs) (records, attributes int) {
	for _, ofResource := range logs.ResourceLogs().All() {
		for _, ofScope := range ofResource.ScopeLogs().All() {
			records += ofScope.LogRecords().Len()
			for _, record := range ofScope.LogRecords().All() {
				attributes += record.Attributes().Len()
			}
		}
	}
	return records, attributes
}

func readRecord(event *tapio.Event, record plog.LogRecord, memory *slab[tapio.KeyValue]) {
	readRecordHead(event, record)
	readRecordRest(event, record, memory)
}

func readRecordHead(event *tapio.Event, record plog.LogRecord) {
	event.Time = tapio.Nanos(record.Timestamp())
	event.ObservedTime = tapio.Nanos(record.ObservedTimestamp())
	event.SeverityText = record.SeverityText()
	event.SeverityNumber = int32(record.SeverityNumber())
	event.Name = record.EventName()
	event.TraceID = tapio.TraceID(record.TraceID())
	event.SpanID = tapio.SpanID(record.SpanID())
	event.Flags = uint32(record.Flags())
	event.DroppedAttributes = record.DroppedAttributesCount()
}

func readRecordRest(event *tapio.Event, record plog.LogRecord, memory *slab[tapio.KeyValue]) {
	fillValue(&event.Body, record.Body(), maxNesting)
	event.Attributes = attributesFrom(record.Attributes(), memory)
}

// LogsFromEvents returns log records in the order of the events. Neighbours of
// the same resource or scope, by pointer or by content, stand under one. An
// event without a resource or scope stands under an empty one. Seq and ID have
// no place in OTLP and are left out.
func LogsFromEvents(events []tapio.Event) plog.Logs {
	logs := plog.NewLogs()
	for len(events) > 0 {
		n := run(events, func(a, b *tapio.Event) bool { return sameResource(a.Resource, b.Resource) })
		putEventsOfResource(logs.ResourceLogs().AppendEmpty(), events[:n])
		events = events[n:]
	}
	return logs
}

// run returns the length of the longest prefix whose rows are the same as the
// first; rows is not empty.
func run[T any](rows []T, same func(a, b *T) bool) int {
	n := 1
	for n < len(rows) && same(&rows[0], &rows[n]) {
		n++
	}
	return n
}

func putEventsOfResource(to plog.ResourceLogs, events []tapio.Event) {
	if resource := events[0].Resource; resource != nil {
		putResource(to.Resource(), resource)
		to.SetSchemaUrl(resource.SchemaURL)
	}
	for len(events) > 0 {
		n := run(events, func(a, b *tapio.Event) bool { return sameScope(a.Scope, b.Scope) })
		putEventsOfScope(to.ScopeLogs().AppendEmpty(), events[:n])
		events = events[n:]
	}
}

func putEventsOfScope(to plog.ScopeLogs, events []tapio.Event) {
	if scope := events[0].Scope; scope != nil {
		putScope(to.Scope(), scope)
		to.SetSchemaUrl(scope.SchemaURL)
	}
	to.LogRecords().EnsureCapacity(len(events))
	for i := range events {
		putRecord(to.LogRecords().AppendEmpty(), &events[i])
	}
}

func putRecord(record plog.LogRecord, event *tapio.Event) {
	record.SetTimestamp(pcommon.Timestamp(event.Time))
	record.SetObservedTimestamp(pcommon.Timestamp(event.ObservedTime))
	record.SetSeverityText(event.SeverityText)
	record.SetSeverityNumber(plog.SeverityNumber(event.SeverityNumber))
	record.SetEventName(event.Name)
	putValue(record.Body(), event.Body)
	putAttributes(record.Attributes(), event.Attributes)
	record.SetTraceID(pcommon.TraceID(event.TraceID))
	record.SetSpanID(pcommon.SpanID(event.SpanID))
	record.SetFlags(plog.LogRecordFlags(event.Flags))
	record.SetDroppedAttributesCount(event.DroppedAttributes)
}

// LogsFromPayload reads a serialized, uncompressed OTLP
// ExportLogsServiceRequest. No bytes are a request without records. The error
// is a *tapio.FieldError for the field "payload".
func LogsFromPayload(payload []byte) (plog.Logs, error) {
	if logs, ok := plainLogs(payload); ok {
		return logs, nil
	}
	if err := checkNesting(payload); err != nil {
		return plog.Logs{}, err
	}
	request := plogotlp.NewExportRequest()
	if err := request.UnmarshalProto(payload); err != nil {
		return plog.Logs{}, notARequest(err.Error())
	}
	return request.Logs(), nil
}

func notARequest(why string) *tapio.FieldError {
	return tapio.InvalidField("payload", "is not an ExportLogsServiceRequest of OTLP (%s): "+
		"send one serialized as protobuf, and name its compression if it has one", why)
}
