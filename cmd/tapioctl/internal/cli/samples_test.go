// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/hex"
	"time"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const sampleTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

func text(s string) *commonv1.AnyValue {
	return &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: s}}
}

func integer(n int64) *commonv1.AnyValue {
	return &commonv1.AnyValue{Value: &commonv1.AnyValue_IntValue{IntValue: n}}
}

func pair(key string, value *commonv1.AnyValue) *commonv1.KeyValue {
	return &commonv1.KeyValue{Key: key, Value: value}
}

func resourceOf(service string) *resourcev1.Resource {
	return &resourcev1.Resource{Attributes: []*commonv1.KeyValue{pair("service.name", text(service))}}
}

func nanosBefore(d time.Duration) uint64 { return uint64(testNow().Add(-d).UnixNano()) }

// sampleLog is a plain log line with the sequence.
func sampleLog(sequence uint64, body string) *tapiov1.Event {
	return &tapiov1.Event{
		Id: "log-" + body, Sequence: sequence, Resource: resourceOf("cart"),
		LogRecord: &logsv1.LogRecord{
			TimeUnixNano:   nanosBefore(time.Duration(100-sequence) * time.Second),
			SeverityNumber: logsv1.SeverityNumber_SEVERITY_NUMBER_INFO,
			Body:           text(body),
		},
	}
}

// sampleEvent has all that a record can have, and a body that attacks the
// terminal.
func sampleEvent() *tapiov1.Event {
	traceID, _ := hex.DecodeString(sampleTrace)
	return &tapiov1.Event{
		Id: "event-1", Sequence: 42, Resource: resourceOf("checkout"),
		Scope: &commonv1.InstrumentationScope{Name: "payments"},
		LogRecord: &logsv1.LogRecord{
			ObservedTimeUnixNano: nanosBefore(time.Minute),
			SeverityNumber:       logsv1.SeverityNumber_SEVERITY_NUMBER_ERROR2,
			EventName:            "payment.declined",
			Body:                 text("card refused\n\x1b[2J<no funds>"),
			Attributes: []*commonv1.KeyValue{
				pair("attempt", integer(3)),
				pair("reason", text("no funds")),
				pair("codes", &commonv1.AnyValue{Value: &commonv1.AnyValue_ArrayValue{
					ArrayValue: &commonv1.ArrayValue{Values: []*commonv1.AnyValue{integer(51), text("x")}},
				}}),
			},
			TraceId: traceID,
			SpanId:  []byte{0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
		},
	}
}

func sampleHealth(status tapiov1.HealthCheckResponse_Status) *tapiov1.HealthCheckResponse {
	return &tapiov1.HealthCheckResponse{
		Status: status,
		Components: []*tapiov1.HealthCheckResponse_Component{
			{Name: "pipelines", Status: status, Message: "wait for the receivers"},
			{Name: "store", Status: tapiov1.HealthCheckResponse_STATUS_SERVING},
		},
	}
}

func sampleInfo() (*tapiov1.GetServiceInfoResponse, error) {
	return &tapiov1.GetServiceInfoResponse{
		Name: "tapio", Version: "0.1.0",
		StoreStartTime: timestamppb.New(testNow().Add(-2 * time.Hour)),
		StartTime:      timestamppb.New(testNow().Add(-90 * time.Minute)),
		MaxAge:         durationpb.New(time.Hour),
		Store: []*tapiov1.StoreStats{
			{
				Signal: "logs", RecordCount: 12345, SizeBytes: 3 << 20, CapacityBytes: 256 << 20,
				OldestTime: timestamppb.New(testNow().Add(-252 * time.Second)), LastSequence: 100,
				LabelCount: 321, UnindexedKeyCount: 2, UnindexedKeys: []string{"order.id", "user.id"},
			},
			{Signal: "traces", CapacityBytes: 256 << 20},
			{
				Signal: "metrics", RecordCount: 500, SizeBytes: 2 << 20, CapacityBytes: 128 << 20,
				SeriesCount: 40, SeriesBytes: 1 << 20, EvictedSeriesCount: 1234,
			},
		},
		Directory:   &tapiov1.StoreDirectory{Path: "/var/lib/tapio", SizeBytes: 5 << 20, FailedWriteCount: 1},
		QueryMemory: &tapiov1.QueryMemory{LimitBytes: 128 << 20, RefusedCount: 3},
	}, nil
}

func sampleHead() *tapiov1.Trace {
	return &tapiov1.Trace{
		TraceId: sampleTrace, RootService: "web", RootName: "POST /checkout",
		StartTime: timestamppb.New(testNow().Add(-time.Minute)), Duration: durationpb.New(1200 * time.Millisecond),
		SpanCount: 5, ErrorCount: 1, Services: []string{"cart", "checkout", "web"},
	}
}

type timelineSpan = tapiov1.GetTraceTimelineResponse_TimelineSpan

func sampleSpan(depth uint32, service, name string, offset, duration time.Duration) *timelineSpan {
	return &timelineSpan{
		Span: &tracev1.Span{Name: name}, Service: service, Depth: depth,
		Offset: durationpb.New(offset), Duration: durationpb.New(duration), SelfTime: durationpb.New(duration / 4),
	}
}

func sampleTimeline() *tapiov1.GetTraceTimelineResponse {
	const ms = time.Millisecond
	spans := []*timelineSpan{
		sampleSpan(0, "web", "POST /checkout", 0, 1200*ms),
		sampleSpan(1, "cart", "GET /cart", 10*ms, 200*ms),
		sampleSpan(2, "cart", "SELECT items", 20*ms, 150*ms+1234*time.Microsecond),
		sampleSpan(1, "checkout", "charge", 300*ms, 900*ms),
		sampleSpan(0, "audit", "write", 1199*ms, 0),
	}
	spans[0].Critical, spans[3].Critical = true, true
	spans[3].Span.Status = &tracev1.Status{Code: tracev1.Status_STATUS_CODE_ERROR, Message: "declined"}
	spans[4].Orphan = true
	return &tapiov1.GetTraceTimelineResponse{Trace: sampleHead(), Spans: spans, Logs: []*tapiov1.Event{sampleEvent()}}
}

func samplePoints(values ...int64) []*metricsv1.ResourceMetrics {
	var points []*metricsv1.NumberDataPoint
	for i, v := range values {
		points = append(points, &metricsv1.NumberDataPoint{
			TimeUnixNano: nanosBefore(time.Duration(i) * time.Second),
			Value:        &metricsv1.NumberDataPoint_AsInt{AsInt: v},
			Attributes:   []*commonv1.KeyValue{pair("route", text("/a"))},
		})
	}
	sum := 12.5
	histogram := &metricsv1.Histogram{DataPoints: []*metricsv1.HistogramDataPoint{
		{TimeUnixNano: nanosBefore(500 * time.Millisecond), Count: 4, Sum: &sum},
	}}
	return []*metricsv1.ResourceMetrics{{
		Resource: resourceOf("web"),
		ScopeMetrics: []*metricsv1.ScopeMetrics{{Metrics: []*metricsv1.Metric{
			{Name: "requests", Unit: "1", Data: &metricsv1.Metric_Sum{Sum: &metricsv1.Sum{DataPoints: points}}},
			{Name: "latency", Unit: "s", Data: &metricsv1.Metric_Histogram{Histogram: histogram}},
		}}},
	}}
}
