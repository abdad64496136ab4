// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/tapio/tapio/internal/model"
)

const (
	benchRecords    = 1000
	benchAttributes = 10
)

func benchMap(to pcommon.Map, record int) {
	for i := range benchAttributes - 2 {
		to.PutStr(fmt.Sprint("attribute.number.", i), "a value of usual length")
	}
	to.PutInt("record.number", int64(record))
	to.PutBool("record.even", record%2 == 0)
}

func benchLogs(records int) plog.Logs {
	logs := plog.NewLogs()
	ofResource := logs.ResourceLogs().AppendEmpty()
	benchMap(ofResource.Resource().Attributes(), 0)
	ofScope := ofResource.ScopeLogs().AppendEmpty()
	for i := range records {
		record := ofScope.LogRecords().AppendEmpty()
		record.SetTimestamp(pcommon.Timestamp(i))
		record.Body().SetStr("GET /index.html 200")
		benchMap(record.Attributes(), i)
	}
	return logs
}

func benchTraces(records int) ptrace.Traces {
	traces := ptrace.NewTraces()
	ofResource := traces.ResourceSpans().AppendEmpty()
	benchMap(ofResource.Resource().Attributes(), 0)
	ofScope := ofResource.ScopeSpans().AppendEmpty()
	for i := range records {
		span := ofScope.Spans().AppendEmpty()
		span.SetStartTimestamp(pcommon.Timestamp(i))
		span.SetName("GET /index.html")
		benchMap(span.Attributes(), i)
	}
	return traces
}

func benchMetrics(records int) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	ofResource := metrics.ResourceMetrics().AppendEmpty()
	benchMap(ofResource.Resource().Attributes(), 0)
	gauge := ofResource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge()
	for i := range records {
		point := gauge.DataPoints().AppendEmpty()
		point.SetTimestamp(pcommon.Timestamp(i))
		point.SetDoubleValue(float64(i))
		benchMap(point.Attributes(), i)
	}
	return metrics
}

func benchHistograms(records int) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	histogram := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().
		Metrics().AppendEmpty().SetEmptyHistogram()
	for i := range records {
		point := histogram.DataPoints().AppendEmpty()
		point.SetSum(float64(i))
		point.ExplicitBounds().FromRaw([]float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000})
		point.BucketCounts().FromRaw([]uint64{0, 0, 0, 1, 5, 8, 3, 1, 0, 0, 0})
		benchMap(point.Attributes(), i)
	}
	return metrics
}

// perRecord reports what one record costs, which is what a rate is made of.
func perRecord(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRecords, "ns/record")
}

func BenchmarkEventsFromLogs(b *testing.B) {
	logs := benchLogs(benchRecords)
	b.ReportAllocs()
	for b.Loop() {
		EventsFromLogs(logs)
	}
	perRecord(b)
}

func BenchmarkSpansFromTraces(b *testing.B) {
	traces := benchTraces(benchRecords)
	b.ReportAllocs()
	for b.Loop() {
		SpansFromTraces(traces)
	}
	perRecord(b)
}

func BenchmarkPointsFromMetrics(b *testing.B) {
	b.Run("gauge", func(b *testing.B) { benchPoints(b, benchMetrics(benchRecords)) })
	b.Run("histogram", func(b *testing.B) { benchPoints(b, benchHistograms(benchRecords)) })
}

func benchPoints(b *testing.B, metrics pmetric.Metrics) {
	b.ReportAllocs()
	for b.Loop() {
		PointsFromMetrics(metrics)
	}
	perRecord(b)
}

// BenchmarkReader is of a batch of which nothing is worth reading in full.
func BenchmarkReader(b *testing.B) {
	logs, traces, metrics := benchLogs(benchRecords), benchTraces(benchRecords), benchMetrics(benchRecords)
	var reader Reader
	for name, read := range map[string]func(){
		"logs":    func() { reader.Events(logs, func(*model.Event) bool { return false }) },
		"traces":  func() { reader.Spans(traces, func(*model.Span) bool { return false }) },
		"metrics": func() { reader.Points(metrics) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				read()
			}
			perRecord(b)
		})
	}
}

func BenchmarkLogsFromEvents(b *testing.B) {
	events := EventsFromLogs(benchLogs(benchRecords))
	b.ReportAllocs()
	for b.Loop() {
		LogsFromEvents(events)
	}
	perRecord(b)
}

func BenchmarkLogsFromPayload(b *testing.B) {
	payload := marshalLogs(b, benchLogs(benchRecords))
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := LogsFromPayload(payload); err != nil {
				b.Fatal(err)
			}
		}
		perRecord(b)
	})
	b.Run("nesting check alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := checkNesting(payload); err != nil {
				b.Fatal(err)
			}
		}
		perRecord(b)
	})
}

// Weighing a request must cost little beside decoding it.
func BenchmarkScale(b *testing.B) {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range 1000 {
		r := records.AppendEmpty()
		r.Body().SetStr("added item to cart of user")
		for n := range 10 {
			r.Attributes().PutStr("http.request.header."+strconv.Itoa(n), strconv.Itoa(i)+" and some more text")
		}
	}
	raw, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	require.NoError(b, err)
	b.Run("weigh", func(b *testing.B) {
		scale := NewScale()
		for b.Loop() {
			_, _ = scale.Logs(raw, math.MaxInt)
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			_ = plogotlp.NewExportRequest().UnmarshalProto(raw)
		}
	})
}
