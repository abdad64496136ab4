// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package recordmetrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func service(name string) *model.Resource {
	return &model.Resource{Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue(name)}}}
}

func begin() time.Time { return time.Unix(1_700_000_000, 0) }

func records(of *model.Resource, severity int32, n int) []model.Event {
	list := make([]model.Event, n)
	for i := range list {
		list[i] = model.Event{Resource: of, Scope: &model.Scope{}, SeverityNumber: severity}
	}
	return list
}

// pointsNow returns the points of a metric by their attributes, those of one moment only.
func pointsNow(points []model.Point, metric string, at time.Time) map[string]model.Point {
	found := map[string]model.Point{}
	for _, p := range points {
		if p.Series.Metric.Name != metric || p.Time != model.Nanos(at.UnixNano()) {
			continue
		}
		var parts []string
		for _, kv := range p.Series.Attributes {
			parts = append(parts, kv.Key+"="+kv.Value.Text())
		}
		found[strings.Join(parts, " ")] = p
	}
	return found
}

func TestLogRecordsAreCountedByServiceAndSeverity(t *testing.T) {
	c := New(10, begin)
	c.CountEvents(append(records(service("shop"), 17, 3), records(service("shop"), 9, 2)...))
	c.CountEvents(records(service("cart"), 17, 1))
	later := begin().Add(time.Second)
	points := c.Points("scope", later)
	got := pointsNow(points, "tapio.log.records", later)
	require.Len(t, got, 3)
	assert.EqualValues(t, 3, got["service.name=shop severity=ERROR"].Bits)
	assert.EqualValues(t, 2, got["service.name=shop severity=INFO"].Bits)
	assert.EqualValues(t, 1, got["service.name=cart severity=ERROR"].Bits)
	assert.Len(t, pointsNow(points, "tapio.log.records", begin()), 3, "a series begins with zero, when it was seen first")

	c.CountEvents(records(service("shop"), 17, 4))
	points = c.Points("scope", later.Add(time.Second))
	assert.Len(t, points, 3, "the zero is reported once")
	assert.EqualValues(t, 7, pointsNow(points, "tapio.log.records", later.Add(time.Second))["service.name=shop severity=ERROR"].Bits)
}

func TestSpansAreCountedByOperationKindAndStatus(t *testing.T) {
	c := New(10, begin)
	span := model.Span{Resource: service("shop"), Scope: &model.Scope{}, Name: "GET /a", Kind: 2, Start: 1e9, End: 1e9 + 60e6}
	failed := span
	failed.StatusCode, failed.End = 2, 1e9+30e9
	c.CountSpans([]model.Span{span, span, failed})
	later := begin().Add(time.Second)
	points := c.Points("scope", later)
	calls, took := pointsNow(points, "tapio.span.calls", later), pointsNow(points, "tapio.span.duration", later)
	good := "service.name=shop span.name=GET /a span.kind=SPAN_KIND_SERVER status.code=STATUS_CODE_UNSET"
	bad := "service.name=shop span.name=GET /a span.kind=SPAN_KIND_SERVER status.code=STATUS_CODE_ERROR"
	require.Len(t, calls, 2)
	assert.EqualValues(t, 2, calls[good].Bits)
	assert.EqualValues(t, 1, calls[bad].Bits)
	h := took[good].Histogram
	assert.EqualValues(t, 2, h.Count)
	assert.InDelta(t, 0.12, h.Sum.Value, 1e-9)
	assert.EqualValues(t, 2, h.Counts[4], "0.05 < 0.06 <= 0.075")
	slow := took[bad].Histogram
	assert.EqualValues(t, 1, slow.Counts[len(slow.Counts)-1], "above the highest bound")
}

func TestTooManySeriesAreCountedTogether(t *testing.T) {
	c := New(2, begin)
	for i := range 10 {
		c.CountEvents(records(service(fmt.Sprint("service-", i)), 9, 1))
		c.CountSpans([]model.Span{{Resource: service("shop"), Scope: &model.Scope{}, Name: fmt.Sprint("op-", i)}})
	}
	c.CountSpans([]model.Span{{Resource: service("shop"), Scope: &model.Scope{}, Name: strings.Repeat("x", maxNameBytes+1)}})
	later := begin().Add(time.Second)
	points := c.Points("scope", later)
	logs, spans := pointsNow(points, "tapio.log.records", later), pointsNow(points, "tapio.span.calls", later)
	require.Len(t, logs, 3)
	require.Len(t, spans, 3)
	assert.EqualValues(t, 8, logs["otel.metric.overflow=true severity=INFO"].Bits)
	total := uint64(0)
	for _, p := range spans {
		total += p.Bits
	}
	assert.EqualValues(t, 11, total, "every span is counted")
	assert.EqualValues(t, 17, c.Folded())
}

func TestNothingIsCountedWithoutSeries(t *testing.T) {
	c := New(0, begin)
	c.CountEvents(records(service("shop"), 9, 1))
	c.CountSpans([]model.Span{{Resource: service("shop"), Scope: &model.Scope{}}})
	assert.Empty(t, c.Points("scope", begin().Add(time.Second)))
}

func TestAlertsAreNotCounted(t *testing.T) {
	c := New(10, begin)
	event := records(service("shop"), 17, 1)
	event[0].Scope = &model.Scope{Name: model.RulesScope}
	c.CountEvents(event)
	assert.Empty(t, c.Points("scope", begin().Add(time.Second)))
}

func BenchmarkCountEvents(b *testing.B) {
	c, events := New(1000, begin), records(service("shop"), 9, 1000)
	b.ReportAllocs()
	for b.Loop() {
		c.CountEvents(events)
	}
}
