// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlplogs "go.opentelemetry.io/proto/otlp/logs/v1"
	otlpmetrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	otlptrace "go.opentelemetry.io/proto/otlp/trace/v1"
)

const (
	resourcesPerBatch  = 10
	recordsPerResource = 100
	recordsPerBatch    = resourcesPerBatch * recordsPerResource
	spansPerTrace      = 10
	pointsPerMetric    = 10

	// needle is in one log record of needleEvery.
	needle      = "the reactor is on fire"
	needleEvery = 20_000
)

// maker makes records that are the same in every run.
type maker struct {
	random *rand.Rand
	number int // records made
}

func newMaker() *maker { return &maker{random: rand.New(rand.NewPCG(1, 2))} }

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: textValue(value)}
}

func textValue(value string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}
}

func whole(key string, value int64) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: value}}}
}

func service(i int) string { return fmt.Sprintf("service-%02d", i) }

func (m *maker) resource(i int) *resource.Resource {
	return &resource.Resource{Attributes: []*common.KeyValue{
		text("service.name", service(i)),
		text("service.version", "1.24.3"),
		text("service.instance.id", fmt.Sprintf("instance-%02d", m.number/recordsPerBatch)),
		text("k8s.namespace.name", "production"),
		text("k8s.pod.name", fmt.Sprintf("service-%02d-7c9d8b6f5-%05d", i, m.number/recordsPerBatch)),
		text("host.name", fmt.Sprintf("node-%02d.example.com", i%4)),
	}}
}

func scope() *common.InstrumentationScope {
	return &common.InstrumentationScope{Name: "shop/checkout", Version: "0.9.1"}
}

// attributes are the 10 of a log record or span; one is new in every sending.
func (m *maker) attributes() []*common.KeyValue {
	return []*common.KeyValue{
		text("http.request.id", textMark),
		text("http.request.method", "POST"),
		text("http.route", fmt.Sprintf("/api/v1/carts/{cart}/items/%02d", m.random.IntN(20))),
		text("url.path", fmt.Sprintf("/api/v1/carts/%08x/items", m.random.Uint32())),
		whole("http.response.status_code", int64(200+m.random.IntN(4)*100)),
		whole("http.response.body.size", int64(m.random.IntN(1<<20))),
		text("client.address", fmt.Sprintf("10.%d.%d.%d", m.random.IntN(256), m.random.IntN(256), m.random.IntN(256))),
		text("user.id", fmt.Sprintf("user-%06d", m.random.IntN(100_000))),
		text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari"),
		text("thread.name", fmt.Sprintf("worker-%02d", m.random.IntN(32))),
	}
}

// traceID is one that every sending changes in its second half.
func (m *maker) traceID() []byte {
	id := binary.LittleEndian.AppendUint64(nil, m.random.Uint64()|1)
	return binary.LittleEndian.AppendUint64(id, traceMark)
}

func (m *maker) spanID() []byte { return binary.LittleEndian.AppendUint64(nil, m.random.Uint64()|1) }

func (m *maker) log() *otlplogs.LogRecord {
	m.number++
	body := fmt.Sprintf("added item %d to cart %08x of user-%06d", m.random.IntN(1e5), m.random.Uint32(), m.random.IntN(1e5))
	if m.number%needleEvery == 0 {
		body += ", but " + needle
	}
	severity := []otlplogs.SeverityNumber{9, 9, 9, 9, 9, 9, 5, 13, 9, 17}[m.number%10]
	return &otlplogs.LogRecord{
		TimeUnixNano: timeMark, ObservedTimeUnixNano: timeMark,
		SeverityNumber: severity, SeverityText: "INFO",
		Body: textValue(body), Attributes: m.attributes(),
		TraceId: m.traceID(), SpanId: m.spanID(),
	}
}

// trace makes the spans of one trace, the first of which is the root.
func (m *maker) trace() []*otlptrace.Span {
	id, root := m.traceID(), m.spanID()
	spans := make([]*otlptrace.Span, spansPerTrace)
	for i := range spans {
		m.number++
		spans[i] = &otlptrace.Span{
			TraceId: id, SpanId: m.spanID(), ParentSpanId: root,
			Name: fmt.Sprintf("POST /api/v1/carts/%02d", i), Kind: otlptrace.Span_SPAN_KIND_SERVER,
			StartTimeUnixNano: timeMark, EndTimeUnixNano: endMark,
			Attributes: m.attributes(), Status: &otlptrace.Status{},
		}
	}
	spans[0].SpanId, spans[0].ParentSpanId = root, nil
	return spans
}

// metric makes one metric of a resource: six of ten are gauges, three sums, one
// a histogram.
func (m *maker) metric(i int) *otlpmetrics.Metric {
	made := &otlpmetrics.Metric{Name: fmt.Sprintf("shop.cart.figure.%d", i), Description: "A figure of the cart", Unit: "1"}
	switch {
	case i == 9:
		made.Data = &otlpmetrics.Metric_Histogram{Histogram: &otlpmetrics.Histogram{
			AggregationTemporality: 2, DataPoints: several(m.histogram),
		}}
	case i >= 6:
		made.Data = &otlpmetrics.Metric_Sum{Sum: &otlpmetrics.Sum{
			AggregationTemporality: 2, IsMonotonic: true, DataPoints: several(m.point),
		}}
	default:
		made.Data = &otlpmetrics.Metric_Gauge{Gauge: &otlpmetrics.Gauge{DataPoints: several(m.point)}}
	}
	return made
}

func several[T any](one func(i int) T) []T {
	points := make([]T, pointsPerMetric)
	for i := range points {
		points[i] = one(i)
	}
	return points
}

// labels are the 10 attributes of a point. They do not change, or every sending
// would be new series.
func (m *maker) labels(i int) []*common.KeyValue {
	list := m.attributes()
	list[0] = text("http.request.id", fmt.Sprintf("series-%09d", m.number))
	list[2] = text("http.route", fmt.Sprintf("/api/v1/carts/{cart}/items/%02d", i))
	return list
}

func (m *maker) point(i int) *otlpmetrics.NumberDataPoint {
	m.number++
	return &otlpmetrics.NumberDataPoint{
		Attributes: m.labels(i), StartTimeUnixNano: 1, TimeUnixNano: timeMark,
		Value: &otlpmetrics.NumberDataPoint_AsDouble{AsDouble: math.Float64frombits(valueMark)},
	}
}

func (m *maker) histogram(i int) *otlpmetrics.HistogramDataPoint {
	m.number++
	sum := math.Float64frombits(valueMark)
	return &otlpmetrics.HistogramDataPoint{
		Attributes: m.labels(i), StartTimeUnixNano: 1, TimeUnixNano: timeMark,
		Count: 55, Sum: &sum,
		ExplicitBounds: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		BucketCounts:   []uint64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
	}
}
