//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// span reports one call. The histogram is of clients only, as the conventions have
// none for the server of a database.
func (p *DatabaseProbe) span(c *databaseCall, clientSeen bool, out *emit.Batch) {
	server := c.conn.speaker.Server()
	span := out.Span(c.title(), c.of)
	id := callID(c.Mark)
	p.streams.Hops.put(span, id, TraceContext{}, server, clientSeen)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(c.Start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(c.End))
	fault := c.put(span, p.name, server)
	if !server {
		c.conn.ends.PutListener(span.Attributes(), out.Table)
		p.count(c, fault, span)
	}
}

// title is the name of the span.
func (c *databaseCall) title() string {
	if c.Namespace == "" {
		return c.Operation
	}
	return c.Operation + " " + c.Namespace
}

func (c *databaseCall) put(span ptrace.Span, system string, server bool) (fault string) {
	to := span.Attributes()
	to.EnsureCapacity(12)
	to.PutStr(semconv.DBSystemName, system)
	to.PutStr(semconv.DBOperationName, c.Operation)
	emit.PutText(to, semconv.DBNamespace, c.Namespace)
	emit.PutText(to, semconv.DBQueryText, c.Text)
	to.PutStr(semconv.NetworkPeerAddress, c.conn.remote)
	to.PutInt(semconv.NetworkPeerPort, int64(c.conn.ends.RemotePort))
	at := c.conn.serverAt(server)
	to.PutStr(semconv.ServerAddress, at.name)
	to.PutInt(semconv.ServerPort, int64(at.port))
	if server {
		to.PutStr(semconv.ClientAddress, c.conn.remote)
	}
	c.conn.ends.PutNamespace(to)
	emit.PutText(to, semconv.DBResponseStatusCode, c.Code)
	fault = c.Code
	if c.Cut {
		fault = "connection_closed"
	}
	if fault != "" {
		to.PutStr(semconv.ErrorType, fault)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	return fault
}

// serverAt is the server by its address.
func (c *conversation[T]) serverAt(here bool) target {
	if here {
		return target{c.local, c.ends.LocalPort}
	}
	return target{c.remote, c.ends.RemotePort}
}

type databaseLabels struct {
	place     *identity.Place
	operation string
	namespace string
	code      string
	fault     string
	at        target
	overflow  bool
}

// databaseBounds are the buckets that the conventions advise.
func databaseBounds() []float64 { return []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10} }

func newDatabaseDurations(system string) emit.Durations[databaseLabels] {
	return emit.Durations[databaseLabels]{
		Metric: emit.Metric{
			Name: semconv.MetricDBClientOperationDuration, Unit: "s", Description: "Duration of database client operations.", Bounds: databaseBounds(),
		},
		Place:  func(l databaseLabels) *identity.Place { return l.place },
		Label:  func(l databaseLabels, to pcommon.Map) { l.put(system, to) },
		Series: map[databaseLabels]*emit.Duration{},
	}
}

func (p *DatabaseProbe) count(c *databaseCall, fault string, span ptrace.Span) {
	labels := databaseLabels{
		place: c.of.Place, operation: c.Operation, namespace: c.Namespace, code: c.Code, fault: fault, at: c.conn.serverAt(false),
	}
	rest := databaseLabels{place: c.of.Place, overflow: true}
	p.taken.Add(labels, rest, c.End.Sub(c.Start), emit.Exemplar{At: c.End, Trace: span.TraceID(), Span: span.SpanID()})
}

func (l databaseLabels) put(system string, to pcommon.Map) {
	to.PutStr(semconv.DBSystemName, system)
	if l.overflow {
		to.PutBool(semconv.OtelMetricOverflow, true)
		return
	}
	to.PutStr(semconv.DBOperationName, l.operation)
	emit.PutText(to, semconv.DBNamespace, l.namespace)
	emit.PutText(to, semconv.DBResponseStatusCode, l.code)
	emit.PutText(to, semconv.ErrorType, l.fault)
	to.PutStr(semconv.ServerAddress, l.at.name)
	to.PutInt(semconv.ServerPort, int64(l.at.port))
}
