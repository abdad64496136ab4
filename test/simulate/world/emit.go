// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	severityInfo  = plog.SeverityNumberInfo
	severityWarn  = plog.SeverityNumberWarn
	severityError = plog.SeverityNumberError
)

// serverSpan is one run of an operation.
type serverSpan struct {
	r          *request
	op         *Operation
	on         *Instance
	id, parent [8]byte
	at         int64
	res        *result
	from       string
	own        *failure // that began here
}

func (w *World) emitServer(s *serverSpan) {
	s.on.observe(w, s)
	w.linesOf(s)
	if s.on.Service.red || !s.r.sampled {
		return
	}
	kind := ptrace.SpanKindServer
	switch {
	case s.op.internal:
		kind = ptrace.SpanKindInternal
	case s.op.method == "process":
		kind = ptrace.SpanKindConsumer
	}
	span := w.span(s.r, s.on, s.id, s.parent, s.op.Name, kind, s.at, s.res.end)
	w.describeServer(span, s)
	if s.r.link != [8]byte{} && s.parent == [8]byte{} {
		link := span.Links().AppendEmpty()
		link.SetTraceID(s.r.linkTrace)
		link.SetSpanID(s.r.link)
	}
	if f := s.res.fail; f != nil {
		span.Status().SetCode(ptrace.StatusCodeError)
		span.Attributes().PutStr("error.type", f.kind)
		if s.own != nil && s.own.logged != "" {
			exception(span, s.own, s.res.end)
		}
	}
}

func (w *World) describeServer(span ptrace.Span, s *serverSpan) {
	a, o := span.Attributes(), s.op
	status := 200
	if s.res.fail != nil {
		status = max(500, s.res.fail.status)
	}
	switch {
	case o.internal:
	case o.method == "process":
		a.PutStr("messaging.system", "kafka")
		a.PutStr("messaging.operation.type", "process")
		a.PutStr("messaging.destination.name", o.route)
		a.PutStr("messaging.consumer.group.name", o.Service.Name)
	case o.Service.grpc:
		a.PutStr("rpc.system", "grpc")
		a.PutStr("rpc.service", o.route)
		a.PutStr("rpc.method", o.method)
		a.PutInt("rpc.grpc.status_code", int64(grpcStatus(s.res.fail)))
	default:
		a.PutStr("http.request.method", o.method)
		a.PutStr("http.route", o.route)
		a.PutStr("url.path", strings.ReplaceAll(o.route, "{id}", fmt.Sprint(w.traffic.IntN(100000))))
		a.PutInt("http.response.status_code", int64(status))
	}
	if s.r.tenant != "" && o.Service.layer == 0 {
		a.PutStr("tenant.id", s.r.tenant)
	}
}

func grpcStatus(f *failure) int {
	switch {
	case f == nil:
		return 0
	case f.kind == "timeout":
		return 4
	case f.status == 503 || f.status == 0:
		return 14
	}
	return 13
}

func exception(span ptrace.Span, f *failure, at int64) {
	event := span.Events().AppendEmpty()
	event.SetName("exception")
	event.SetTimestamp(pcommon.Timestamp(at))
	event.Attributes().PutStr("exception.type", f.kind)
	event.Attributes().PutStr("exception.message", f.message)
	if f.code != "" {
		event.Attributes().PutStr("exception.stacktrace", f.kind+": "+f.message+"\n\tat "+f.code)
	}
}

// clientSpan is one call.
type clientSpan struct {
	r          *request
	op         *Operation
	on         *Instance
	callee     *Instance
	call       *Call
	id, parent [8]byte
	at, end    int64
	fail       *failure
	failed     *failure // at the connection, not at the callee
}

