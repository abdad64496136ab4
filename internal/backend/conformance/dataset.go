// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/binary"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
)

// The dataset spans ten minutes from a round time.
const (
	datasetStart = model.Nanos(1_790_000_000_000_000_000) / (600 * second) * (600 * second)
	second       = model.Nanos(time.Second)
	minute       = 60 * second
	datasetEnd   = datasetStart + 10*minute
	logRecords   = 600
	traceCount   = 90
)

// origins are the resources of the dataset.
type origin struct{ service, instance, namespace, version string }

func origins() []origin {
	return []origin{
		{"gateway", "gateway-0", "edge", "1.4.0"},
		{"gateway", "gateway-1", "edge", "1.4.0"},
		{"orders", "orders-0", "shop", "2.0.1"},
		{"orders", "orders-1", "shop", "2.0.1"},
		{"billing", "billing-0", "shop", "0.9.7"},
	}
}

func (o origin) describe(attributes pcommon.Map) {
	attributes.PutStr(semconv.ServiceName, o.service)
	attributes.PutStr(semconv.ServiceInstanceID, o.instance)
	attributes.PutStr(semconv.K8sNamespaceName, o.namespace)
	attributes.PutStr(semconv.ServiceVersion, o.version)
	attributes.PutStr(semconv.HostName, "node-"+o.instance[len(o.instance)-1:])
}

// dataset is what is written, and the same as the rows that a reader returns.
type dataset struct {
	written Telemetry
	events  []model.Event
	spans   []model.Span
	points  []model.Point
}

// newDataset makes the dataset of a backend that keeps this of what is written; nil: all.
func newDataset(keeps func(Telemetry)) *dataset {
	d := &dataset{written: Telemetry{Logs: newLogs(), Traces: newTraces(), Metrics: newMetrics()}}
	kept := d.telemetry()
	if keeps != nil {
		keeps(kept)
	}
	d.events = otlp.EventsFromLogs(kept.Logs)
	d.spans = otlp.SpansFromTraces(kept.Traces)
	d.points = otlp.PointsFromMetrics(kept.Metrics)
	return d
}

// telemetry returns a copy of what is to be written.
func (d *dataset) telemetry() Telemetry { return clone(d.written) }

func clone(from Telemetry) Telemetry {
	to := newTelemetry()
	from.Logs.CopyTo(to.Logs)
	from.Traces.CopyTo(to.Traces)
	from.Metrics.CopyTo(to.Metrics)
	return to
}

// DatasetStart is the time of the first record.
const DatasetStart = datasetStart

// number is the attribute that identifies a record of the dataset.
const number = "record.number"

func newLogs() plog.Logs {
	logs := plog.NewLogs()
	var records []plog.LogRecordSlice
	for _, o := range origins() {
		resource := logs.ResourceLogs().AppendEmpty()
		o.describe(resource.Resource().Attributes())
		scope := resource.ScopeLogs().AppendEmpty()
		scope.Scope().SetName("shop/" + o.service)
		scope.Scope().SetVersion("v1")
		records = append(records, scope.LogRecords())
	}
	unnamed := logs.ResourceLogs().AppendEmpty() // a sender without a service name
	unnamed.Resource().Attributes().PutStr(semconv.HostName, "node-9")
	records = append(records, unnamed.ScopeLogs().AppendEmpty().LogRecords())
	for i := range logRecords {
		writeLog(records[i*7%len(records)].AppendEmpty(), i)
	}
	return logs
}

func writeLog(r plog.LogRecord, i int) {
	at := pcommon.Timestamp(datasetStart + model.Nanos(i)*second)
	r.SetObservedTimestamp(at + 1000)
	if i%50 != 49 { // the others have the time of observation only
		r.SetTimestamp(at)
	}
	attributes := r.Attributes()
	attributes.PutInt(number, int64(i))
	attributes.PutInt(semconv.HTTPResponseStatusCode, []int64{200, 201, 404, 500, 503}[i%5])
	switch i % 3 {
	case 0:
		attributes.PutStr("user", fmt.Sprintf("user-%d", i%9))
	case 1:
		attributes.PutStr("size", fmt.Sprint(i*10)) // a number that was sent as a text
	}
	if i%4 == 0 {
		attributes.PutDouble("ratio", float64(i)/16)
		attributes.PutBool("cached", i%8 == 0)
	}
	if i%100 == 7 {
		attributes.PutStr(model.UIDKey, fmt.Sprintf("uid-%d", i))
	}
	severities := []plog.SeverityNumber{5, 9, 9, 10, 13, 17, 21, 0}
	r.SetSeverityNumber(severities[i%len(severities)])
	r.SetSeverityText([]string{"DEBUG", "INFO", "INFO", "INFO", "WARN", "ERROR", "FATAL", ""}[i%8])
	r.Body().SetStr(fmt.Sprintf([]string{
		"accepted order %d", "Connection to 10.0.0.%d refused", "cache miss for key item-%d", "ZAHLUNG für Käufer %d geprüft", "100%% done: a_b %d",
	}[i%5], i))
	if i%6 == 5 {
		r.SetEventName([]string{"shop.checkout", "shop.refund", "release"}[i/6%3])
	}
	if i%10 == 3 {
		r.SetTraceID(pcommon.TraceID(traceID(i % traceCount)))
		r.SetSpanID(pcommon.SpanID{1, byte(i)})
	}
}

