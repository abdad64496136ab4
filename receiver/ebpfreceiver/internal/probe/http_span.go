//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

// callID names a request so that both ends of the connection come to the same
// without talking to each other, be it on two hosts: by the client's address, the
// place in its stream, and what is asked. The server's address does not go in, as
// a load balancer may have changed it on the way.
type callID [sha256.Size]byte

func callOf(e *http1.Exchange, ends *endpoints, server bool) callID {
	client, port := ends.Local, ends.LocalPort
	if server {
		client, port = ends.Remote, ends.RemotePort
	}
	text := make([]byte, 0, 128)
	text = append(text, client[:]...)
	text = binary.BigEndian.AppendUint16(text, port)
	text = binary.BigEndian.AppendUint32(text, e.Seq)
	text = append(text, e.Request.Method...)
	text = append(text, ' ')
	text = append(text, e.Request.Target...)
	return sha256.Sum256(text)
}

func (id *callID) trace() pcommon.TraceID     { return pcommon.TraceID(id[:16]) }
func (id *callID) client() (s pcommon.SpanID) { return pcommon.SpanID(id[16:24]) }
func (id *callID) server() (s pcommon.SpanID) { return pcommon.SpanID(id[24:32]) }

// span tells one exchange, and counts it.
func (p *httpProbe) span(s *served, server, clientSeen bool, out *Batch) {
	e := s.exchange
	method, original := methodOf(e.Request.Method)
	span := out.Span(method, s.of, s.of.Name)
	putContext(span, s, server, clientSeen)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(e.Start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(e.End))
	attributes := span.Attributes()
	attributes.EnsureCapacity(24)
	attributes.PutStr(otlp.HTTPRequestMethod, method)
	putText(attributes, otlp.HTTPRequestMethodOrig, original)
	attributes.PutStr(otlp.URLScheme, "http")
	putText(attributes, otlp.URLPath, pathOf(e.Request.Target))
	putText(attributes, otlp.UserAgent, e.Request.UserAgent)
	attributes.PutStr(otlp.NetworkProtocolVer, versionOf(&e.Request))
	attributes.PutInt(otlp.HTTPRequestBodySize, e.RequestBody)
	s.ends.put(attributes)
	name, port := s.target(server)
	attributes.PutStr(otlp.ServerAddress, name)
	attributes.PutInt(otlp.ServerPort, int64(port))
	if server {
		attributes.PutStr(otlp.ClientAddress, s.ends.remote().String())
		attributes.PutInt(otlp.ClientPort, int64(s.ends.RemotePort))
	}
	fault := putOutcome(span, e, server)
	p.taken.add(s, server, method, fault, span)
}

// putOutcome writes how it ended, and returns error.type.
func putOutcome(span ptrace.Span, e *http1.Exchange, server bool) string {
	attributes, status := span.Attributes(), e.Response.Status
	if status != 0 {
		attributes.PutInt(otlp.HTTPResponseStatus, int64(status))
		attributes.PutInt(otlp.HTTPResponseBodySize, e.ResponseBody)
	}
	fault := ""
	switch {
	case e.Cut:
		fault = "connection_closed"
	case status >= 500, status >= 400 && !server:
		fault = strconv.Itoa(status)
	}
	if fault != "" {
		attributes.PutStr(otlp.ErrorType, fault)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	return fault
}

// putContext joins the span to the trace of the application where the request
// carries one, and a server's span to that of its client where both are here.
func putContext(span ptrace.Span, s *served, server, clientSeen bool) {
	span.SetTraceID(s.id.trace())
	span.SetSpanID(s.id.client())
	span.SetKind(ptrace.SpanKindClient)
	if trace, parent, flags, ok := parseTraceparent(s.exchange.Request.Traceparent); ok {
		span.SetTraceID(trace)
		span.SetParentSpanID(parent)
		span.SetFlags(uint32(flags))
	}
	if !server {
		return
	}
	span.SetKind(ptrace.SpanKindServer)
	span.SetSpanID(s.id.server())
	if clientSeen {
		span.SetParentSpanID(s.id.client())
	}
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

// pathOf leaves out the query, where secrets stand, and what a proxy is told.
func pathOf(target string) string {
	if _, rest, found := strings.Cut(target, "://"); found && !strings.HasPrefix(target, "/") {
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			return "/"
		}
		target = rest[slash:]
	}
	if !strings.HasPrefix(target, "/") {
		return "" // of OPTIONS * and CONNECT
	}
	path, _, _ := strings.Cut(target, "?")
	return path
}

func versionOf(h *http1.Head) string {
	if h.Minor == 0 {
		return "1.0"
	}
	return "1.1"
}

// target is the server as the client names it, else by its address.
func (s *served) target(server bool) (name string, port uint16) {
	at := netip.AddrPortFrom(s.ends.remote(), s.ends.RemotePort)
	if server {
		at = netip.AddrPortFrom(address(s.ends.Local), s.ends.LocalPort)
	}
	host := s.exchange.Request.Host
	if host == "" {
		return at.Addr().String(), at.Port()
	}
	name, port = host, 80
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && !strings.HasSuffix(host, "]") {
		if n, err := strconv.ParseUint(host[colon+1:], 10, 16); err == nil {
			name, port = host[:colon], uint16(n)
		}
	}
	return strings.Trim(name, "[]"), port
}
