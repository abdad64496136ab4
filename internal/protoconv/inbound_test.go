// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func kv(key, value string) *commonv1.KeyValue {
	return &commonv1.KeyValue{Key: key, Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: value}}}
}

func inbound(t testing.TB, batch *tapiov1.EventBatch) *Inbound {
	t.Helper()
	data, err := proto.Marshal(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: batch}})
	require.NoError(t, err)
	in, other, err := ParseStreamRequest(data)
	require.NoError(t, err)
	require.Nil(t, other)
	return in
}

func plainBatch() *tapiov1.EventBatch {
	a := &resourcev1.Resource{Attributes: []*commonv1.KeyValue{kv("service.name", "a")}}
	scope := &commonv1.InstrumentationScope{Name: "s", Version: "1"}
	record := func(body string) *logsv1.LogRecord {
		return &logsv1.LogRecord{
			TimeUnixNano: 7, SeverityNumber: 9, Body: kv("", body).Value, EventName: "e.v",
			Attributes: []*commonv1.KeyValue{kv("k", "v")}, TraceId: make([]byte, 16), SpanId: make([]byte, 8),
		}
	}
	return &tapiov1.EventBatch{BatchId: "b", Sequence: 3, Events: []*tapiov1.Event{
		{LogRecord: record("1"), Resource: a, Scope: scope, ResourceSchemaUrl: "r", ScopeSchemaUrl: "s"},
		{LogRecord: record("2"), Resource: a, Scope: scope, ResourceSchemaUrl: "r", ScopeSchemaUrl: "s", Id: "two"},
		{LogRecord: record("3"), Resource: a},
		{LogRecord: record("4")},
		{LogRecord: record("5"), Resource: a, Scope: scope},
		{LogRecord: &logsv1.LogRecord{}},
	}}
}

func TestEventsBecomeAPayload(t *testing.T) {
	in := inbound(t, plainBatch())
	assert.Equal(t, 6, in.Events())
	assert.Equal(t, "b", in.Batch.GetBatchId())
	assert.Empty(t, in.Batch.GetEvents())
	payload, ok := new(Transcoder).Payload(in)
	require.True(t, ok)
	var request collogs.ExportLogsServiceRequest
	require.NoError(t, proto.Unmarshal(payload, &request))
	var bodies []string
	for _, r := range request.GetResourceLogs() {
		for _, s := range r.GetScopeLogs() {
			for _, record := range s.GetLogRecords() {
				bodies = append(bodies, record.GetBody().GetStringValue())
			}
		}
	}
	assert.Equal(t, []string{"1", "2", "3", "4", "5", ""}, bodies, "the order is kept")
	assert.Len(t, request.GetResourceLogs(), 5, "neighbours of one resource share it")
	first := request.GetResourceLogs()[0]
	assert.Equal(t, "r", first.GetSchemaUrl())
	require.Len(t, first.GetScopeLogs(), 1)
	assert.Equal(t, "s", first.GetScopeLogs()[0].GetSchemaUrl())
	second := first.GetScopeLogs()[0].GetLogRecords()[1]
	requireSame(t, kv("log.record.uid", "two"), second.GetAttributes()[1])
}

func TestWhatIsNotPlainIsDecoded(t *testing.T) {
	deep := &commonv1.AnyValue{Value: &commonv1.AnyValue_ArrayValue{ArrayValue: &commonv1.ArrayValue{}}}
	for name, event := range map[string]*tapiov1.Event{
		"no record":        {},
		"bad trace id":     {LogRecord: &logsv1.LogRecord{TraceId: []byte{1}}},
		"bad span id":      {LogRecord: &logsv1.LogRecord{SpanId: []byte{1}}},
		"bad severity":     {LogRecord: &logsv1.LogRecord{SeverityNumber: 25}},
		"negative":         {LogRecord: &logsv1.LogRecord{SeverityNumber: -1}},
		"bad id":           {LogRecord: &logsv1.LogRecord{}, Id: "\x01"},
		"an id of its own": {LogRecord: &logsv1.LogRecord{Attributes: []*commonv1.KeyValue{kv("log.record.uid", "x")}}, Id: "y"},
		"array body":       {LogRecord: &logsv1.LogRecord{Body: deep}},
		"array attribute":  {LogRecord: &logsv1.LogRecord{Attributes: []*commonv1.KeyValue{{Key: "k", Value: deep}}}},
		"index":            {LogRecord: &logsv1.LogRecord{Attributes: []*commonv1.KeyValue{{KeyStrindex: 3}}}},
		"array of resource": {LogRecord: &logsv1.LogRecord{}, Resource: &resourcev1.Resource{
			Attributes: []*commonv1.KeyValue{{Key: "k", Value: deep}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, ok := new(Transcoder).Payload(inbound(t, &tapiov1.EventBatch{Events: []*tapiov1.Event{event}}))
			assert.False(t, ok)
		})
	}
}

func TestParseStreamRequest(t *testing.T) {
	event := &tapiov1.Event{Id: "one", LogRecord: &logsv1.LogRecord{EventName: "e"}}
	data, err := proto.Marshal(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Event{Event: event}})
	require.NoError(t, err)
	in, _, err := ParseStreamRequest(data)
	require.NoError(t, err)
	assert.True(t, in.Single)
	assert.Equal(t, "one", in.Batch.GetBatchId())
	events, _, err := in.Decode("event")
	require.NoError(t, err)
	assert.Equal(t, "e", events[0].Name)

	data, err = proto.Marshal(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Control{
		Control: &tapiov1.StreamControl{Action: tapiov1.StreamControl_ACTION_PAUSE},
	}})
	require.NoError(t, err)
	in, message, err := ParseStreamRequest(data)
	require.NoError(t, err)
	assert.Nil(t, in)
	assert.Equal(t, tapiov1.StreamControl_ACTION_PAUSE, message.GetControl().GetAction())

	for _, garbage := range []string{"\xff", "\x12\x05a", "\x12\x02\x12\x7f"} {
		_, _, err = ParseStreamRequest([]byte(garbage))
		require.Error(t, err, "%q", garbage)
	}
}