// traceID returns the id of the trace of that number.
func traceID(i int) (id model.TraceID) {
	id[0] = 0xc0
	binary.BigEndian.PutUint64(id[8:], uint64(i)+1)
	return id
}

func spanID(trace, span int) (id model.SpanID) {
	id[0], id[7] = 0x5a, byte(span+1)
	binary.BigEndian.PutUint32(id[2:], uint32(trace))
	return id
}

// newTraces makes traces through gateway, orders and a database, whose spans come
// from several resources.
func newTraces() ptrace.Traces {
	traces := ptrace.NewTraces()
	var spans []ptrace.SpanSlice
	for _, o := range origins() {
		resource := traces.ResourceSpans().AppendEmpty()
		o.describe(resource.Resource().Attributes())
		scope := resource.ScopeSpans().AppendEmpty()
		scope.Scope().SetName("otel/http")
		spans = append(spans, scope.Spans())
	}
	for i := range traceCount {
		writeTrace(spans, i)
	}
	return traces
}

func writeTrace(spans []ptrace.SpanSlice, i int) {
	at := datasetStart + model.Nanos(i)*6*second
	operation := []string{"GET /orders", "POST /orders", "GET /health"}[i%3]
	took := model.Nanos(10+i) * model.Nanos(time.Millisecond)
	failed := i%9 == 4
	gateway, orders := spans[i%2], spans[2+i/2%2]
	root := writeSpan(gateway, i, 0, -1, operation, ptrace.SpanKindServer, at, took)
	root.Attributes().PutStr(semconv.HTTPRequestMethod, operation[:3])
	root.Attributes().PutStr(semconv.URLPath, "/orders")
	if failed {
		root.Status().SetCode(ptrace.StatusCodeError)
		root.Status().SetMessage("upstream Failed")
		event := root.Events().AppendEmpty()
		event.SetName("exception")
		event.SetTimestamp(pcommon.Timestamp(at + took/2))
		event.Attributes().PutStr(semconv.ExceptionType, "Timeout")
	}
	if i%3 == 2 {
		return // health checks stay in the gateway
	}
	call := writeSpan(gateway, i, 1, 0, "orders", ptrace.SpanKindClient, at+took/10, took*8/10)
	call.Attributes().PutStr(semconv.ServerAddress, "orders.shop")
	served := writeSpan(orders, i, 2, 1, "Orders/Handle", ptrace.SpanKindServer, at+took/8, took*7/10)
	if failed {
		served.Status().SetCode(ptrace.StatusCodeError)
	} else {
		served.Status().SetCode(ptrace.StatusCodeOk)
	}
	query := writeSpan(orders, i, 3, 2, "SELECT orders", ptrace.SpanKindClient, at+took/5, took/2)
	query.Attributes().PutStr(semconv.DBSystemName, "postgresql")
	query.Attributes().PutStr(semconv.DBNamespace, "shop")
	query.Attributes().PutStr(semconv.DBQueryText, fmt.Sprintf("SELECT * FROM orders WHERE id = %d", i))
	if i%10 == 0 {
		link := query.Links().AppendEmpty()
		link.SetTraceID(pcommon.TraceID(traceID((i + 1) % traceCount)))
		link.SetSpanID(pcommon.SpanID(spanID((i+1)%traceCount, 0)))
		link.Attributes().PutStr("reason", "batch")
	}
}

func writeSpan(
	to ptrace.SpanSlice, trace, place, parent int, name string, kind ptrace.SpanKind, at, took model.Nanos,
) ptrace.Span {
	s := to.AppendEmpty()
	s.SetTraceID(pcommon.TraceID(traceID(trace)))
	s.SetSpanID(pcommon.SpanID(spanID(trace, place)))
	if parent >= 0 {
		s.SetParentSpanID(pcommon.SpanID(spanID(trace, parent)))
	}
	s.SetName(name)
	s.SetKind(kind)
	s.SetStartTimestamp(pcommon.Timestamp(at))
	s.SetEndTimestamp(pcommon.Timestamp(at + took))
	s.Attributes().PutInt(number, int64(trace*10+place))
	return s
}
