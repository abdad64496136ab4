//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// httpLabels are those of the two histograms. The address is the server's, and
// reported on the side of the client only, as the conventions have it.
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
	server, client emit.Durations[httpLabels]
}

func newHTTPDurations() httpDurations {
	histogram := func(name, description string) emit.Durations[httpLabels] {
		return emit.Durations[httpLabels]{
			Metric: emit.Metric{Name: name, Unit: "s", Description: description, Bounds: emit.NetworkBounds()},
			Place:  func(l httpLabels) *identity.Place { return l.place },
			Label:  httpLabels.put,
			Series: map[httpLabels]*emit.Duration{},
		}
	}
	return httpDurations{
		server: histogram(semconv.MetricHTTPServerRequestDuration, "Duration of HTTP server requests."),
		client: histogram(semconv.MetricHTTPClientRequestDuration, "Duration of HTTP client requests."),
	}
}

// count counts an exchange that is complete, and returns where.
func (d *httpDurations) count(s *served) *emit.Duration {
	e, c := s.exchange, s.conn
	method, _ := methodOf(e.Request.Method)
	labels := httpLabels{
		place: s.of.Place, method: method, status: e.Response.Status, fault: httpFaultOf(e, c.speaker.Server),
		version: versionOf(&e.Request), scheme: c.scheme(),
	}
	if !c.speaker.Server {
		target := c.targetOf(e.Request.Host)
		labels.address, labels.port = target.name, target.port
	}
	to := d.side(c)
	if c.series == nil || c.series.Dropped || c.labels != labels {
		c.labels, c.series = labels, to.Of(labels, httpLabels{place: s.of.Place, overflow: true})
	}
	to.Count(c.series, e.End.Sub(e.Start), emit.Exemplar{})
	return c.series
}

func (d *httpDurations) side(c *httpConn) *emit.Durations[httpLabels] {
	if c.speaker.Server {
		return &d.server
	}
	return &d.client
}

// addCounts adds what the kernel has counted of a connection, under the labels of its
// last exchange that was sent. Of a connection that is not known any more they are
// not known either.
func (d *httpDurations) addCounts(c *httpConn, now, before *exchangeCounts, host *identity.Place) {
	if now.Count <= before.Count {
		return
	}
	if c.series == nil || c.series.Dropped {
		if c.labels.place == nil {
			c.labels = httpLabels{place: host, overflow: true}
		}
		c.series = d.side(c).Of(c.labels, httpLabels{place: c.labels.place, overflow: true})
	}
	for i := range now.Buckets {
		c.series.Counts[i] += now.Buckets[i] - before.Buckets[i]
	}
	c.series.Sum += float64(now.Sum-before.Sum) / 1e9
	c.series.Grown = true
}

func (d *httpDurations) collect(out *emit.Batch) {
	d.server.Collect(out)
	d.client.Collect(out)
}

func (l httpLabels) put(to pcommon.Map) {
	if l.overflow {
		to.PutBool(semconv.OtelMetricOverflow, true)
		return
	}
	to.PutStr(semconv.HTTPRequestMethod, l.method)
	to.PutStr(semconv.URLScheme, l.scheme)
	to.PutStr(semconv.NetworkProtocolVersion, l.version)
	if l.status != 0 {
		to.PutInt(semconv.HTTPResponseStatusCode, int64(l.status))
	}
	emit.PutText(to, semconv.ErrorType, l.fault)
	if l.address != "" {
		to.PutStr(semconv.ServerAddress, l.address)
		to.PutInt(semconv.ServerPort, int64(l.port))
	}
}
