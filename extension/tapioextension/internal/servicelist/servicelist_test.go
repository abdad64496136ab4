// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package servicelist_test

import (
	"context"
	"errors"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/extension/tapioextension/internal/servicelist"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
)

const begin = model.Nanos(1_700_000_000e9)

// metrics writes points of counters and histograms, one every 10 s from begin on.
type metrics struct {
	store *store.Store
}

func text(keyValues ...string) (list model.Attributes) {
	for i := 0; i < len(keyValues); i += 2 {
		list = append(list, model.KeyValue{Key: keyValues[i], Value: model.StringValue(keyValues[i+1])})
	}
	return list
}

func (m *metrics) add(t *testing.T, service, instance string, metric model.Metric, attributes model.Attributes, points ...model.Point) {
	t.Helper()
	series := &model.Series{
		Metric: &metric, Scope: &model.Scope{}, Attributes: attributes,
		Resource: &model.Resource{Attributes: text("service.name", service, "service.instance.id", instance)},
	}
	for i := range points {
		points[i].Series, points[i].Time = series, begin+model.Nanos(i)*10e9
	}
	_, err := m.store.AppendPoints(points)
	require.NoError(t, err)
}

func numbers(values ...float64) []model.Point {
	points := make([]model.Point, len(values))
	for i, v := range values {
		points[i] = model.Point{Number: model.NumberDouble, Bits: math.Float64bits(v)}
	}
	return points
}

// histograms are points with the bounds 0.1, 0.5 and 1.
func histograms(counts ...[]uint64) []model.Point {
	points := make([]model.Point, len(counts))
	for i, list := range counts {
		h := &model.Histogram{Bounds: []float64{0.1, 0.5, 1}, Counts: list}
		for _, n := range list {
			h.Count += n
		}
		points[i].Histogram = h
	}
	return points
}

func counter(name string) model.Metric {
	return model.Metric{Name: name, Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative}
}

func histogram(name string) model.Metric {
	return model.Metric{Name: name, Unit: "s", Type: model.MetricHistogram, Temporality: model.TemporalityCumulative}
}

func newMetrics() *metrics {
	return &metrics{store: store.New(store.Limits{Logs: 1 << 22, Traces: 1 << 22, Metrics: 1 << 24}, time.Now)}
}

func (m *metrics) list(t *testing.T) map[string]model.Service {
	t.Helper()
	q := model.ServiceQuery{
		Filter: model.Filter{Time: model.TimeRange{Start: begin - 60e9, End: begin + 600e9}}, Paging: model.ListPaging{Limit: 100},
	}
	list, err := servicelist.List(t.Context(), m.store.Reader(), q)
	require.NoError(t, err)
	found := map[string]model.Service{}
	for i := range list.Items {
		found[list.Items[i].Name] = list.Items[i]
	}
	return found
}

func TestRequestsOfAServiceWithoutSpansAreThoseOfItsMetrics(t *testing.T) {
	m := newMetrics()
	for _, instance := range []string{"a", "b"} {
		m.add(t, "cart", instance, histogram("http.server.request.duration"), text("http.response.status_code", "200"),
			histograms([]uint64{5, 5, 0, 0}, []uint64{45, 15, 0, 0}, []uint64{85, 25, 0, 0})...)
		m.add(t, "cart", instance, histogram("http.server.request.duration"), text("http.response.status_code", "503"),
			histograms([]uint64{0, 0, 0, 1}, []uint64{0, 0, 5, 1}, []uint64{0, 0, 10, 1})...)
		m.add(t, "cart", instance, counter("http_requests_total"), text("code", "200"), numbers(1000, 1090, 9999)...)
		m.add(t, "cart", instance, counter("cache_requests_total"), text("code", "200"), numbers(0, 1e6)...)
	}
	m.add(t, "cart", "a", histogram("http.client.request.duration"), text("http.response.status_code", "200"), histograms([]uint64{0, 0, 0, 0}, []uint64{999, 0, 0, 0})...)
	red := m.list(t)["cart"].RED
	assert.True(t, red.Metrics)
	assert.False(t, red.Kernel)
	assert.EqualValues(t, 2*(80+20+10), red.Requests, "of the metric with durations, both instances")
	assert.EqualValues(t, 2*10, red.Errors)
	assert.InDelta(t, 2*110/20.0, red.Rate, 1e-9)
	assert.InDelta(t, 0.07, red.P50.Seconds(), 0.015)
	assert.InDelta(t, 0.77, red.P95.Seconds(), 0.05)
}

