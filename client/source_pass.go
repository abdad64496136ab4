// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"slices"
	"time"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/tapio/tapio/internal/semconv"
)

const sourceKey = semconv.Source

// labelled returns the resource with the label of the source. The caller's own
// is not changed.
func (s *Source) labelled(r *resourcev1.Resource) *resourcev1.Resource {
	if s.options.Name == "" {
		return r
	}
	attributes := slices.DeleteFunc(slices.Clone(r.GetAttributes()), func(kv *commonv1.KeyValue) bool { return kv.GetKey() == sourceKey })
	return &resourcev1.Resource{
		Attributes: append(attributes, &commonv1.KeyValue{
			Key: sourceKey, Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: s.options.Name}},
		}),
		DroppedAttributesCount: r.GetDroppedAttributesCount(),
		EntityRefs:             r.GetEntityRefs(),
	}
}

// passing returns the elements that are not dropped, in a list of its own.
func passing[T any](list []T, drop func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), drop)
}

func (s *Source) passLogs(list []*logsv1.ResourceLogs) (out []*logsv1.ResourceLogs) {
	now := time.Now()
	for _, of := range list {
		resource := s.labelled(of.GetResource())
		var scopes []*logsv1.ScopeLogs
		for _, scope := range of.GetScopeLogs() {
			records := passing(scope.GetLogRecords(), func(r *logsv1.LogRecord) bool {
				return s.logGate.Drop(now, s.options.KeepLog == nil || s.options.KeepLog(resource, r), [16]byte{})
			})
			if len(records) > 0 {
				scopes = append(scopes, &logsv1.ScopeLogs{Scope: scope.GetScope(), SchemaUrl: scope.GetSchemaUrl(), LogRecords: records})
			}
		}
		if len(scopes) > 0 {
			out = append(out, &logsv1.ResourceLogs{Resource: resource, SchemaUrl: of.GetSchemaUrl(), ScopeLogs: scopes})
		}
	}
	return out
}

func (s *Source) passTraces(list []*tracev1.ResourceSpans) (out []*tracev1.ResourceSpans) {
	now := time.Now()
	for _, of := range list {
		resource := s.labelled(of.GetResource())
		var scopes []*tracev1.ScopeSpans
		for _, scope := range of.GetScopeSpans() {
			spans := passing(scope.GetSpans(), func(span *tracev1.Span) bool {
				var trace [16]byte
				copy(trace[:], span.GetTraceId())
				return s.spanGate.Drop(now, s.options.KeepSpan == nil || s.options.KeepSpan(resource, span), trace)
			})
			if len(spans) > 0 {
				scopes = append(scopes, &tracev1.ScopeSpans{Scope: scope.GetScope(), SchemaUrl: scope.GetSchemaUrl(), Spans: spans})
			}
		}
		if len(scopes) > 0 {
			out = append(out, &tracev1.ResourceSpans{Resource: resource, SchemaUrl: of.GetSchemaUrl(), ScopeSpans: scopes})
		}
	}
	return out
}

func (s *Source) passMetrics(list []*metricsv1.ResourceMetrics) (out []*metricsv1.ResourceMetrics) {
	now := time.Now()
	for _, of := range list {
		resource := s.labelled(of.GetResource())
		var scopes []*metricsv1.ScopeMetrics
		for _, scope := range of.GetScopeMetrics() {
			var metrics []*metricsv1.Metric
			for _, m := range scope.GetMetrics() {
				drop := func(attributes []*commonv1.KeyValue) bool {
					return s.pointGate.Drop(now, s.options.KeepPoint == nil || s.options.KeepPoint(resource, m, attributes), [16]byte{})
				}
				if passed := passMetric(m, drop); passed != nil {
					metrics = append(metrics, passed)
				}
			}
			if len(metrics) > 0 {
				scopes = append(scopes, &metricsv1.ScopeMetrics{Scope: scope.GetScope(), SchemaUrl: scope.GetSchemaUrl(), Metrics: metrics})
			}
		}
		if len(scopes) > 0 {
			out = append(out, &metricsv1.ResourceMetrics{Resource: resource, SchemaUrl: of.GetSchemaUrl(), ScopeMetrics: scopes})
		}
	}
	return out
}

// passMetric returns the metric with the points that pass; nil for none.
func passMetric(m *metricsv1.Metric, drop func([]*commonv1.KeyValue) bool) *metricsv1.Metric {
	passed := &metricsv1.Metric{Name: m.GetName(), Description: m.GetDescription(), Unit: m.GetUnit(), Metadata: m.GetMetadata()}
	left := 0
	switch data := m.GetData().(type) {
	case *metricsv1.Metric_Gauge:
		points := passPoints(data.Gauge.GetDataPoints(), drop, &left)
		passed.Data = &metricsv1.Metric_Gauge{Gauge: &metricsv1.Gauge{DataPoints: points}}
	case *metricsv1.Metric_Sum:
		points := passPoints(data.Sum.GetDataPoints(), drop, &left)
		passed.Data = &metricsv1.Metric_Sum{Sum: &metricsv1.Sum{
			DataPoints: points, AggregationTemporality: data.Sum.GetAggregationTemporality(), IsMonotonic: data.Sum.GetIsMonotonic(),
		}}
	case *metricsv1.Metric_Histogram:
		points := passPoints(data.Histogram.GetDataPoints(), drop, &left)
		passed.Data = &metricsv1.Metric_Histogram{Histogram: &metricsv1.Histogram{
			DataPoints: points, AggregationTemporality: data.Histogram.GetAggregationTemporality(),
		}}
	case *metricsv1.Metric_ExponentialHistogram:
		points := passPoints(data.ExponentialHistogram.GetDataPoints(), drop, &left)
		passed.Data = &metricsv1.Metric_ExponentialHistogram{ExponentialHistogram: &metricsv1.ExponentialHistogram{
			DataPoints: points, AggregationTemporality: data.ExponentialHistogram.GetAggregationTemporality(),
		}}
	case *metricsv1.Metric_Summary:
		points := passPoints(data.Summary.GetDataPoints(), drop, &left)
		passed.Data = &metricsv1.Metric_Summary{Summary: &metricsv1.Summary{DataPoints: points}}
	}
	if left == 0 {
		return nil
	}
	return passed
}

func passPoints[P interface{ GetAttributes() []*commonv1.KeyValue }](list []P, drop func([]*commonv1.KeyValue) bool, left *int) []P {
	points := passing(list, func(p P) bool { return drop(p.GetAttributes()) })
	*left = len(points)
	return points
}
