// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// redKey identifies the series of a replica's requests.
type redKey struct {
	metric string
	a, b   string // route and method, or peer and operation
	status int
	kind   string // error.type
}

// red is a histogram of durations.
type red struct {
	sum     float64
	count   uint64
	buckets []uint64
	system  string
	port    int64
}

func bounds() []float64 {
	return []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
}

func (i *Instance) series(key redKey) *red {
	r := i.red[key]
	if r == nil {
		r = &red{buckets: make([]uint64, len(bounds())+1)}
		i.red[key] = r
		i.order = append(i.order, key)
	}
	return r
}

func (r *red) add(seconds float64) {
	r.sum += seconds
	r.count++
	at, _ := slices.BinarySearch(bounds(), seconds)
	r.buckets[at]++
}

// observe counts a run of an operation where the replica reports metrics of them.
func (i *Instance) observe(w *World, s *serverSpan) {
	if !i.Service.red && !w.style.redToo || s.op.internal {
		return
	}
	key := redKey{metric: "http.server.request.duration", a: s.op.route, b: s.op.method, status: 200}
	switch {
	case s.op.method == "process":
		key.metric, key.status = "messaging.process.duration", 0
	case i.Service.grpc:
		key.metric, key.status = "rpc.server.duration", grpcStatus(s.res.fail)
	case s.res.fail != nil:
		key.status = max(500, s.res.fail.status)
	}
	if s.res.fail != nil {
		key.kind = s.res.fail.kind
	}
	i.series(key).add(float64(s.res.end-s.at) / 1e9)
}

// observeCall counts a call.
func (i *Instance) observeCall(w *World, s *clientSpan) {
	if !i.Service.red && !w.style.redToo {
		return
	}
	key := redKey{metric: "http.client.request.duration", a: s.call.target()}
	switch {
	case s.call.op != nil && s.call.op.Service.grpc:
		key.metric, key.b, key.status = "rpc.client.duration", s.call.op.route+"/"+s.call.op.method, grpcStatus(s.fail)
	case s.call.op != nil:
		key.b, key.status = s.call.op.method, 200
	case s.call.backend.kind == queue:
		key.metric, key.b = "messaging.client.operation.duration", "send"
	case s.call.backend.kind != external:
		key.metric = "db.client.operation.duration"
		key.b, _, _ = strings.Cut(s.call.what, " ")
	default:
		key.b, _, _ = strings.Cut(s.call.what, " ")
		key.status = 200
	}
	if s.fail != nil {
		key.kind = s.fail.kind
		if key.metric == "http.client.request.duration" {
			key.status = s.fail.status
		}
	}
	r := i.series(key)
	r.add(float64(s.end-s.at) / 1e9)
	if s.call.backend != nil {
		r.system, r.port = s.call.backend.flavour, s.call.backend.port
	}
}

// reds reports the histograms of a replica.
func (w *World) reds(on *Instance, t int64) {
	if len(on.red) == 0 {
		return
	}
	to := w.out.metrics(on, t+second, func(r pcommon.Resource) { w.describe(r, on) })
	byName := map[string]pmetric.Histogram{}
	for _, key := range on.redKeys() {
		held := on.red[key]
		h, made := byName[key.metric]
		if !made {
			m := to.AppendEmpty()
			m.SetName(key.metric)
			m.SetUnit("s")
			h = m.SetEmptyHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			byName[key.metric] = h
		}
		w.Points++
		p := h.DataPoints().AppendEmpty()
		p.SetStartTimestamp(pcommon.Timestamp(on.born))
		p.SetTimestamp(pcommon.Timestamp(t))
		p.SetSum(held.sum)
		p.SetCount(held.count)
		p.ExplicitBounds().FromRaw(bounds())
		p.BucketCounts().FromRaw(held.buckets)
		key.label(p.Attributes(), held)
	}
}

func (k redKey) label(a pcommon.Map, r *red) {
	switch k.metric {
	case "http.server.request.duration":
		a.PutStr("http.route", k.a)
		a.PutStr("http.request.method", k.b)
		a.PutInt("http.response.status_code", int64(k.status))
	case "http.client.request.duration":
		a.PutStr("server.address", k.a)
		a.PutStr("http.request.method", k.b)
		if k.status > 0 {
			a.PutInt("http.response.status_code", int64(k.status))
		}
	case "rpc.server.duration":
		a.PutStr("rpc.service", k.a)
		a.PutStr("rpc.method", k.b)
		a.PutStr("rpc.grpc.status_code", strconv.Itoa(k.status))
	case "rpc.client.duration":
		service, method, _ := strings.Cut(k.b, "/")
		a.PutStr("server.address", k.a)
		a.PutStr("rpc.service", service)
		a.PutStr("rpc.method", method)
		a.PutStr("rpc.grpc.status_code", strconv.Itoa(k.status))
	case "db.client.operation.duration":
		a.PutStr("db.system.name", r.system)
		a.PutStr("server.address", k.a)
		a.PutInt("server.port", r.port)
		a.PutStr("db.operation.name", k.b)
	default: // messaging
		a.PutStr("messaging.system", "kafka")
		a.PutStr("messaging.destination.name", k.a)
		if k.b != "" {
			a.PutStr("messaging.operation.name", k.b)
		}
	}
	if k.kind != "" {
		a.PutStr("error.type", k.kind)
	}
}

// redKeys returns the keys in the order in which they were first counted, so that
// the same seed sends the same.
func (i *Instance) redKeys() []redKey { return i.order }
