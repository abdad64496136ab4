//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/dbwire"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// requestStalled is an event of a request that has had no byte for too long.
const requestStalled = semconv.EventRequestStalled

// waits counts the requests that have no answer yet, when they are collected.
type waits struct {
	protocol     string
	stalledAfter time.Duration
	active, age  emit.Metric
	now, before  map[waiting]wait
}

// waiting is whose requests wait, and on which side.
type waiting struct {
	place  *identity.Place
	server bool
}

type wait struct {
	requests int64
	oldest   time.Time
}

func newWaits(protocol string, stalledAfter time.Duration) waits {
	return waits{
		protocol: protocol, stalledAfter: stalledAfter,
		active: emit.Metric{Name: semconv.MetricRequestActive, Unit: "{request}", Description: "Requests without a complete response."},
		age:    emit.Metric{Name: semconv.MetricRequestOldestAge, Unit: "s", Description: "Age of the oldest request without a complete response."},
		now:    map[waiting]wait{}, before: map[waiting]wait{},
	}
}

func (w *waits) add(of waiting, start time.Time) {
	sum := w.now[of]
	if sum.requests++; sum.oldest.IsZero() || start.Before(sum.oldest) {
		sum.oldest = start
	}
	w.now[of] = sum
}

// collect reports what waits, and once that nothing does any more.
func (w *waits) collect(out *emit.Batch) {
	for of := range w.before {
		if _, still := w.now[of]; !still {
			w.report(of, wait{oldest: out.Now}, out)
		}
	}
	for of, sum := range w.now {
		w.report(of, sum, out)
	}
	w.now, w.before = w.before, w.now
	clear(w.now)
}

func (w *waits) report(of waiting, sum wait, out *emit.Batch) {
	active, age := out.Gauge(&w.active, of.place), out.Gauge(&w.age, of.place)
	active.SetIntValue(sum.requests)
	age.SetDoubleValue(max(0, out.Now.Sub(sum.oldest).Seconds()))
	for _, to := range []pcommon.Map{active.Attributes(), age.Attributes()} {
		to.PutStr(semconv.NetworkProtocolName, w.protocol)
		to.PutStr(semconv.ConnectionRole, sideOf(of.server))
	}
}

func sideOf(server bool) string {
	if server {
		return semconv.Server
	}
	return semconv.Client
}

// stalls reports whether a request is to be reported, for nothing has passed since.
func (w *waits) stalls(active time.Time, out *emit.Batch) bool {
	return w.stalledAfter > 0 && out.Now.Sub(active) >= w.stalledAfter
}

// event begins that of a request that stalls.
func (w *waits) event(of *identity.Process, server bool, start time.Time, out *emit.Batch) pcommon.Map {
	event := out.Event(requestStalled, of, out.Now)
	emit.Warns(event)
	emit.PutLineage(event.Attributes(), of, out.Table)
	to, age := event.Attributes(), out.Now.Sub(start)
	to.PutStr(semconv.NetworkProtocolName, w.protocol)
	to.PutStr(semconv.ConnectionRole, sideOf(server))
	to.PutDouble(semconv.RequestAge, age.Seconds())
	event.Body().SetStr(fmt.Sprintf("%s request has no complete response after %s", w.protocol, age.Round(time.Second)))
	return to
}

// wait looks at the requests that wait. Those of which records were lost wait for
// nothing that would be seen.
func (p *HTTPProbe) wait(out *emit.Batch) {
	for _, key := range p.conns.Keys() {
		conn, _ := p.conns.Peek(key)
		speaker := &conn.speaker
		if len(speaker.Pending()) == 0 {
			conn.check = check{}
			continue
		}
		if p.streams.silent(key, &conn.check, speaker.Next()) {
			speaker.Lose()
			p.fail(conn)
			continue
		}
		for _, e := range speaker.Pending() {
			if !e.Lost && !e.Ignored {
				p.waits.add(waiting{conn.of.Place, speaker.Server}, e.Start)
			}
		}
		if first := speaker.Pending()[0]; !first.Lost && !first.Ignored && !first.Stalled && p.waits.stalls(first.Active, out) {
			p.stalled(conn, first, out)
		}
	}
	p.waits.collect(out)
}

func (p *HTTPProbe) stalled(conn *httpConn, e *http1.Exchange, out *emit.Batch) {
	e.Stalled = true
	to := p.waits.event(conn.of, conn.speaker.Server, e.Start, out)
	method, original := methodOf(e.Request.Method)
	to.PutStr(semconv.HTTPRequestMethod, method)
	emit.PutText(to, semconv.HTTPRequestMethodOriginal, original)
	emit.PutText(to, semconv.URLPath, pathOf(e.Request.Target))
	if e.Response.Status != 0 {
		to.PutInt(semconv.HTTPResponseStatusCode, int64(e.Response.Status))
	}
	target := conn.targetOf(e.Request.Host)
	to.PutStr(semconv.ServerAddress, target.name)
	to.PutInt(semconv.ServerPort, int64(target.port))
	emit.PutPeer(to, conn.ends.RemoteAddr(), conn.ends.RemotePort)
}

// wait is the same of calls to a database.
func (p *DatabaseProbe) wait(out *emit.Batch) {
	for _, key := range p.conns.Keys() {
		conn, _ := p.conns.Peek(key)
		pending := conn.speaker.Pending()
		if len(pending) == 0 {
			conn.check = check{}
			continue
		}
		if p.streams.silent(key, &conn.check, conn.speaker.Next()) {
			conn.speaker.Lose()
			p.fail(conn)
			continue
		}
		for _, c := range pending {
			if !c.Lost {
				p.waits.add(waiting{conn.of.Place, conn.speaker.Server()}, c.Start)
			}
		}
		if first := pending[0]; !first.Lost && !first.Stalled && !mayWait(first.Operation) && p.waits.stalls(conn.speaker.Active(), out) {
			p.stalled(conn, first, out)
		}
	}
	p.waits.collect(out)
}

func (p *DatabaseProbe) stalled(conn *databaseConn, c *dbwire.Call, out *emit.Batch) {
	c.Stalled = true
	server := conn.speaker.Server()
	to := p.waits.event(conn.of, server, c.Start, out)
	to.PutStr(semconv.DBSystemName, p.name)
	to.PutStr(semconv.DBOperationName, c.Operation)
	emit.PutText(to, semconv.DBNamespace, c.Namespace)
	at := conn.serverAt(server)
	to.PutStr(semconv.ServerAddress, at.name)
	to.PutInt(semconv.ServerPort, int64(at.port))
	emit.PutPeer(to, conn.ends.RemoteAddr(), conn.ends.RemotePort)
}

// mayWait reports whether the command of Redis waits for something to happen.
func mayWait(operation string) bool {
	switch operation {
	case "BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "XREAD", "XREADGROUP", "WAIT", "WAITAOF":
		return true
	}
	return false
}