func (w *World) emitClient(s *clientSpan) {
	s.on.observeCall(w, s)
	if s.failed != nil && w.traffic.happens(0.7) {
		text := fmt.Sprintf("call of %s failed: %s", s.call.target(), s.failed.message)
		w.line(s.on, s.end, s.r, s.parent, severityError, text)
	}
	if s.on.Service.red || !s.r.sampled {
		return
	}
	kind, name := ptrace.SpanKindClient, s.call.what
	switch op, b := s.call.op, s.call.backend; {
	case op != nil && !op.Service.grpc:
		name = op.method
	case op != nil:
	case b.kind == queue:
		kind = ptrace.SpanKindProducer
	case b.kind == external:
		name, _, _ = strings.Cut(s.call.what, " ")
	}
	span := w.span(s.r, s.on, s.id, s.parent, name, kind, s.at, s.end)
	w.describeClient(span.Attributes(), s)
	if s.fail != nil {
		span.Status().SetCode(ptrace.StatusCodeError)
		span.Status().SetMessage(s.fail.message)
		span.Attributes().PutStr("error.type", s.fail.kind)
		if s.failed != nil {
			exception(span, s.failed, s.end)
		}
	}
}

func (w *World) describeClient(a pcommon.Map, s *clientSpan) {
	if b := s.call.backend; b != nil {
		w.describeBackendCall(a, s, b)
		return
	}
	to := s.call.op
	a.PutStr("server.address", to.Service.Name)
	a.PutInt("server.port", 8080)
	if s.callee != nil && w.style.peer {
		a.PutStr("network.peer.address", s.callee.ip)
	}
	if to.Service.grpc {
		a.PutStr("rpc.system", "grpc")
		a.PutStr("rpc.service", to.route)
		a.PutStr("rpc.method", to.method)
		a.PutInt("rpc.grpc.status_code", int64(grpcStatus(s.fail)))
		return
	}
	a.PutStr("http.request.method", to.method)
	a.PutStr("url.full", "http://"+to.Service.Name+":8080"+to.route)
	if s.failed == nil {
		status := 200
		if s.fail != nil {
			status = max(500, s.fail.status)
		}
		a.PutInt("http.response.status_code", int64(status))
	}
}

func (w *World) describeBackendCall(a pcommon.Map, s *clientSpan, b *Backend) {
	a.PutStr("server.address", b.Host)
	a.PutInt("server.port", b.port)
	system := "db.system.name"
	if w.style.oldDB {
		system = "db.system"
	}
	switch b.kind {
	case database, cache:
		a.PutStr(system, b.flavour)
		operation, _, _ := strings.Cut(s.call.what, " ")
		a.PutStr("db.operation.name", operation)
		if s.call.text != "" {
			a.PutStr("db.query.text", s.call.text)
			a.PutStr("db.query.summary", s.call.what)
			a.PutStr("db.namespace", strings.TrimSuffix(b.Name, "-db"))
		}
	case queue:
		a.PutStr("messaging.system", "kafka")
		a.PutStr("messaging.operation.type", "send")
		a.PutStr("messaging.destination.name", s.call.table)
	case external:
		method, path, _ := strings.Cut(s.call.what, " ")
		a.PutStr("http.request.method", method)
		a.PutStr("url.full", "https://"+b.Host+path)
		if s.fail == nil {
			a.PutInt("http.response.status_code", 200)
		} else if s.fail.status > 0 {
			a.PutInt("http.response.status_code", int64(s.fail.status))
		}
	}
}

func (w *World) span(r *request, on *Instance, id, parent [8]byte, name string, kind ptrace.SpanKind, at, end int64) ptrace.Span {
	w.Spans++
	span := w.out.spans(w, on, w.arrival(on, end)).AppendEmpty()
	span.SetTraceID(r.trace)
	span.SetSpanID(id)
	span.SetParentSpanID(parent)
	span.SetName(name)
	span.SetKind(kind)
	span.SetStartTimestamp(pcommon.Timestamp(at + on.skew))
	span.SetEndTimestamp(pcommon.Timestamp(end + on.skew))
	span.SetFlags(3) // sampled, random
	if state := w.state; state != "" {
		span.TraceState().FromRaw(state)
	}
	return span
}

type severityNumber = plog.SeverityNumber
