// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redmetric_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/redmetric"
	"github.com/tapio/tapio/internal/model"
)

func attributes(pairs ...string) (list model.Attributes) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, model.KeyValue{Key: pairs[i], Value: model.StringValue(pairs[i+1])})
	}
	return list
}

// Names and attributes as the libraries write them.
func TestMetricsOfRequests(t *testing.T) {
	histogram, summary, counter := model.MetricHistogram, model.MetricSummary, model.MetricSum
	for name, c := range map[string]struct {
		kind       model.MetricType
		metric     string
		unit       string
		attributes model.Attributes
		want       redmetric.Metric
	}{
		"OpenTelemetry, server": {
			histogram, "http.server.request.duration", "s", attributes("http.request.method", "GET", "http.route", "/cart", "http.response.status_code", "503"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "GET /cart", Failed: true, Reports: true, Timed: true, Seconds: 1},
		},
		"OpenTelemetry by Prometheus": {
			histogram, "http_client_request_duration_seconds", "", attributes("http_request_method", "GET", "server_address", "pay", "http_response_status_code", "200"),
			redmetric.Metric{Kind: redmetric.Client, Operation: "GET", Peer: "pay", Reports: true, Timed: true, Seconds: 1},
		},
		"client_golang": {
			histogram, "http_request_duration_seconds", "", attributes("method", "GET", "handler", "/cart", "code", "500"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "GET /cart", Failed: true, Reports: true, Timed: true, Seconds: 1},
		},
		"client_golang, a counter": {
			counter, "http_requests_total", "", attributes("method", "POST", "code", "404"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "POST", Reports: true, Seconds: 1},
		},
		"Sock Shop": {
			histogram, "request_duration_seconds", "", attributes("method", "GET", "route", "/catalogue", "status_code", "500"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "GET /catalogue", Failed: true, Reports: true, Timed: true, Seconds: 1},
		},
		"Micrometer": {
			summary, "http_server_requests_seconds", "", attributes("method", "GET", "uri", "/cart", "outcome", "SERVER_ERROR", "status", "502", "exception", "None"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "GET /cart", Failed: true, Reports: true, Reason: "502", Timed: true, Seconds: 1},
		},
		"Micrometer over OTLP": {
			histogram, "http.server.requests", "ms", attributes("method", "GET", "uri", "/cart", "outcome", "SUCCESS", "exception", "none"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "GET /cart", Reports: true, Timed: true, Seconds: 1e-3},
		},
		"go-grpc-middleware": {
			counter, "grpc_server_handled_total", "", attributes("grpc_method", "Charge", "grpc_code", "Unavailable"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "Charge", Failed: true, Reports: true, Reason: "Unavailable", Seconds: 1},
		},
		"go-grpc-middleware, durations": {
			histogram, "grpc_server_handling_seconds", "", attributes("grpc_method", "Charge"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "Charge", Timed: true, Seconds: 1},
		},
		"nginx ingress": {
			histogram, "nginx_ingress_controller_request_duration_seconds", "", attributes("method", "GET", "path", "/", "status", "500"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "GET /", Failed: true, Reports: true, Timed: true, Seconds: 1},
		},
		"span metrics connector": {
			histogram, "traces.span.metrics.duration", "ms", attributes("span.kind", "SPAN_KIND_SERVER", "span.name", "GET /", "status.code", "STATUS_CODE_ERROR"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "GET /", Failed: true, Reports: true, Timed: true, Seconds: 1e-3},
		},
		"a consumer": {
			histogram, "messaging.process.duration", "s", attributes("messaging.destination.name", "orders", "error.type", "KeyError"),
			redmetric.Metric{Kind: redmetric.Server, Operation: "process orders", Messages: true, Peer: "orders", Failed: true, Reports: true, Reason: "KeyError", Timed: true, Seconds: 1},
		},
		"a database": {
			histogram, "db.client.operation.duration", "s", attributes("db.operation.name", "SELECT", "db.system.name", "postgresql"),
			redmetric.Metric{Kind: redmetric.Client, Operation: "SELECT", Peer: "postgresql", Timed: true, Seconds: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &model.Metric{Name: c.metric, Unit: c.unit, Type: c.kind, Monotonic: c.kind == counter, Temporality: model.TemporalityCumulative}
			got, found := redmetric.Read(m, c.attributes)
			assert.True(t, found)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestMetricsOfOtherThings(t *testing.T) {
	for name, kind := range map[string]model.MetricType{
		"http.server.request.body.size": model.MetricHistogram, "http.server.active_requests": model.MetricSum, "jvm.gc.duration": model.MetricHistogram,
		"db.client.connection.wait_time": model.MetricHistogram, "go_gc_duration_seconds": model.MetricSummary, "workqueue_queue_duration_seconds": model.MetricHistogram,
		"http_requests": model.MetricGauge, "kube_pod_container_resource_requests": model.MetricGauge, "process_cpu_seconds_total": model.MetricSum,
		"cache_requests_total": model.MetricSum, "http_requests_total": model.MetricSum, // without an attribute for the result
	} {
		_, found := redmetric.Read(&model.Metric{Name: name, Type: kind, Monotonic: kind == model.MetricSum}, nil)
		assert.False(t, found, name)
	}
}
