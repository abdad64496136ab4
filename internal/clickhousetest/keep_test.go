// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/backend/conformance"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// keep changes telemetry to what the tables of the exporter keep of it.
func keep(telemetry conformance.Telemetry) {
	for _, resource := range telemetry.Logs.ResourceLogs().All() {
		asTexts(resource.Resource().Attributes())
		for _, scope := range resource.ScopeLogs().All() {
			asTexts(scope.Scope().Attributes())
			for _, r := range scope.LogRecords().All() {
				if r.Timestamp() == 0 {
					r.SetTimestamp(r.ObservedTimestamp())
				}
				r.SetObservedTimestamp(0)
				r.Body().SetStr(r.Body().AsString())
				asTexts(r.Attributes())
			}
		}
	}
	for _, resource := range telemetry.Traces.ResourceSpans().All() {
		asTexts(resource.Resource().Attributes())
		for _, scope := range resource.ScopeSpans().All() {
			scope.Scope().Attributes().Clear()
			for _, span := range scope.Spans().All() {
				asTexts(span.Attributes())
				for _, event := range span.Events().All() {
					asTexts(event.Attributes())
				}
				for _, link := range span.Links().All() {
					asTexts(link.Attributes())
				}
			}
		}
	}
	for _, resource := range telemetry.Metrics.ResourceMetrics().All() {
		asTexts(resource.Resource().Attributes())
		for _, scope := range resource.ScopeMetrics().All() {
			asTexts(scope.Scope().Attributes())
			for _, metric := range scope.Metrics().All() {
				asDoubles(metric)
			}
		}
	}
}

// asTexts makes values texts and sorts them by key, as the exporter does.
func asTexts(attributes pcommon.Map) {
	texts := map[string]string{}
	for key, v := range attributes.All() {
		texts[key] = v.AsString()
	}
	attributes.Clear()
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		attributes.PutStr(key, texts[key])
	}
}

// asDoubles makes numbers doubles.
func asDoubles(metric pmetric.Metric) {
	points := pmetric.NewNumberDataPointSlice()
	switch metric.Type() { // of the dataset, only points of numbers have attributes
	case pmetric.MetricTypeGauge:
		points = metric.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		points = metric.Sum().DataPoints()
	default:
	}
	for _, p := range points.All() {
		asTexts(p.Attributes())
		if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
			p.SetDoubleValue(float64(p.IntValue()))
		}
	}
}

func emptyTraces() ptrace.Traces { return ptrace.NewTraces() }

func emptyMetrics() pmetric.Metrics { return pmetric.NewMetrics() }
