// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// fullTraceID is the trace of testdata/logs.textproto and traces.textproto.
const fullTraceID = "0102030405060708090a0b0c0d0e0f10"

func fullLogs(t *testing.T) *collogs.ExportLogsServiceRequest {
	return fromFile(t, "logs.textproto", &collogs.ExportLogsServiceRequest{})
}

func fullTraces(t *testing.T) *coltrace.ExportTraceServiceRequest {
	return fromFile(t, "traces.textproto", &coltrace.ExportTraceServiceRequest{})
}

func fullMetrics(t *testing.T) *colmetrics.ExportMetricsServiceRequest {
	return fromFile(t, "metrics.textproto", &colmetrics.ExportMetricsServiceRequest{})
}

// fromFile reads a request and shifts its times to a minute ago.
func fromFile[M proto.Message](t *testing.T, name string, m M) M {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	require.NoError(t, prototext.Unmarshal(text, m))
	base := uint64(time.Now().Add(-time.Minute).UnixNano())
	require.NoError(t, protorange.Range(m.ProtoReflect(), func(at protopath.Values) error {
		shiftTime(at, base)
		return nil
	}))
	return m
}

// shiftTime adds base where the walk stands on a field of time.
func shiftTime(at protopath.Values, base uint64) {
	last := at.Index(-1)
	if last.Step.Kind() != protopath.FieldAccessStep {
		return
	}
	field := last.Step.FieldDescriptor()
	if strings.HasSuffix(string(field.Name()), "time_unix_nano") {
		at.Index(-2).Value.Message().Set(field, protoreflect.ValueOfUint64(last.Value.Uint()+base))
	}
}

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

// origin is a resource with these attributes, given as key, value, key, value.
func origin(keysAndValues ...string) *resource.Resource {
	r := &resource.Resource{}
	for i := 0; i < len(keysAndValues); i += 2 {
		r.Attributes = append(r.Attributes, text(keysAndValues[i], keysAndValues[i+1]))
	}
	return r
}

func nanos(at time.Time) uint64 { return uint64(at.UnixNano()) }

// line is a log record whose body is its number, so that order and gaps show.
func line(i int, name string) *logs.LogRecord {
	return &logs.LogRecord{
		TimeUnixNano: nanos(time.Now()),
		EventName:    name,
		Body:         &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(i)}},
	}
}

// number is the number that line wrote.
func number(e *tapiov1.Event) int { return int(e.GetLogRecord().GetBody().GetIntValue()) }

func numbers(events []*tapiov1.Event) []int {
	list := make([]int, 0, len(events))
	for _, e := range events {
		list = append(list, number(e))
	}
	return list
}

// sequence returns from, from+1, … below to.
func sequence(from, to int) []int {
	list := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// lines is a request with the records numbered from inclusive to exclusive.
func lines(service string, from, to int, name string) *collogs.ExportLogsServiceRequest {
	scope := &logs.ScopeLogs{Scope: &common.InstrumentationScope{}}
	for i := from; i < to; i++ {
		scope.LogRecords = append(scope.LogRecords, line(i, name))
	}
	return &collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource: origin("service.name", service), ScopeLogs: []*logs.ScopeLogs{scope},
	}}}
}

// event is what a client writes over the event API.
func event(i int, name string) *tapiov1.Event {
	return &tapiov1.Event{Id: fmt.Sprintf("%s-%d", name, i), LogRecord: line(i, name), Resource: origin("service.name", "writer")}
}

// metricsOf is a request with metrics of one origin.
func metricsOf(from *resource.Resource, list ...*metrics.Metric) *colmetrics.ExportMetricsServiceRequest {
	return &colmetrics.ExportMetricsServiceRequest{ResourceMetrics: []*metrics.ResourceMetrics{{
		Resource:     from,
		ScopeMetrics: []*metrics.ScopeMetrics{{Scope: &common.InstrumentationScope{Name: "test"}, Metrics: list}},
	}}}
}

// gauge is a metric whose values stand a second apart, beginning at start.
func gauge(name string, start time.Time, values ...float64) *metrics.Metric {
	return &metrics.Metric{Name: name, Unit: "1", Data: &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: points(start, time.Second, values...)}}}
}

func points(start time.Time, apart time.Duration, values ...float64) []*metrics.NumberDataPoint {
	var list []*metrics.NumberDataPoint
	for i, v := range values {
		list = append(list, &metrics.NumberDataPoint{
			TimeUnixNano: nanos(start.Add(time.Duration(i) * apart)),
			Value:        &metrics.NumberDataPoint_AsDouble{AsDouble: v},
		})
	}
	return list
}
