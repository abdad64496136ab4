// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// DropLogs takes out the records that drop selects, and the scopes and resources
// that are left empty.
func DropLogs(logs plog.Logs, drop func(plog.ResourceLogs, plog.ScopeLogs, plog.LogRecord) bool) {
	logs.ResourceLogs().RemoveIf(func(resource plog.ResourceLogs) bool {
		resource.ScopeLogs().RemoveIf(func(scope plog.ScopeLogs) bool {
			scope.LogRecords().RemoveIf(func(record plog.LogRecord) bool { return drop(resource, scope, record) })
			return scope.LogRecords().Len() == 0
		})
		return resource.ScopeLogs().Len() == 0
	})
}

// DropSpans takes out the spans that drop selects, as DropLogs does.
func DropSpans(traces ptrace.Traces, drop func(ptrace.ResourceSpans, ptrace.ScopeSpans, ptrace.Span) bool) {
	traces.ResourceSpans().RemoveIf(func(resource ptrace.ResourceSpans) bool {
		resource.ScopeSpans().RemoveIf(func(scope ptrace.ScopeSpans) bool {
			scope.Spans().RemoveIf(func(span ptrace.Span) bool { return drop(resource, scope, span) })
			return scope.Spans().Len() == 0
		})
		return resource.ScopeSpans().Len() == 0
	})
}

// DropPoints takes out the points that drop selects, as DropLogs does. A point is
// one of pmetric's types of points.
func DropPoints(metrics pmetric.Metrics, drop func(resource pmetric.ResourceMetrics, scope pmetric.ScopeMetrics, metric pmetric.Metric, point any) bool) {
	metrics.ResourceMetrics().RemoveIf(func(resource pmetric.ResourceMetrics) bool {
		resource.ScopeMetrics().RemoveIf(func(scope pmetric.ScopeMetrics) bool {
			scope.Metrics().RemoveIf(func(metric pmetric.Metric) bool {
				return dropPoints(metric, func(point any) bool { return drop(resource, scope, metric, point) })
			})
			return scope.Metrics().Len() == 0
		})
		return resource.ScopeMetrics().Len() == 0
	})
}

// dropPoints reports whether no point is left. A metric without a type has none.
func dropPoints(metric pmetric.Metric, drop func(point any) bool) (empty bool) {
	switch metric.Type() {
	case pmetric.MetricTypeSum:
		return dropEach(metric.Sum().DataPoints(), func(p pmetric.NumberDataPoint) bool { return drop(p) })
	case pmetric.MetricTypeGauge:
		return dropEach(metric.Gauge().DataPoints(), func(p pmetric.NumberDataPoint) bool { return drop(p) })
	case pmetric.MetricTypeHistogram:
		return dropEach(metric.Histogram().DataPoints(), func(p pmetric.HistogramDataPoint) bool { return drop(p) })
	case pmetric.MetricTypeExponentialHistogram:
		return dropEach(metric.ExponentialHistogram().DataPoints(), func(p pmetric.ExponentialHistogramDataPoint) bool { return drop(p) })
	case pmetric.MetricTypeSummary:
		return dropEach(metric.Summary().DataPoints(), func(p pmetric.SummaryDataPoint) bool { return drop(p) })
	default:
		return true
	}
}

func dropEach[P any](points interface {
	RemoveIf(func(P) bool)
	Len() int
}, drop func(P) bool,
) (empty bool) {
	points.RemoveIf(drop)
	return points.Len() == 0
}
