//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// httpLabels are those of the two histograms. The address is the server's, and
// told on the side of the client only, as the conventions have it.
type httpLabels struct {
	place    *identity.Place
	method   string
	status   int
	fault    string
	version  string
	scheme   string
	address  string
	port     uint16
	overflow bool
}

type httpDurations struct {
	server, client durations[httpLabels]
}

func newHTTPDurations() httpDurations {
	histogram := func(name, description string) durations[httpLabels] {
		return durations[httpLabels]{
			metric: Metric{Name: name, Unit: "s", Description: description, Bounds: networkBounds()},
			place:  func(l httpLabels) *identity.Place { return l.place },
			label:  httpLabels.put,
			series: map[httpLabels]*duration{},
		}
	}
	return httpDurations{
		server: histogram("http.server.request.duration", "Duration of HTTP server requests."),
		client: histogram("http.client.request.duration", "Duration of HTTP client requests."),
	}
}

func (d *httpDurations) add(s *served, method, fault string, span ptrace.Span) {
	e, c := s.exchange, s.conn
	labels := httpLabels{
		place: s.of.Place, method: method, status: e.Response.Status, fault: fault, version: versionOf(&e.Request),
		scheme: c.scheme(),
	}
	to := &d.server
	if !c.speaker.Server {
		to = &d.client
		target := c.targetOf(e.Request.Host)
		labels.address, labels.port = target.name, target.port
	}
	if c.series == nil || c.series.dropped || c.labels != labels {
		rest := httpLabels{place: s.of.Place, overflow: true}
		c.labels, c.series = labels, to.of(labels, rest)
	}
	to.count(c.series, e.End.Sub(e.Start), exemplar{at: e.End, trace: span.TraceID(), span: span.SpanID()})
}

func (d *httpDurations) collect(out *Batch) {
	d.server.collect(out)
	d.client.collect(out)
}

func (l httpLabels) put(to pcommon.Map) {
	if l.overflow {
		to.PutBool(otlp.MetricOverflow, true)
		return
	}
	to.PutStr(otlp.HTTPRequestMethod, l.method)
	to.PutStr(otlp.URLScheme, l.scheme)
	to.PutStr(otlp.NetworkProtocolVer, l.version)
	if l.status != 0 {
		to.PutInt(otlp.HTTPResponseStatus, int64(l.status))
	}
	putText(to, otlp.ErrorType, l.fault)
	if l.address != "" {
		to.PutStr(otlp.ServerAddress, l.address)
		to.PutInt(otlp.ServerPort, int64(l.port))
	}
}
