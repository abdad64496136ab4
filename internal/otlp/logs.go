// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/tapio/tapio/internal/model"
)

// EventsFromLogs returns the log records in their order, nil for none. Records
// of one resource or scope share its pointer.
func EventsFromLogs(logs plog.Logs) []model.Event { return AppendEvents(nil, logs) }

// AppendEvents appends to events what EventsFromLogs returns. Only the events
// themselves are written there, not what they refer to.
func AppendEvents(events []model.Event, logs plog.Logs) []model.Event {
	records, attributes := countLogs(logs)
	events = slices.Grow(events, records)
	rows, memory := slabIn(events, records), newSlab[model.KeyValue](attributes)
	readLogs(logs, &rows, &memory)
	return events[:len(events)+records]
}

// readLogs fills rows with the records, and memory with their attributes.
func readLogs(logs plog.Logs, rows *slab[model.Event], memory *slab[model.KeyValue]) {
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

func readRecord(event *model.Event, record plog.LogRecord, memory *slab[model.KeyValue]) {
	readRecordHead(event, record)
	readRecordRest(event, record, memory)
}

func readRecordHead(event *model.Event, record plog.LogRecord) {
	event.Time = model.Nanos(record.Timestamp())
	event.ObservedTime = model.Nanos(record.ObservedTimestamp())
	event.SeverityText = record.SeverityText()
	event.SeverityNumber = int32(record.SeverityNumber())
	event.Name = record.EventName()
	event.TraceID = model.TraceID(record.TraceID())
	event.SpanID = model.SpanID(record.SpanID())
	event.Flags = uint32(record.Flags())
	event.DroppedAttributes = record.DroppedAttributesCount()
}

func readRecordRest(event *model.Event, record plog.LogRecord, memory *slab[model.KeyValue]) {
	fillValue(&event.Body, record.Body(), maxNesting)
	event.Attributes = attributesFrom(record.Attributes(), memory)
}

// LogsFromEvents returns log records in the order of the events. Neighbours of
// the same resource or scope, by pointer or by content, stand under one. An
// event without a resource or scope stands under an empty one. Seq and ID have
// no place in OTLP and are left out.
func LogsFromEvents(events []model.Event) plog.Logs {
	logs := plog.NewLogs()
	for len(events) > 0 {
		n := run(events, func(a, b *model.Event) bool { return sameResource(a.Resource, b.Resource) })
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

func putEventsOfResource(to plog.ResourceLogs, events []model.Event) {
	if resource := events[0].Resource; resource != nil {
		putResource(to.Resource(), resource)
		to.SetSchemaUrl(resource.SchemaURL)
	}
	for len(events) > 0 {
		n := run(events, func(a, b *model.Event) bool { return sameScope(a.Scope, b.Scope) })
		putEventsOfScope(to.ScopeLogs().AppendEmpty(), events[:n])
		events = events[n:]
	}
}

func putEventsOfScope(to plog.ScopeLogs, events []model.Event) {
	if scope := events[0].Scope; scope != nil {
		putScope(to.Scope(), scope)
		to.SetSchemaUrl(scope.SchemaURL)
	}
	to.LogRecords().EnsureCapacity(len(events))
	for i := range events {
		putRecord(to.LogRecords().AppendEmpty(), &events[i])
	}
}

func putRecord(record plog.LogRecord, event *model.Event) {
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
// is a *model.FieldError for the field "payload".
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

func notARequest(why string) *model.FieldError {
	return model.InvalidField("payload", "is not an ExportLogsServiceRequest of OTLP (%s): "+
		"send one serialized as protobuf, and name its compression if it has one", why)
}

// MarshalEvents encodes log records as an ExportLogsServiceRequest.
func MarshalEvents(events []model.Event) ([]byte, error) {
	return plogotlp.NewExportRequestFromLogs(LogsFromEvents(events)).MarshalProto()
}

// UnmarshalEvents reads what MarshalEvents wrote.
func UnmarshalEvents(data []byte) ([]model.Event, error) {
	logs, err := LogsFromPayload(data)
	if err != nil {
		return nil, err
	}
	return EventsFromLogs(logs), nil
}
