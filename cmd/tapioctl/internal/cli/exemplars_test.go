// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// exemplar links to a span.
func exemplar(value float64) *metricsv1.Exemplar {
	return &metricsv1.Exemplar{
		TimeUnixNano: uint64(testNow().UnixNano()), Value: &metricsv1.Exemplar_AsDouble{AsDouble: value},
		TraceId: bytes.Repeat([]byte{0xab}, 16), SpanId: bytes.Repeat([]byte{0xcd}, 8),
	}
}

func TestExemplarsOfPoints(t *testing.T) {
	links := strings.Repeat("ab", 16) + ":" + strings.Repeat("cd", 8)
	points := []*metricsv1.HistogramDataPoint{
		{Count: 2, Exemplars: []*metricsv1.Exemplar{exemplar(0.5), {Value: &metricsv1.Exemplar_AsInt{AsInt: 7}}}}, {Count: 1},
	}
	c := newCLI(t, &fakeServer{getMetrics: func(*tapiov1.GetMetricsRequest) (*tapiov1.GetMetricsResponse, error) {
		return &tapiov1.GetMetricsResponse{ResourceMetrics: []*metricsv1.ResourceMetrics{{ScopeMetrics: []*metricsv1.ScopeMetrics{{Metrics: []*metricsv1.Metric{
			{Name: "latency", Data: &metricsv1.Metric_Histogram{Histogram: &metricsv1.Histogram{DataPoints: points}}},
		}}}}}}, nil
	}})
	r := c.run(t, "get", "metrics")
	requireSuccess(t, r)
	lines := strings.Split(r.out, "\n")
	assert.Regexp(t, `SERVICE  EXEMPLARS  LABELS$`, lines[0])
	assert.Regexp(t, `count=2 sum=0 .* 2$`, lines[1])
	assert.Regexp(t, `count=1 sum=0 .* -$`, lines[2])
	r = c.run(t, "get", "metrics", "-o", "wide")
	requireSuccess(t, r)
	assert.Contains(t, r.out, "0.5 "+links+", 7\n")
	points[0].Exemplars = nil
	assert.NotContains(t, c.run(t, "get", "metrics").out, "EXEMPLARS", "no column without any")
}

func TestExemplarsOfSeries(t *testing.T) {
	c := newCLI(t, &fakeServer{getMetrics: func(*tapiov1.GetMetricsRequest) (*tapiov1.GetMetricsResponse, error) {
		return &tapiov1.GetMetricsResponse{Series: []*tapiov1.MetricSeries{{
			MetricName: "latency", Labels: map[string]string{"service": "web"},
			Points:    []*tapiov1.MetricSeries_Point{{Time: timestamppb.New(testNow()), Value: 1}},
			Exemplars: []*metricsv1.Exemplar{exemplar(0.5), exemplar(1.5)},
		}}}, nil
	}})
	r := c.run(t, "get", "metrics", "--aggregation", "p95", "--group-by", "service")
	assert.Equal(t, "tapioctl: 2 exemplars link to traces: -o wide prints them\n", r.errOut)
	r = c.run(t, "get", "metrics", "--aggregation", "p95", "--group-by", "service", "-o", "wide")
	requireSuccess(t, r)
	assert.Regexp(t, `TIME +METRIC +service +EXEMPLAR +TRACE\n`, r.out)
	assert.Regexp(t, `latency +web +1\.5 +(ab){16}:(cd){8}\n`, r.out)
}
