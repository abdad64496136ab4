// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// shop is three services that call each other: web calls orders, orders calls
// payment. It makes what their SDKs would send.
type shop struct {
	rand  *rand.Rand
	calls uint64

	// faults, from the moment at which the test sets them
	paymentTakes time.Duration // on top of the usual
	paymentAway  time.Duration // between its callers and it
	paymentFails bool
	paymentFault func(server ptrace.Span, lines plog.LogRecordSlice) // how payment's telemetry shows it
	node         string                                              // that all run on
	release      string                                              // version of orders; with one that is bad it logs an error of its own
}

func newShop() *shop { return &shop{rand: rand.New(rand.NewPCG(1, 2))} }

func (s *shop) around(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*s.rand.Float64()))
}

// second makes the telemetry of one second.
func (s *shop) second(at time.Time) (ptrace.Traces, plog.Logs) {
	traces, logs := ptrace.NewTraces(), plog.NewLogs()
	web, orders, payment := s.spansOf(traces, "web", ""), s.spansOf(traces, "orders", s.release), s.spansOf(traces, "payment", "")
	lines, paymentLines := recordsOf(logs, "orders", s.release), recordsOf(logs, "payment", "")
	for n := range 10 {
		begin := at.Add(time.Duration(n) * 100 * time.Millisecond)
		s.calls++
		took := s.around(10*time.Millisecond) + s.paymentTakes
		way := s.paymentAway
		failed := s.paymentFails
		bad := s.release == "2.0.0" && n%2 == 0

		s.span(web, 1, 0, "GET /buy", ptrace.SpanKindServer, begin, took+way+30*time.Millisecond, failed || bad)
		s.span(web, 2, 1, "POST /orders", ptrace.SpanKindClient, begin, took+way+25*time.Millisecond, failed || bad)
		s.span(orders, 3, 2, "POST /orders", ptrace.SpanKindServer, begin, took+way+20*time.Millisecond, failed || bad)
		if bad {
			s.log(lines, begin, "ERROR", "cannot read field currency of the order: no such column")
			continue
		}
		call := s.span(orders, 4, 3, "POST /pay", ptrace.SpanKindClient, begin, took+way+5*time.Millisecond, failed)
		call.Attributes().PutStr("server.address", "payment")
		paid := s.span(payment, 5, 4, "POST /pay", ptrace.SpanKindServer, begin, took, s.paymentFails)
		if s.paymentFails && s.paymentFault != nil {
			s.paymentFault(paid, paymentLines)
		}
		s.log(lines, begin, "INFO", "order accepted")
	}
	return traces, logs
}

func describe(resource pcommon.Resource, service, version string) {
	resource.Attributes().PutStr("service.name", service)
	if version != "" {
		resource.Attributes().PutStr("service.version", version)
	}
}

func (s *shop) spansOf(traces ptrace.Traces, service, version string) ptrace.SpanSlice {
	of := traces.ResourceSpans().AppendEmpty()
	describe(of.Resource(), service, version)
	if s.node != "" {
		of.Resource().Attributes().PutStr("host.name", s.node)
	}
	return of.ScopeSpans().AppendEmpty().Spans()
}

func recordsOf(logs plog.Logs, service, version string) plog.LogRecordSlice {
	of := logs.ResourceLogs().AppendEmpty()
	describe(of.Resource(), service, version)
	return of.ScopeLogs().AppendEmpty().LogRecords()
}

func (s *shop) span(
	into ptrace.SpanSlice, id, parent byte, name string, kind ptrace.SpanKind, begin time.Time, took time.Duration, failed bool,
) ptrace.Span {
	span := into.AppendEmpty()
	var trace pcommon.TraceID
	binary.BigEndian.PutUint64(trace[:], s.calls)
	span.SetTraceID(trace)
	span.SetSpanID(pcommon.SpanID{id})
	if parent != 0 {
		span.SetParentSpanID(pcommon.SpanID{parent})
	}
	span.SetName(name)
	span.SetKind(kind)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(begin.Add(took)))
	if failed {
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	return span
}

func (s *shop) log(into plog.LogRecordSlice, at time.Time, severity, text string) {
	record := into.AppendEmpty()
	record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	record.SetSeverityText(severity)
	record.SetSeverityNumber(plog.SeverityNumberInfo)
	if severity == "ERROR" {
		record.SetSeverityNumber(plog.SeverityNumberError)
	}
	record.Body().SetStr(text)
}
