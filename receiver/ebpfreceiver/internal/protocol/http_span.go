//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

// callID names a request so that both ends of the connection come to the same
// without talking to each other, be it on two hosts: by the client's address, the
// place in its stream, and what is asked. The server's address does not go in, as
// a load balancer may have changed it on the way.
type callID [4]uint64

func callOf(ends *emit.Endpoints, server bool, seq uint32, verb, object string) callID {
	client, port := &ends.Local, ends.LocalPort
	if server {
		client, port = &ends.Remote, ends.RemotePort
	}
	var room [128]byte
	text := append(room[:0], client[:]...)
	text = binary.BigEndian.AppendUint16(text, port)
	text = binary.BigEndian.AppendUint32(text, seq)
	text = append(text, verb...)
	text = append(text, ' ')
	text = append(text, object...)
	trace, spans := xxh3.Hash128(text), xxh3.Hash128Seed(text, 1)
	return callID{trace.Hi, trace.Lo, spans.Hi, spans.Lo}
}

func (id *callID) trace() (t pcommon.TraceID) {
	binary.BigEndian.PutUint64(t[:8], id[0])
	binary.BigEndian.PutUint64(t[8:], id[1])
	return t
}

func (id *callID) client() pcommon.SpanID { return spanID(id[2]) }
func (id *callID) Server() pcommon.SpanID { return spanID(id[3]) }

func spanID(n uint64) (s pcommon.SpanID) {
	binary.BigEndian.PutUint64(s[:], n)
	return s
}

// span reports one exchange. Of the optional attributes of the conventions it
// has those that a query may use; each attribute costs a part of what a span
// does.
func (p *HTTPProbe) span(s *served, clientSeen bool, out *emit.Batch) {
	e, server := s.exchange, s.conn.speaker.Server
	method, original := methodOf(e.Request.Method)
	state, kept := p.sampled(s)
	if !kept {
		p.pool.Put(e)
		return
	}
	span := out.Span(titleOf(method), s.of)
	p.streams.Hops.putContext(span, s, server, clientSeen)
	if state != "" {
		span.TraceState().FromRaw(state)
	}
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(e.Start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(e.End))
	attributes := span.Attributes()
	attributes.EnsureCapacity(attributesOf(server))
	attributes.PutStr(semconv.HTTPRequestMethod, method)
	emit.PutText(attributes, semconv.HTTPRequestMethodOriginal, original)
	emit.PutText(attributes, semconv.URLPath, pathOf(e.Request.Target))
	attributes.PutStr(semconv.NetworkProtocolVersion, versionOf(&e.Request))
	attributes.PutInt(semconv.HTTPRequestBodySize, e.RequestBody)
	attributes.PutStr(semconv.NetworkPeerAddress, s.conn.remote)
	attributes.PutInt(semconv.NetworkPeerPort, int64(s.conn.ends.RemotePort))
	target := s.conn.targetOf(e.Request.Host)
	attributes.PutStr(semconv.ServerAddress, target.name)
	attributes.PutInt(semconv.ServerPort, int64(target.port))
	if server {
		attributes.PutStr(semconv.URLScheme, s.conn.scheme())
		attributes.PutStr(semconv.ClientAddress, s.conn.remote)
		emit.PutText(attributes, semconv.UserAgentOriginal, e.Request.UserAgent)
	} else {
		attributes.PutStr(semconv.URLFull, s.conn.urlOf(&e.Request))
	}
	s.conn.ends.PutNamespace(attributes)
	if !server {
		s.conn.ends.PutListener(attributes, out.Table)
	}
	putOutcome(span, e, server)
	s.series.SetExemplar(emit.Exemplar{At: e.End, Trace: span.TraceID(), Span: span.SpanID()}, max(0, e.End.Sub(e.Start).Seconds()))
	p.pool.Put(e)
}

// attributesOf a span are as many as it has without a fault: room for more is most of
// the garbage that a span makes.
func attributesOf(server bool) int {
	if server {
		return 14
	}
	return 13
}

// putOutcome writes how it ended.
func putOutcome(span ptrace.Span, e *http1.Exchange, server bool) {
	attributes, status := span.Attributes(), e.Response.Status
	if status != 0 {
		attributes.PutInt(semconv.HTTPResponseStatusCode, int64(status))
		attributes.PutInt(semconv.HTTPResponseBodySize, e.ResponseBody)
	}
	if fault := httpFaultOf(e, server); fault != "" {
		attributes.PutStr(semconv.ErrorType, fault)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
}

// httpFaultOf is error.type: of anyone who reads no more than the status from 400 on for
// clients, from 500 on for servers.
func httpFaultOf(e *http1.Exchange, server bool) string {
	status := e.Response.Status
	switch {
	case status >= 500, status >= 400 && !server:
		return strconv.Itoa(status)
	case e.Cut:
		return "connection_closed"
	}
	return ""
}

// parseTraceparent reads the header of W3C Trace Context, of version 00 or one
// that begins as it does.
func parseTraceparent(text string) (trace pcommon.TraceID, span pcommon.SpanID, flags byte, ok bool) {
	const size = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(text) < size || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
		len(text) > size && (text[:2] == "00" || text[size] != '-') || text != strings.ToLower(text) {
		return trace, span, 0, false
	}
	var version, flag [1]byte
	for _, part := range []struct {
		to   []byte
		text string
	}{{version[:], text[:2]}, {trace[:], text[3:35]}, {span[:], text[36:52]}, {flag[:], text[53:55]}} {
		if _, err := hex.Decode(part.to, []byte(part.text)); err != nil {
			return trace, span, 0, false
		}
	}
	ok = version[0] != 0xff && !trace.IsEmpty() && !span.IsEmpty()
	return trace, span, flag[0], ok
}

// methodOf returns the method as the semantic conventions want it, and its
// original if that is none that they know.
func methodOf(method string) (known, original string) {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH":
		return method, ""
	}
	return "_OTHER", method
}

// titleOf is the name of the span: no one knows a request's route from outside, and a
// method that is made up would make up names.
func titleOf(method string) string {
	if method == "_OTHER" {
		return "HTTP"
	}
	return method
}

func versionOf(h *http1.Head) string {
	if h.Minor == 0 {
		return "1.0"
	}
	return "1.1"
}
