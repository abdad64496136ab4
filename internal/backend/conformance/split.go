// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
)

// split divides telemetry into n parts by the number of the record or trace, and by
// the time of points.
func split(whole Telemetry, n int) []Telemetry {
	parts := make([]Telemetry, n)
	for i := range parts {
		parts[i] = clone(whole)
		other := func(number int64) bool { return int(number)%n != i }
		otlp.DropLogs(parts[i].Logs, func(_ plog.ResourceLogs, _ plog.ScopeLogs, r plog.LogRecord) bool {
			v, _ := r.Attributes().Get(number)
			return other(v.Int())
		})
		otlp.DropSpans(parts[i].Traces, func(_ ptrace.ResourceSpans, _ ptrace.ScopeSpans, s ptrace.Span) bool {
			v, _ := s.Attributes().Get(number)
			return other(v.Int() / 10)
		})
		otlp.DropPoints(parts[i].Metrics, func(_ pmetric.ResourceMetrics, _ pmetric.ScopeMetrics, _ pmetric.Metric, p any) bool {
			timed := p.(interface{ Timestamp() pcommon.Timestamp })
			return other(int64((model.Nanos(timed.Timestamp()) - datasetStart) / pointEvery))
		})
	}
	return parts
}

// SplitByResource divides telemetry among n backends by its resources, as agents on
// several nodes would see it: what belongs to one trace is then on several nodes.
func SplitByResource(whole Telemetry, n int) []Telemetry {
	parts := make([]Telemetry, n)
	for i := range parts {
		parts[i] = newTelemetry()
	}
	for i, r := range whole.Logs.ResourceLogs().All() {
		r.CopyTo(parts[i%n].Logs.ResourceLogs().AppendEmpty())
	}
	for i, r := range whole.Traces.ResourceSpans().All() {
		r.CopyTo(parts[i%n].Traces.ResourceSpans().AppendEmpty())
	}
	for i, r := range whole.Metrics.ResourceMetrics().All() {
		r.CopyTo(parts[i%n].Metrics.ResourceMetrics().AppendEmpty())
	}
	return parts
}

// SplitProfiles divides profiles among n backends by their resources, likewise.
func SplitProfiles(list []model.Profile, n int) [][]model.Profile {
	parts, places := make([][]model.Profile, n), map[*model.Resource]int{}
	for i := range list {
		place, known := places[list[i].Resource]
		if !known {
			place = len(places) % n
			places[list[i].Resource] = place
		}
		parts[place] = append(parts[place], list[i])
	}
	return parts
}

func eventsOf(t Telemetry) []model.Event { return otlp.EventsFromLogs(clone(t).Logs) }

// countSpans counts the spans of requests, and countPoints the points of the counter.
func countSpans(t Telemetry) (count int) {
	for _, span := range otlp.SpansFromTraces(clone(t).Traces) {
		if span.Kind == 2 {
			count++
		}
	}
	return count
}

func countPoints(t Telemetry) (count int) {
	for _, point := range otlp.PointsFromMetrics(clone(t).Metrics) {
		if point.Series.Metric.Name == requests {
			count++
		}
	}
	return count
}
