// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	otlptrace "go.opentelemetry.io/proto/otlp/trace/v1"
)

const (
	tracedServices   = 8
	tracesPerRequest = 200
	tracedSpan       = time.Hour
)

// tracedCall is a span of every trace: of which service, below which span, -1 for none.
type tracedCall struct {
	service, parent int
	kind            otlptrace.Span_SpanKind
}

// tracedCalls is a client before a gateway, which calls services one below the other.
func tracedCalls() []tracedCall {
	const server, client = otlptrace.Span_SPAN_KIND_SERVER, otlptrace.Span_SPAN_KIND_CLIENT
	return []tracedCall{
		{0, -1, server},
		{0, 0, client},
		{1, 1, server},
		{1, 2, client},
		{2, 3, server},
		{0, 0, client},
		{3, 5, server},
		{3, 6, client},
		{4, 7, server},
		{4, 8, otlptrace.Span_SPAN_KIND_INTERNAL},
	}
}

func tracedService(i int) string   { return fmt.Sprintf("service-%02d", i) }
func tracedOperation(i int) string { return fmt.Sprintf("GET /api/%02d/{id}", i) }
func tracedUser(trace int) string  { return fmt.Sprintf("user-%06d", trace/5) }

// tracedShop is the traces of some services, evenly over a time.
type tracedShop struct {
	end    time.Time
	span   time.Duration
	traces int
}

// newTracedShop makes about so many spans.
func newTracedShop(end time.Time, spans int) *tracedShop {
	return &tracedShop{end: end, span: tracedSpan, traces: max(spans/len(tracedCalls()), tracesPerRequest)}
}

func (s *tracedShop) traceID(trace int) []byte {
	id := binary.BigEndian.AppendUint64(nil, rand.NewPCG(3, uint64(trace)).Uint64())
	return binary.BigEndian.AppendUint64(id, uint64(trace)+1)
}

// send sends all to an OTLP server, the oldest first, with the same values every time.
func (s *tracedShop) send(ctx context.Context, address string) error {
	conn, err := dial(address)
	if err != nil {
		return err
	}
	defer conn.Close()
	client := coltrace.NewTraceServiceClient(conn)
	for from := 0; from < s.traces; from += tracesPerRequest {
		if _, err := client.Export(ctx, s.request(from, min(from+tracesPerRequest, s.traces))); err != nil {
			return fmt.Errorf("send spans to %s: %w", address, err)
		}
	}
	return nil
}

func (s *tracedShop) request(from, to int) *coltrace.ExportTraceServiceRequest {
	var of [tracedServices][]*otlptrace.Span
	for trace := from; trace < to; trace++ {
		s.spans(trace, &of)
	}
	request := &coltrace.ExportTraceServiceRequest{}
	for service, spans := range of {
		if len(spans) == 0 {
			continue
		}
		request.ResourceSpans = append(request.ResourceSpans, &otlptrace.ResourceSpans{
			Resource: &resource.Resource{Attributes: []*common.KeyValue{
				text("service.name", tracedService(service)), text("service.instance.id", fmt.Sprintf("instance-%02d", service)),
			}},
			ScopeSpans: []*otlptrace.ScopeSpans{{Scope: scope(), Spans: spans}},
		})
	}
	return request
}

// spans appends the spans of a trace to those of their services: one trace in a hundred
// fails, and one in two hundred is slow. Which services are called last depends on the trace.
func (s *tracedShop) spans(trace int, of *[tracedServices][]*otlptrace.Span) {
	random := rand.New(rand.NewPCG(5, uint64(trace)))
	id := s.traceID(trace)
	began := s.end.Add(-s.span + time.Duration(float64(trace)/float64(s.traces)*float64(s.span)))
	took := time.Duration((1 + random.ExpFloat64()) * float64(40*time.Millisecond))
	if trace%200 == 7 {
		took = 2 * time.Second
	}
	status := &otlptrace.Status{}
	if trace%100 == 42 {
		status.Code = otlptrace.Status_STATUS_CODE_ERROR
	}
	calls := tracedCalls()
	for i, call := range calls {
		service := call.service
		if service == 4 {
			service += trace % (tracedServices - 4)
		}
		// Each span lies within the one before.
		inset := took / time.Duration(2*len(calls)) * time.Duration(i)
		span := &otlptrace.Span{
			TraceId: id, SpanId: spanIDOf(trace, i), Name: tracedOperation(service), Kind: call.kind, Status: status,
			StartTimeUnixNano: uint64(began.Add(inset).UnixNano()), EndTimeUnixNano: uint64(began.Add(took - inset).UnixNano()),
			Attributes: []*common.KeyValue{
				text("http.request.method", "GET"), text("http.route", tracedOperation(service)[len("GET "):]),
				text("user.id", tracedUser(trace)), text("server.address", tracedService(service)),
				whole("http.response.status_code", 200+300*int64(status.Code/2)), whole("http.response.body.size", int64(random.IntN(1<<16))),
			},
		}
		if call.parent >= 0 {
			span.ParentSpanId = spanIDOf(trace, call.parent)
		}
		of[service] = append(of[service], span)
	}
}

func spanIDOf(trace, span int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(trace+1)<<8|uint64(span+1))
}
