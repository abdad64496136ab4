// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Event makes the message of one log record.
func Event(e *model.Event) *tapiov1.Event { return event(e, newOrigins()) }

// Events makes the messages of log records; records of one resource or scope
// share its message.
func Events(events []model.Event) []*tapiov1.Event {
	shared := newOrigins()
	out := make([]*tapiov1.Event, len(events))
	for i := range events {
		out[i] = event(&events[i], shared)
	}
	return out
}

func event(e *model.Event, shared origins) *tapiov1.Event {
	return &tapiov1.Event{
		Id:                e.ID,
		LogRecord:         logRecord(e),
		Resource:          shared.resource(e.Resource),
		ResourceSchemaUrl: resourceURL(e.Resource),
		Scope:             shared.scope(e.Scope),
		ScopeSchemaUrl:    scopeURL(e.Scope),
		Sequence:          e.Seq,
	}
}

func logRecord(e *model.Event) *logsv1.LogRecord {
	return &logsv1.LogRecord{
		TimeUnixNano:           uint64(e.Time),
		ObservedTimeUnixNano:   uint64(e.ObservedTime),
		SeverityNumber:         logsv1.SeverityNumber(e.SeverityNumber),
		SeverityText:           e.SeverityText,
		Body:                   body(e.Body),
		Attributes:             keyValues(e.Attributes),
		DroppedAttributesCount: e.DroppedAttributes,
		Flags:                  e.Flags,
		TraceId:                traceIDBytes(e.TraceID),
		SpanId:                 spanIDBytes(e.SpanID),
		EventName:              e.Name,
	}
}

func body(v model.Value) *commonv1.AnyValue {
	if v.Kind() == model.KindEmpty {
		return nil
	}
	return anyValue(v)
}

func traceIDBytes(id model.TraceID) []byte {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

func spanIDBytes(id model.SpanID) []byte {
	if id.IsZero() {
		return nil
	}
	return id[:]
}
