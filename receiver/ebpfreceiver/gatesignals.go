// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottldatapoint"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// gateLogs takes out what shall not pass, and the shells that are left empty.
func (s *sink) gateLogs(ctx context.Context, logs plog.Logs) {
	if s.logFilter.idle() && s.logGate.open() {
		return
	}
	now := time.Now()
	logs.ResourceLogs().RemoveIf(func(resource plog.ResourceLogs) bool {
		resource.ScopeLogs().RemoveIf(func(scope plog.ScopeLogs) bool {
			scope.LogRecords().RemoveIf(func(record plog.LogRecord) bool {
				of := ottllog.NewTransformContextPtr(resource, scope, record)
				defer of.Close()
				return s.logGate.drop(now, s.logFilter.wants(ctx, of), pcommon.NewTraceIDEmpty())
			})
			return scope.LogRecords().Len() == 0
		})
		return resource.ScopeLogs().Len() == 0
	})
}

func (s *sink) gateTraces(ctx context.Context, traces ptrace.Traces) {
	if s.spanFilter.idle() && s.spanGate.open() {
		return
	}
	now := time.Now()
	traces.ResourceSpans().RemoveIf(func(resource ptrace.ResourceSpans) bool {
		resource.ScopeSpans().RemoveIf(func(scope ptrace.ScopeSpans) bool {
			scope.Spans().RemoveIf(func(span ptrace.Span) bool {
				of := ottlspan.NewTransformContextPtr(resource, scope, span)
				defer of.Close()
				return s.spanGate.drop(now, s.spanFilter.wants(ctx, of), span.TraceID())
			})
			return scope.Spans().Len() == 0
		})
		return resource.ScopeSpans().Len() == 0
	})
}

func (s *sink) gateMetrics(ctx context.Context, metrics pmetric.Metrics) {
	if s.pointFilter.idle() && s.pointGate.open() {
		return
	}
	now := time.Now()
	metrics.ResourceMetrics().RemoveIf(func(resource pmetric.ResourceMetrics) bool {
		resource.ScopeMetrics().RemoveIf(func(scope pmetric.ScopeMetrics) bool {
			scope.Metrics().RemoveIf(func(metric pmetric.Metric) bool {
				return s.gateMetric(metric, func(point any) bool {
					of := ottldatapoint.NewTransformContextPtr(resource, scope, metric, point)
					defer of.Close()
					return s.pointGate.drop(now, s.pointFilter.wants(ctx, of), pcommon.NewTraceIDEmpty())
				})
			})
			return scope.Metrics().Len() == 0
		})
		return resource.ScopeMetrics().Len() == 0
	})
}

// gateMetric reports whether no point is left. The probes make these kinds.
func (s *sink) gateMetric(metric pmetric.Metric, drop func(point any) bool) (empty bool) {
	switch metric.Type() {
	case pmetric.MetricTypeSum:
		points := metric.Sum().DataPoints()
		points.RemoveIf(func(point pmetric.NumberDataPoint) bool { return drop(point) })
		return points.Len() == 0
	case pmetric.MetricTypeGauge:
		points := metric.Gauge().DataPoints()
		points.RemoveIf(func(point pmetric.NumberDataPoint) bool { return drop(point) })
		return points.Len() == 0
	case pmetric.MetricTypeHistogram:
		points := metric.Histogram().DataPoints()
		points.RemoveIf(func(point pmetric.HistogramDataPoint) bool { return drop(point) })
		return points.Len() == 0
	case pmetric.MetricTypeExponentialHistogram:
		points := metric.ExponentialHistogram().DataPoints()
		points.RemoveIf(func(point pmetric.ExponentialHistogramDataPoint) bool { return drop(point) })
		return points.Len() == 0
	default:
		return false
	}
}
