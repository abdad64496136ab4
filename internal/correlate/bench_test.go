// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/tapio/tapio/internal/model"
)

// BenchmarkObserveSpans is slow in event time, so that each span is looked at;
// BenchmarkObserveManySpans has a million a second of event time.
func BenchmarkObserveSpans(b *testing.B) { benchmarkSpans(b, second) }

func BenchmarkObserveManySpans(b *testing.B) { benchmarkSpans(b, 900*second/1_000_000) }

func benchmarkSpans(b *testing.B, step model.Nanos) {
	b.Helper()
	s := newShop(b, Config{})
	var spans []model.Span
	var events []model.Event
	for i := range model.Nanos(100) {
		s.serve(&spans, &events, model.TraceID{byte(i)}, model.SpanID{}, "front", begin+i*second/100, "cart", "pay")
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(spans) {
		for i := range spans {
			spans[i].TraceID[8] = byte(n >> 8)
			spans[i].TraceID[9] = byte(n >> 16)
			spans[i].TraceID[10] = byte(n >> 24)
			spans[i].Start += step
			spans[i].End += step
		}
		s.e.ObserveSpans(spans)
		s.e.Flush(spans[0].Start)
	}
}

func BenchmarkObserveEvents(b *testing.B) {
	s := newShop(b, Config{})
	events := make([]model.Event, 1000)
	for i := range events {
		events[i] = model.Event{
			Time: begin, Resource: s.resource("front"), SeverityNumber: 9, SpanID: model.SpanID{1},
			Body: model.StringValue(fmt.Sprintf("16:42:09 INFO a.Controller#115 served request %d of user 8a533bf9-bd12-4608-a8eb-606890982448 in 17 ms", i)),
		}
	}
	for _, traced := range []bool{false, true} {
		b.Run(fmt.Sprintf("traced=%t", traced), func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; n < b.N; n += len(events) {
				for i := range events {
					events[i].Time += second / 1000
					if traced {
						events[i].TraceID = model.TraceID{1, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(i)}
					}
				}
				s.e.ObserveEvents(events)
				s.e.Flush(events[0].Time)
			}
		})
	}
}

func BenchmarkObservePoints(b *testing.B) {
	s := newShop(b, Config{})
	points := make([]model.Point, 1000)
	metric := &model.Metric{Name: "k8s.pod.cpu.usage", Unit: "{cpu}", Type: model.MetricGauge}
	for i := range points {
		series := &model.Series{Metric: metric, Resource: s.resource("front"), Attributes: model.Attributes{{Key: "n", Value: model.IntValue(int64(i))}}}
		points[i] = model.Point{Series: series, Number: model.NumberInt, Time: begin}
	}
	b.ReportAllocs()
	for n := 0; n < b.N; n += len(points) {
		for i := range points {
			points[i].Time += second
			points[i].Bits = uint64(1000 + (n+i)%7)
		}
		s.e.ObservePoints(points)
		s.e.Flush(points[0].Time)
	}
}
