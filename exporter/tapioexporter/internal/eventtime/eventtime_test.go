// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package eventtime

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

const (
	second = model.Nanos(time.Second)
	hour   = model.Nanos(time.Hour)
)

func at(t time.Time) model.Nanos { return model.Nanos(t.UnixNano()) }

func original(t *testing.T, attributes model.Attributes, key string) string {
	t.Helper()
	value, found := attributes.Get(key)
	require.True(t, found)
	return value.Str()
}

func TestPlausibleTimesStay(t *testing.T) {
	times := []model.Nanos{at(now), earliest, at(now.Add(Ahead)), at(now.AddDate(-20, 0, 0)), at(now.Add(24 * time.Hour))}
	for _, when := range times {
		c := New(now)
		events := []model.Event{{Time: when}}
		require.Zero(t, c.Events(events))
		require.Equal(t, []model.Event{{Time: when}}, events)
		spans := []model.Span{{Start: when, End: when + second}}
		c = New(now.Add(time.Second))
		require.Zero(t, c.Spans(spans))
		require.Equal(t, []model.Span{{Start: when, End: when + second}}, spans)
		points := []model.PackedPoint{{Time: when, Start: 5}}
		c = New(now)
		require.Zero(t, c.Points(points))
		require.Equal(t, []model.PackedPoint{{Time: when, Start: 5}}, points)
	}
}

func TestEventsMoveToTheirArrival(t *testing.T) {
	shared := make(model.Attributes, 0, 4)
	events := []model.Event{
		{Time: 1, Attributes: shared},
		{Time: 1 + second, Attributes: shared},
		{Time: math.MaxUint64},
		{Time: 7, ObservedTime: at(now.Add(-time.Hour))},
		{ObservedTime: 9},
		{Time: at(now)},
	}
	c := New(now)
	require.Equal(t, 5, c.Events(events))
	assert.Equal(t, at(now)-second, events[0].When(), "the records of a batch keep their distances")
	assert.Equal(t, at(now), events[1].When())
	assert.Equal(t, at(now), events[2].When())
	assert.Equal(t, at(now.Add(-time.Hour)), events[3].When(), "when it was observed")
	assert.Equal(t, at(now)-second+8, events[4].When())
	assert.Zero(t, events[4].Time)
	assert.Equal(t, "1970-01-01T00:00:00.000000001Z", original(t, events[0].Attributes, OriginalKey))
	assert.Equal(t, "1970-01-01T00:00:01.000000001Z", original(t, events[1].Attributes, OriginalKey))
	assert.Equal(t, "2554-07-21T23:34:33.709551615Z", original(t, events[2].Attributes, OriginalKey))
	assert.Empty(t, events[5].Attributes)
}

func TestFarApartEventsMoveEach(t *testing.T) {
	events := []model.Event{{Time: 1}, {Time: earliest - 1}, {Time: at(now.AddDate(5, 0, 0))}, {Time: math.MaxUint64}}
	c := New(now)
	require.Equal(t, 4, c.Events(events))
	for _, e := range events {
		assert.Equal(t, at(now), e.When())
	}
}

func TestSpansKeepTheirDurations(t *testing.T) {
	spans := []model.Span{
		{Start: 10 * second, End: 13 * second, Events: []model.SpanEvent{{Time: 11 * second}, {Time: 0}, {Time: at(now)}}},
		{Start: 9 * second, End: 20 * second},
		{Start: math.MaxUint64 - second, End: math.MaxUint64},
		{Start: 0, End: at(now) - hour},
		{Start: at(now) - hour, End: math.MaxUint64},
		{Start: at(now) - hour, End: 0},
		{Start: 5, End: 0},
		{Start: 5 * second, End: math.MaxUint64},
	}
	c := New(now)
	require.Equal(t, 7, c.Spans(spans))
	assert.Equal(t, 3*second, spans[0].Duration())
	assert.Equal(t, spans[0].Start+second, spans[0].Events[0].Time)
	assert.Equal(t, spans[0].Start, spans[0].Events[1].Time)
	assert.Equal(t, spans[0].End, spans[0].Events[2].Time)
	assert.Equal(t, 11*second, spans[1].Duration())
	assert.Equal(t, second, spans[0].Start-spans[1].Start, "spans of a trace keep their distances")
	assert.Equal(t, second, spans[2].Duration())
	assert.Equal(t, at(now), spans[2].End)
	assert.Equal(t, at(now)-hour, spans[3].Start)
	assert.Zero(t, spans[3].Duration())
	assert.Equal(t, "1970-01-01T00:00:00Z", original(t, spans[3].Attributes, OriginalKey))
	assert.Equal(t, hour, spans[4].Duration())
	assert.Equal(t, "2554-07-21T23:34:33.709551615Z", original(t, spans[4].Attributes, OriginalEndKey))
	assert.Empty(t, spans[5].Attributes, "a span that has not ended")
	for _, s := range spans {
		assert.False(t, c.implausible(s.Start), "%+v", s)
		assert.LessOrEqual(t, s.End, at(now))
	}
}

func TestPointsKeepTheirDistances(t *testing.T) {
	points := []model.PackedPoint{
		{Time: 60 * second, Start: 10 * second},
		{Time: 70 * second, Start: 10 * second},
		{Time: math.MaxUint64, Start: at(now)},
		{Time: 70 * second},
		{Time: 0},
		{Time: at(now) - hour, Start: at(now) - 2*hour},
	}
	c := New(now)
	require.Equal(t, 5, c.Points(points))
	assert.Equal(t, at(now)-10*second, points[0].Time)
	assert.Equal(t, 50*second, points[0].Time-points[0].Start)
	assert.Equal(t, at(now), points[1].Time)
	assert.Equal(t, points[0].Start, points[1].Start, "a counter counts from where it did")
	assert.Equal(t, at(now), points[2].Time)
	assert.Zero(t, points[3].Start)
	assert.Equal(t, at(now)-70*second, points[4].Time)
	assert.Equal(t, model.PackedPoint{Time: at(now) - hour, Start: at(now) - 2*hour}, points[5])
}
