// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlplogs "go.opentelemetry.io/proto/otlp/logs/v1"
	otlpmetrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	otlptrace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// batchesMade is how many different batches there are: enough that every
// sending of the needle is one of needleEvery records, few enough to stay in
// memory for every sender.
const batchesMade = needleEvery / recordsPerBatch

// otlpBatches makes the OTLP requests of a signal.
func otlpBatches(signal string) ([]*batch, error) {
	m := newMaker()
	one := map[string]func() proto.Message{
		logs:    func() proto.Message { return m.logsRequest() },
		traces:  func() proto.Message { return m.tracesRequest() },
		metrics: func() proto.Message { return m.metricsRequest() },
	}[signal]
	return makeBatches(one)
}

// sender names the generator, so that every batch has an id and is remembered.
const sender = "bench"

// eventBatches makes requests of a stream that carry events.
func eventBatches(wrap func(*tapiov1.EventBatch) proto.Message) ([]*batch, error) {
	m := newMaker()
	return makeBatches(func() proto.Message {
		return wrap(&tapiov1.EventBatch{BatchId: textMark, CollectorId: sender, Events: m.events()})
	})
}

// payloadBatches makes requests of a stream that carry an OTLP payload, not
// compressed.
func payloadBatches(wrap func(*tapiov1.EventBatch) proto.Message) ([]*batch, error) {
	m := newMaker()
	var failed error
	made, err := makeBatches(func() proto.Message {
		payload, err := proto.Marshal(m.logsRequest())
		if err != nil {
			failed = err
		}
		return wrap(&tapiov1.EventBatch{BatchId: textMark, CollectorId: sender, Payload: payload})
	})
	if failed != nil {
		err = failed
	}
	return made, err
}

func eventRequest(b *tapiov1.EventBatch) proto.Message {
	return &tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: b}}
}

func fleetRequest(b *tapiov1.EventBatch) proto.Message {
	return &tapiov1.CollectorServiceStreamEventsRequest{Batch: b}
}

func makeBatches(one func() proto.Message) ([]*batch, error) {
	made := make([]*batch, batchesMade)
	for i := range made {
		b, err := encode(one(), recordsPerBatch)
		if err != nil {
			return nil, err
		}
		made[i] = b
	}
	return made, nil
}

func (m *maker) logsRequest() *collogs.ExportLogsServiceRequest {
	var request collogs.ExportLogsServiceRequest
	for i := range resourcesPerBatch {
		of := &otlplogs.ScopeLogs{Scope: scope()}
		from := m.resource(i)
		for range recordsPerResource {
			of.LogRecords = append(of.LogRecords, m.log())
		}
		request.ResourceLogs = append(request.ResourceLogs, &otlplogs.ResourceLogs{
			Resource: from, ScopeLogs: []*otlplogs.ScopeLogs{of},
		})
	}
	return &request
}

func (m *maker) events() []*tapiov1.Event {
	var events []*tapiov1.Event
	for _, ofResource := range m.logsRequest().ResourceLogs {
		for _, record := range ofResource.ScopeLogs[0].LogRecords {
			events = append(events, &tapiov1.Event{LogRecord: record, Resource: ofResource.Resource, Scope: scope()})
		}
	}
	return events
}

func (m *maker) tracesRequest() *coltrace.ExportTraceServiceRequest {
	var request coltrace.ExportTraceServiceRequest
	for i := range resourcesPerBatch {
		of := &otlptrace.ScopeSpans{Scope: scope()}
		from := m.resource(i)
		for range recordsPerResource / spansPerTrace {
			of.Spans = append(of.Spans, m.trace()...)
		}
		request.ResourceSpans = append(request.ResourceSpans, &otlptrace.ResourceSpans{
			Resource: from, ScopeSpans: []*otlptrace.ScopeSpans{of},
		})
	}
	return &request
}

func (m *maker) metricsRequest() *colmetrics.ExportMetricsServiceRequest {
	var request colmetrics.ExportMetricsServiceRequest
	for i := range resourcesPerBatch {
		of := &otlpmetrics.ScopeMetrics{Scope: scope()}
		from := m.resource(i)
		for figure := range recordsPerResource / pointsPerMetric {
			of.Metrics = append(of.Metrics, m.metric(figure))
		}
		request.ResourceMetrics = append(request.ResourceMetrics, &otlpmetrics.ResourceMetrics{
			Resource: from, ScopeMetrics: []*otlpmetrics.ScopeMetrics{of},
		})
	}
	return &request
}
