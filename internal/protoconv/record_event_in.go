// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"slices"

	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	maxIDBytes  = 128
	maxSeverity = 24
)

// EventFromProto reads an event that a client writes; field is its path in the
// request. The id, if there is one, becomes the attribute log.record.uid in
// place of the one the record brought. The sequence is not read: the store gives
// it.
func EventFromProto(e *tapiov1.Event, field string) (model.Event, error) {
	out, err := eventFrom(e)
	if err != nil {
		return model.Event{}, within(field, err)
	}
	return out, nil
}

func eventFrom(e *tapiov1.Event) (model.Event, error) {
	if e.GetLogRecord() == nil {
		return model.Event{}, model.InvalidField("log_record", "is required")
	}
	if err := checkID(e.GetId()); err != nil {
		return model.Event{}, err
	}
	out, err := logRecordFrom(e.GetLogRecord())
	if err != nil {
		return out, within("log_record", err)
	}
	if out.Resource, err = resourceFrom(e.GetResource(), e.GetResourceSchemaUrl()); err != nil {
		return out, err
	}
	if out.Scope, err = scopeFrom(e.GetScope(), e.GetScopeSchemaUrl()); err != nil {
		return out, err
	}
	if id := e.GetId(); id != "" {
		out.ID = id
		out.Attributes = withUID(out.Attributes, id)
	}
	return out, nil
}

func checkID(id string) error {
	if len(id) > maxIDBytes {
		return model.InvalidField("id", "has %d bytes, the most is %d", len(id), maxIDBytes)
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return model.InvalidField("id", "byte %d is not printable ASCII: use 0x20 to 0x7e", i)
		}
	}
	return nil
}

// withUID sets log.record.uid in attributes, which the caller owns.
func withUID(attributes model.Attributes, id string) model.Attributes {
	uid := model.KeyValue{Key: model.UIDKey, Value: model.StringValue(id)}
	i := slices.IndexFunc(attributes, func(kv model.KeyValue) bool { return kv.Key == model.UIDKey })
	if i < 0 {
		return append(attributes, uid)
	}
	attributes[i] = uid
	return attributes
}

func logRecordFrom(r *logsv1.LogRecord) (model.Event, error) {
	out := model.Event{
		Time:              model.Nanos(r.GetTimeUnixNano()),
		ObservedTime:      model.Nanos(r.GetObservedTimeUnixNano()),
		SeverityText:      r.GetSeverityText(),
		Name:              r.GetEventName(),
		SeverityNumber:    int32(r.GetSeverityNumber()),
		Flags:             r.GetFlags(),
		DroppedAttributes: r.GetDroppedAttributesCount(),
	}
	if out.SeverityNumber < 0 || out.SeverityNumber > maxSeverity {
		return out, model.InvalidField("severity_number", "must be 0 to %d, is %d", maxSeverity, out.SeverityNumber)
	}
	if err := copyID("trace_id", out.TraceID[:], r.GetTraceId()); err != nil {
		return out, err
	}
	if err := copyID("span_id", out.SpanID[:], r.GetSpanId()); err != nil {
		return out, err
	}
	var err error
	if out.Body, err = valueFrom(r.GetBody(), 0); err != nil {
		return out, within("body", err)
	}
	out.Attributes, err = attributesFrom(r.GetAttributes())
	return out, err
}

func copyID(field string, to, id []byte) error {
	if len(id) != 0 && len(id) != len(to) {
		return model.InvalidField(field, "must have %d bytes or none, has %d", len(to), len(id))
	}
	copy(to, id)
	return nil
}