// Whatever comes in, the quick way and the slow one return the same.
func FuzzInbound(f *testing.F) {
	for _, batch := range []*tapiov1.EventBatch{plainBatch(), everyKind()} {
		data, err := proto.Marshal(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: batch}})
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in, _, err := ParseStreamRequest(data)
		if err != nil || in == nil {
			return
		}
		payload, ok := new(Transcoder).Payload(in)
		if !ok {
			return
		}
		var request collogs.ExportLogsServiceRequest
		require.NoError(t, proto.Unmarshal(payload, &request), "a plain batch makes a sound payload")
		events, failures, err := in.Decode("batch")
		if err != nil { // the envelope, which a Transcoder does not look at
			require.NotNil(t, in.Check("batch"))
			return
		}
		assert.Empty(t, failures)
		assert.Equal(t, texts(t, events), texts(t, eventsOfRequest(t, &request)))
	})
}

// everyKind is an event with each kind of single value, and every field.
func everyKind() *tapiov1.EventBatch {
	record := &logsv1.LogRecord{
		TimeUnixNano: 1, ObservedTimeUnixNano: 2, SeverityNumber: 24, SeverityText: "ä", EventName: "e", Flags: 1, DroppedAttributesCount: 2,
		Attributes: []*commonv1.KeyValue{
			{Key: "n", Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_IntValue{IntValue: -1}}},
			{Key: "d", Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_DoubleValue{DoubleValue: 0.5}}},
			{Key: "b", Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_BoolValue{BoolValue: true}}},
			{Key: "raw", Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_BytesValue{BytesValue: []byte{0, 255}}}},
			{Key: "none"},
		},
	}
	origin := &resourcev1.Resource{Attributes: record.Attributes, DroppedAttributesCount: 3}
	scope := &commonv1.InstrumentationScope{Name: "s", Attributes: record.Attributes, DroppedAttributesCount: 4}
	return &tapiov1.EventBatch{Events: []*tapiov1.Event{
		{Id: "one", LogRecord: record, Resource: origin, Scope: scope}, {LogRecord: record, Resource: origin, Scope: scope},
	}}
}

// eventsOfRequest reads an OTLP request as the slow way reads events.
func eventsOfRequest(t *testing.T, request *collogs.ExportLogsServiceRequest) (events []model.Event) {
	t.Helper()
	for _, ofResource := range request.GetResourceLogs() {
		for _, ofScope := range ofResource.GetScopeLogs() {
			for _, record := range ofScope.GetLogRecords() {
				event, err := EventFromProto(&tapiov1.Event{
					LogRecord: record, Resource: ofResource.GetResource(), ResourceSchemaUrl: ofResource.GetSchemaUrl(),
					Scope: ofScope.GetScope(), ScopeSchemaUrl: ofScope.GetSchemaUrl(),
				}, "")
				require.NoError(t, err)
				events = append(events, event)
			}
		}
	}
	return events
}

// texts distinguishes events by what they hold, bit by bit, but for the id, which
// stands among the attributes too.
func texts(t *testing.T, events []model.Event) []string {
	t.Helper()
	list := make([]string, len(events))
	for i := range events {
		events[i].ID = ""
		message := Event(&events[i])
		message.Id = ""
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		require.NoError(t, err)
		list[i] = string(data)
	}
	return list
}

func BenchmarkTranscoder(b *testing.B) {
	batch := &tapiov1.EventBatch{}
	for range 200 {
		batch.Events = append(batch.Events, plainBatch().GetEvents()[:5]...)
	}
	in := inbound(b, batch)
	var transcoder Transcoder
	b.ReportAllocs()
	for b.Loop() {
		transcoder.Payload(in)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
}
