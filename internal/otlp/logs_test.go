// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/model"
)

// fullLogs sets every field of one record.
func fullLogs() plog.Logs {
	logs := plog.NewLogs()
	ofResource := logs.ResourceLogs().AppendEmpty()
	fullResource(ofResource.Resource())
	ofResource.SetSchemaUrl("https://example.com/resource")
	ofScope := ofResource.ScopeLogs().AppendEmpty()
	fullScope(ofScope.Scope())
	ofScope.SetSchemaUrl("https://example.com/scope")
	record := ofScope.LogRecords().AppendEmpty()
	record.SetTimestamp(11)
	record.SetObservedTimestamp(12)
	record.SetSeverityNumber(plog.SeverityNumberWarn2)
	record.SetSeverityText("careful")
	record.SetEventName("disk.full")
	record.Body().SetEmptySlice().AppendEmpty().SetEmptyBytes().FromRaw([]byte("ab"))
	record.Attributes().PutStr(model.UIDKey, "uid-1")
	record.Attributes().PutEmptyBytes("raw").FromRaw([]byte{1, 2})
	record.SetTraceID([16]byte{1})
	record.SetSpanID([8]byte{2})
	record.SetFlags(0x101)
	record.SetDroppedAttributesCount(5)
	return logs
}

func wantEvent() model.Event {
	return model.Event{
		Time:           11,
		ObservedTime:   12,
		SeverityNumber: 14,
		SeverityText:   "careful",
		Name:           "disk.full",
		Body:           model.ArrayValue(model.BytesValue([]byte("ab"))),
		Attributes: model.Attributes{
			{Key: model.UIDKey, Value: model.StringValue("uid-1")},
			{Key: "raw", Value: model.BytesValue([]byte{1, 2})},
		},
		Resource:          wantResource(),
		Scope:             wantScope(),
		TraceID:           model.TraceID{1},
		SpanID:            model.SpanID{2},
		Flags:             0x101,
		DroppedAttributes: 5,
	}
}

func TestEventsFromLogsReadsEveryField(t *testing.T) {
	require.Equal(t, []model.Event{wantEvent()}, EventsFromLogs(fullLogs()))
}

func TestLogsFromEventsWritesEveryField(t *testing.T) {
	require.Equal(t, marshalLogs(t, fullLogs()), marshalLogs(t, LogsFromEvents([]model.Event{wantEvent()})))
}

func TestRecordBringsItsUID(t *testing.T) {
	events := EventsFromLogs(fullLogs())
	require.Len(t, events, 1)
	require.Equal(t, "uid-1", events[0].UID())
}

func TestEventsShareTheirOrigin(t *testing.T) {
	logs := fullLogs()
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.AppendEmpty()
	other := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	other.LogRecords().AppendEmpty()

	events := EventsFromLogs(logs)
	require.Len(t, events, 3)
	assert.Same(t, events[0].Resource, events[1].Resource)
	assert.Same(t, events[0].Scope, events[1].Scope)
	assert.Equal(t, &model.Resource{}, events[2].Resource)
	assert.Equal(t, &model.Scope{}, events[2].Scope)
}

func TestLogsFromEventsGroupsNeighbours(t *testing.T) {
	events := []model.Event{
		{Name: "1", Resource: wantResource(), Scope: wantScope()},
		{Name: "2", Resource: wantResource(), Scope: wantScope()},
		{Name: "3", Resource: wantResource(), Scope: &model.Scope{Name: "other"}},
		{Name: "4"},
		{Name: "5", Resource: wantResource(), Scope: wantScope()},
	}
	logs := LogsFromEvents(events)

	var shape [][]int
	for _, ofResource := range logs.ResourceLogs().All() {
		var scopes []int
		for _, ofScope := range ofResource.ScopeLogs().All() {
			scopes = append(scopes, ofScope.LogRecords().Len())
		}
		shape = append(shape, scopes)
	}
	assert.Equal(t, [][]int{{2, 1}, {1}, {1}}, shape)

	var names string
	for _, event := range EventsFromLogs(logs) {
		names += event.Name
	}
	assert.Equal(t, "12345", names)
}

func TestOriginsThatDifferStayApart(t *testing.T) {
	resources := map[string]func(*model.Resource){
		"attributes":       func(r *model.Resource) { r.Attributes = nil },
		"schema URL":       func(r *model.Resource) { r.SchemaURL = "" },
		"dropped":          func(r *model.Resource) { r.DroppedAttributes++ },
		"entity refs":      func(r *model.Resource) { r.EntityRefs = nil },
		"entity type":      func(r *model.Resource) { r.EntityRefs[0].Type = "" },
		"entity schema":    func(r *model.Resource) { r.EntityRefs[0].SchemaURL = "" },
		"id keys":          func(r *model.Resource) { r.EntityRefs[0].IDKeys = nil },
		"description keys": func(r *model.Resource) { r.EntityRefs[0].DescriptionKeys = nil },
	}
	for name, change := range resources {
		r := wantResource()
		change(r)
		assert.False(t, sameResource(wantResource(), r), name)
	}
	scopes := map[string]func(*model.Scope){
		"name":       func(s *model.Scope) { s.Name = "" },
		"version":    func(s *model.Scope) { s.Version = "" },
		"schema URL": func(s *model.Scope) { s.SchemaURL = "" },
		"attributes": func(s *model.Scope) { s.Attributes = nil },
		"dropped":    func(s *model.Scope) { s.DroppedAttributes++ },
	}
	for name, change := range scopes {
		s := wantScope()
		change(s)
		assert.False(t, sameScope(wantScope(), s), name)
	}
}

func TestLogsFromPayload(t *testing.T) {
	payload := marshalLogs(t, fullLogs())
	logs, err := LogsFromPayload(payload)
	require.NoError(t, err)
	require.Equal(t, []model.Event{wantEvent()}, EventsFromLogs(logs))

	clear(payload)
	require.Equal(t, []model.Event{wantEvent()}, EventsFromLogs(logs), "the logs must not lean on the payload")
}

func TestLogsFromPayloadSaysWhatIsWrong(t *testing.T) {
	gzip := []byte{0x1f, 0x8b, 0x08, 0x00}
	_, err := LogsFromPayload(gzip)
	var fault *model.FieldError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, "payload", fault.Field)
	assert.Contains(t, fault.Problem, "ExportLogsServiceRequest")
	assert.Contains(t, fault.Problem, "compression")
}
