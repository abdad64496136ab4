// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"cmp"
	"slices"

	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// RecordsOf returns the log records of an answer. Those of one resource share it.
func RecordsOf(events []*tapiov1.Event) ([]model.Event, error) {
	out := make([]model.Event, len(events))
	for i, e := range events {
		row, err := logRecordFrom(e.GetLogRecord())
		if err != nil {
			return nil, withinItem("logs", i, err)
		}
		if row.Resource, err = resourceFrom(e.GetResource(), e.GetResourceSchemaUrl()); err != nil {
			return nil, withinItem("logs", i, err)
		}
		if row.Scope, err = scopeFrom(e.GetScope(), e.GetScopeSchemaUrl()); err != nil {
			return nil, withinItem("logs", i, err)
		}
		row.ID, row.Seq = e.GetId(), e.GetSequence()
		out[i] = row
	}
	shareOrigins(out)
	return out, nil
}

// shareOrigins keeps one of the resources and scopes that follow one another and are
// the same.
func shareOrigins(rows []model.Event) {
	for i := 1; i < len(rows); i++ {
		before, row := &rows[i-1], &rows[i]
		if row.Resource.SchemaURL == before.Resource.SchemaURL && row.Resource.Attributes.Equal(before.Resource.Attributes) &&
			len(row.Resource.EntityRefs) == 0 && len(before.Resource.EntityRefs) == 0 {
			row.Resource = before.Resource
		}
		if row.Scope.Name == before.Scope.Name && row.Scope.Version == before.Scope.Version &&
			row.Scope.SchemaURL == before.Scope.SchemaURL && row.Scope.Attributes.Equal(before.Scope.Attributes) {
			row.Scope = before.Scope
		}
	}
}

// TraceOf returns a trace of an answer, its spans in the order of their start.
func TraceOf(t *tapiov1.Trace) (model.Trace, error) {
	id, err := traceID("trace_id", t.GetTraceId())
	if err != nil {
		return model.Trace{}, err
	}
	spans, err := SpansOf(t.GetResourceSpans())
	slices.SortStableFunc(spans, func(a, b model.Span) int { return cmp.Compare(a.Start, b.Start) })
	return model.Trace{ID: id, Spans: spans}, err
}

// SpansOf returns the spans of an answer.
func SpansOf(list []*tracev1.ResourceSpans) (spans []model.Span, err error) {
	for _, outer := range list {
		resource, err := resourceFrom(outer.GetResource(), outer.GetSchemaUrl())
		if err != nil {
			return nil, err
		}
		for _, inner := range outer.GetScopeSpans() {
			scope, err := scopeFrom(inner.GetScope(), inner.GetSchemaUrl())
			if err != nil {
				return nil, err
			}
			for _, message := range inner.GetSpans() {
				span, err := wholeSpanFrom(message)
				if err != nil {
					return nil, err
				}
				span.Resource, span.Scope = resource, scope
				spans = append(spans, span)
			}
		}
	}
	return spans, nil
}

func wholeSpanFrom(s *tracev1.Span) (model.Span, error) {
	out, err := spanFrom(s)
	if err != nil {
		return out, err
	}
	for _, e := range s.GetEvents() {
		event := model.SpanEvent{Time: model.Nanos(e.GetTimeUnixNano()), Name: e.GetName(), DroppedAttributes: e.GetDroppedAttributesCount()}
		if event.Attributes, err = attributesFrom(e.GetAttributes()); err != nil {
			return out, err
		}
		out.Events = append(out.Events, event)
	}
	for _, l := range s.GetLinks() {
		link := model.SpanLink{TraceState: l.GetTraceState(), Flags: l.GetFlags(), DroppedAttributes: l.GetDroppedAttributesCount()}
		if err := copyID("trace_id", link.TraceID[:], l.GetTraceId()); err != nil {
			return out, err
		}
		if err := copyID("span_id", link.SpanID[:], l.GetSpanId()); err != nil {
			return out, err
		}
		if link.Attributes, err = attributesFrom(l.GetAttributes()); err != nil {
			return out, err
		}
		out.Links = append(out.Links, link)
	}
	return out, nil
}

// PointsOf returns the points of an answer, by resource, scope and metric.
func PointsOf(list []*metricsv1.ResourceMetrics) ([]model.Point, error) {
	p := &pointReader{}
	for _, outer := range list {
		resource, err := resourceFrom(outer.GetResource(), outer.GetSchemaUrl())
		if err != nil {
			return nil, err
		}
		for _, inner := range outer.GetScopeMetrics() {
			scope, err := scopeFrom(inner.GetScope(), inner.GetSchemaUrl())
			if err != nil {
				return nil, err
			}
			for _, m := range inner.GetMetrics() {
				if err := p.ofMetric(resource, scope, m); err != nil {
					return nil, err
				}
			}
		}
	}
	return p.points, nil
}

// SeriesOf returns aggregated series of an answer.
func SeriesOf(list []*tapiov1.MetricSeries, groupBy []model.LabelKey) ([]model.AggregateSeries, error) {
	out := make([]model.AggregateSeries, len(list))
	for i, s := range list {
		series := model.AggregateSeries{
			Metric: &model.Metric{
				Name: s.GetMetricName(), Unit: s.GetUnit(), Type: model.MetricType(s.GetType()),
				Temporality: model.Temporality(s.GetTemporality()), Monotonic: s.GetMonotonic(),
			},
			Labels:  make([]string, len(groupBy)),
			Sources: int(s.GetSourceSeriesCount()), ManyWriters: int(s.GetMultipleWriterSeriesCount()), Duplicates: int(s.GetDuplicatePointCount()),
		}
		for j := range groupBy {
			series.Labels[j] = s.GetLabels()[groupBy[j].Name()]
		}
		for _, p := range s.GetPoints() {
			series.Points = append(series.Points, model.AggregatePoint{Time: nanosOf(p.GetTime().AsTime()), Value: p.GetValue(), Count: p.GetSampleCount()})
		}
		for _, e := range s.GetExemplars() {
			exemplar, err := exemplarFrom(e)
			if err != nil {
				return nil, withinItem("series", i, err)
			}
			series.Exemplars = append(series.Exemplars, exemplar)
		}
		out[i] = series
	}
	return out, nil
}
