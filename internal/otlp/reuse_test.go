// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/tapio/tapio/internal/model"
)

// The pipeline uses pdata again after the call; these tests overwrite it in
// place, wherever a word could still lean on it.

func overwriteMap(m pcommon.Map) {
	for _, v := range m.All() {
		overwriteValue(v)
	}
}

func overwriteValue(v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeBytes:
		for i := range v.Bytes().Len() {
			v.Bytes().SetAt(i, 'X')
		}
	case pcommon.ValueTypeSlice:
		for _, item := range v.Slice().All() {
			overwriteValue(item)
		}
	case pcommon.ValueTypeMap:
		overwriteMap(v.Map())
	default:
		v.SetStr("overwritten")
	}
}

func overwriteOrigin(resource pcommon.Resource, scope pcommon.InstrumentationScope) {
	overwriteMap(resource.Attributes())
	for _, ref := range entity.ResourceEntityRefs(resource).All() {
		ref.SetType("overwritten")
		ref.IdKeys().SetAt(0, "overwritten")
		ref.DescriptionKeys().SetAt(0, "overwritten")
	}
	overwriteMap(scope.Attributes())
	scope.SetName("overwritten")
}

func TestEventsOutliveTheirLogs(t *testing.T) {
	logs := fullLogs()
	events := EventsFromLogs(logs)

	ofResource := logs.ResourceLogs().At(0)
	ofScope := ofResource.ScopeLogs().At(0)
	overwriteOrigin(ofResource.Resource(), ofScope.Scope())
	record := ofScope.LogRecords().At(0)
	overwriteMap(record.Attributes())
	overwriteValue(record.Body())
	plog.NewLogRecord().CopyTo(record)

	require.Equal(t, []model.Event{wantEvent()}, events)
}

func TestSpansOutliveTheirTraces(t *testing.T) {
	traces := fullTraces()
	spans := SpansFromTraces(traces)

	ofResource := traces.ResourceSpans().At(0)
	ofScope := ofResource.ScopeSpans().At(0)
	overwriteOrigin(ofResource.Resource(), ofScope.Scope())
	span := ofScope.Spans().At(0)
	overwriteMap(span.Attributes())
	span.TraceState().FromRaw("overwritten")
	overwriteMap(span.Events().At(0).Attributes())
	span.Events().At(0).SetName("overwritten")
	overwriteMap(span.Links().At(0).Attributes())
	span.Links().At(0).TraceState().FromRaw("overwritten")

	require.Equal(t, []model.Span{wantSpan()}, spans)
}

func TestPointsOutliveTheirMetrics(t *testing.T) {
	metrics := fullMetrics()
	points := PointsFromMetrics(metrics)

	ofResource := metrics.ResourceMetrics().At(0)
	ofScope := ofResource.ScopeMetrics().At(0)
	overwriteOrigin(ofResource.Resource(), ofScope.Scope())
	list := ofScope.Metrics()
	overwriteMap(list.At(0).Metadata())
	number := list.At(0).Gauge().DataPoints().At(0)
	overwriteMap(number.Attributes())
	overwriteMap(number.Exemplars().At(0).FilteredAttributes())
	histogram := list.At(2).Histogram().DataPoints().At(0)
	histogram.ExplicitBounds().SetAt(0, 99)
	histogram.BucketCounts().SetAt(0, 99)
	exponential := list.At(3).ExponentialHistogram().DataPoints().At(0)
	exponential.Positive().BucketCounts().SetAt(0, 99)
	exponential.Negative().BucketCounts().SetAt(0, 99)
	list.At(4).Summary().DataPoints().At(0).QuantileValues().At(0).SetValue(99)

	require.Equal(t, wantPoints(), points)
}

func TestLogsOutliveTheirEvents(t *testing.T) {
	event := wantEvent()
	logs := LogsFromEvents([]model.Event{event})
	overwriteMap(logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes())
	overwriteOrigin(logs.ResourceLogs().At(0).Resource(), logs.ResourceLogs().At(0).ScopeLogs().At(0).Scope())
	require.Equal(t, wantEvent(), event)
}
