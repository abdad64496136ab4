//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// hop takes in what the record says of who asks for what.
func (p *HTTPProbe) hop(r *streamRecord, conn *httpConn, out *emit.Batch) {
	defer p.streams.Hops.around(r, conn.of, out)()
	speaker, begun := &conn.speaker, conn.speaker.Begun()
	received := r.Direction == 0
	if speaker.Known() && !speaker.Server {
		p.streams.Hops.close(r.Conn) // it may have looked like the other end
		for _, e := range begun {
			if e.Shift == 0 && !e.Ignored {
				d := r.departure(e.Mark, conn.of, out)
				d.header = contextOf(e.Request.Traceparent)
				p.streams.Hops.send(d)
			}
		}
		return
	}
	if !speaker.Server && !received {
		return
	}
	a := arrival{conn: r.Conn, thread: r.threadKey(), received: received, pending: len(speaker.Pending())}
	if len(begun) == 1 && begun[0].Shift == 0 {
		a.begun = &Inbound{Mark: begun[0].Mark, Header: contextOf(begun[0].Request.Traceparent), unseen: r.Unseen}
	}
	p.streams.Hops.serve(&a)
}

// hop takes in what the record says of who asks for what.
func (p *DatabaseProbe) hop(r *streamRecord, conn *databaseConn, out *emit.Batch) {
	defer p.streams.Hops.around(r, conn.of, out)()
	if conn.speaker.Server() {
		a := arrival{conn: r.Conn, thread: r.threadKey(), received: r.Direction == 0, pending: len(conn.speaker.Pending())}
		begun := conn.speaker.Begun()
		if len(begun) == 1 {
			a.begun = &Inbound{Mark: begun[0].Mark, unseen: r.Unseen, database: true}
		}
		if !a.received || len(begun) > 0 || a.pending > 0 { // else it logs in
			p.streams.Hops.serve(&a)
		}
		return
	}
	for _, c := range conn.speaker.Begun() {
		p.streams.Hops.send(r.departure(c.Mark, conn.of, out))
	}
}

// around takes in what the thread had in hand before a record, and with the function that
// it returns what it has after.
func (h *Hops) around(r *streamRecord, of *identity.Process, out *emit.Batch) (after func()) {
	if h.timeline == nil {
		return func() {}
	}
	d := &Departure{Process: r.processKey(), Name: of.Name, Thread: r.threadKey(), Unseen: r.Unseen, Now: out.Now}
	h.Witness(d, r.Time)
	return func() { h.Witness(d, r.Time) }
}

// putContext joins the span to the trace of the application where the request
// carries one.
func (h *Hops) putContext(span ptrace.Span, s *served, server, clientSeen bool) {
	header := contextOf(s.exchange.Request.Traceparent)
	h.put(span, s.id(), header, server, clientSeen)
}

// put joins a client's span to that of the request for which it was sent, and a
// server's span to that of its client where both are here.
func (h *Hops) put(span ptrace.Span, id callID, header TraceContext, server, clientSeen bool) {
	context := h.TraceOf(id, header)
	span.SetTraceID(context.Trace)
	span.SetFlags(uint32(context.flags))
	if header.ok {
		span.SetParentSpanID(header.span)
	}
	if server {
		span.SetKind(ptrace.SpanKindServer)
		span.SetSpanID(id.Server())
		if clientSeen {
			span.SetParentSpanID(id.client())
		}
		return
	}
	span.SetKind(ptrace.SpanKindClient)
	span.SetSpanID(id.client())
	up, ok := h.parents.Peek(id[0])
	switch {
	case !ok:
	case up.linked:
		link := span.Links().AppendEmpty()
		link.SetTraceID(h.TraceOf(up.parent, up.header).Trace)
		link.SetSpanID(up.parent.Server())
	default:
		span.SetParentSpanID(up.parent.Server())
	}
}