func TestErrorsComeFromTheMetricThatReportsThem(t *testing.T) {
	m := newMetrics()
	m.add(t, "pay", "a", histogram("http_request_duration_seconds"), nil, histograms([]uint64{0, 0, 0, 0}, []uint64{100, 0, 0, 0})...)
	m.add(t, "pay", "a", counter("http_requests_total"), text("status", "200"), numbers(0, 75)...)
	m.add(t, "pay", "a", counter("http_requests_total"), text("status", "500"), numbers(0, 25)...)
	red := m.list(t)["pay"].RED
	assert.EqualValues(t, 100, red.Requests)
	assert.EqualValues(t, 25, red.Errors)
}

func TestACounterThatBeginsAgainIsNoNegativeRate(t *testing.T) {
	m := newMetrics()
	m.add(t, "pay", "a", counter("http_requests_total"), text("status", "200"), numbers(1000, 1010, 4, 10)...)
	m.add(t, "pay", "b", counter("http_requests_total"), text("status", "200"), numbers(1, math.NaN(), math.Inf(1), 5)...)
	delta := counter("grpc_server_handled_total")
	delta.Temporality = model.TemporalityDelta
	m.add(t, "mail", "a", delta, text("grpc_code", "OK"), numbers(3, 4)...)
	m.add(t, "mail", "a", delta, text("grpc_code", "Unavailable"), numbers(1, 2)...)
	found := m.list(t)
	assert.EqualValues(t, 10+4+6, found["pay"].RED.Requests)
	assert.EqualValues(t, 10, found["mail"].RED.Requests)
	assert.EqualValues(t, 3, found["mail"].RED.Errors)
}

func TestSpansComeBeforeMetrics(t *testing.T) {
	m := newMetrics()
	m.add(t, "web", "a", counter("http_requests_total"), text("status", "200"), numbers(0, 75)...)
	m.add(t, "idle", "a", counter("process_cpu_seconds_total"), nil, numbers(0, 75)...)
	_, err := m.store.AppendSpans([]model.Span{{
		TraceID: model.TraceID{1}, SpanID: model.SpanID{2}, Start: begin, End: begin + 1e6, Kind: 2, Name: "GET /",
		Resource: &model.Resource{Attributes: text("service.name", "web")}, Scope: &model.Scope{},
	}})
	require.NoError(t, err)
	found := m.list(t)
	assert.EqualValues(t, 1, found["web"].RED.Requests)
	assert.False(t, found["web"].RED.Metrics)
	assert.Zero(t, found["idle"].RED.Requests, "no metric of it counts requests")
	assert.False(t, found["idle"].RED.Metrics)
}

// reader fails where a test wants it to.
type reader struct {
	services []model.Service
	metrics  error
}

func (r reader) ListServices(context.Context, model.ServiceQuery) (model.List[model.Service], error) {
	return model.List[model.Service]{Items: r.services}, nil
}

func (r reader) ListMetrics(context.Context, model.MetricQuery) (model.List[model.MetricInfo], error) {
	return model.List[model.MetricInfo]{}, r.metrics
}

func (reader) SelectSeries(context.Context, model.SeriesQuery) (query.SeriesSet, error) {
	return nil, errors.New("not needed")
}

func TestMetricsAreReadOnlyForServicesThatNeedThem(t *testing.T) {
	failure := errors.New("the backend is away")
	for i, services := range [][]model.Service{nil, {{Name: "logs", Logs: 1}}, {{Name: "web", Series: 1, RED: model.RED{Requests: 1}}}} {
		_, err := servicelist.List(t.Context(), reader{services, failure}, model.ServiceQuery{})
		require.NoError(t, err, strconv.Itoa(i))
	}
	ctx, notes := query.WithNotes(t.Context())
	list, err := servicelist.List(ctx, reader{[]model.Service{{Name: "bare", Series: 1}}, model.Exhausted("the query holds %d MiB", 64)}, model.ServiceQuery{})
	require.NoError(t, err)
	assert.Len(t, list.Items, 1, "services are listed all the same")
	require.Len(t, notes.List(), 1)
	assert.Contains(t, notes.List()[0].Message, "not counted: the query holds 64 MiB")
	_, err = servicelist.List(t.Context(), reader{[]model.Service{{Name: "bare", Series: 1}}, failure}, model.ServiceQuery{})
	require.ErrorIs(t, err, failure)
	_, err = servicelist.List(t.Context(), reader{[]model.Service{{Name: "bare", Series: 1}}, nil}, model.ServiceQuery{})
	require.NoError(t, err, "no metric of requests")
}
