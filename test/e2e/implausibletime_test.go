// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// wrongTimes are of clocks that were never set, of the wrong unit, and of the end of
// time in nanoseconds: the years 1970, 1970, 1999 and 2554.
func wrongTimes(now time.Time) []uint64 {
	return []uint64{1, uint64(now.Unix()), uint64(time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC).UnixNano()), math.MaxUint64}
}

// A record whose time cannot be right is neither first in a list nor the oldest of the
// store, whatever its signal. It is found, with the time that was sent.
func TestImplausibleTimesHeadNoList(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	c := Start(t, measured(t, standard, address))
	began := time.Now()
	wrong := wrongTimes(began)
	record := lines("clockless", 0, len(wrong), "")
	spans := &coltrace.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource: origin("service.name", "clockless"), ScopeSpans: []*trace.ScopeSpans{{}},
	}}}
	for i, at := range wrong {
		record.ResourceLogs[0].ScopeLogs[0].LogRecords[i].TimeUnixNano = at
		id := byte(i + 1)
		spans.ResourceSpans[0].ScopeSpans[0].Spans = append(spans.ResourceSpans[0].ScopeSpans[0].Spans, &trace.Span{
			TraceId: []byte{id, 15: 1}, SpanId: []byte{id, 7: 1}, Name: "work", StartTimeUnixNano: at, EndTimeUnixNano: at,
		})
		points := gauge("clockless.value", time.Unix(0, 0), float64(i))
		points.GetGauge().DataPoints[0].TimeUnixNano = at
		sendGRPC(t, c, &colmetrics.ExportMetricsServiceRequest{ResourceMetrics: metricsOf(origin("service.name", "clockless"), points).ResourceMetrics})
	}
	sendGRPC(t, c, record)
	sendGRPC(t, c, spans)
	sendGRPC(t, c, lines("sound", 0, 1, "")) // the newest of all

	api := apiOf(t, c)
	now := time.Now()
	recent := func(at uint64, what string) {
		require.WithinRange(t, time.Unix(0, int64(at)), began.Add(-time.Second), now, what)
	}
	info, err := api.events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
	require.NoError(t, err)
	for _, stats := range info.Store[:3] {
		recent(uint64(stats.OldestTime.AsTime().UnixNano()), "the oldest of "+stats.Signal)
		recent(uint64(stats.NewestTime.AsTime().UnixNano()), "the newest of "+stats.Signal)
	}
	stored, err := api.GetLogs(bounded(t), &tapiov1.GetLogsRequest{})
	require.NoError(t, err)
	require.Len(t, stored.Logs, len(wrong)+1)
	require.Equal(t, "sound", labelOf(stored.Logs[0].Resource.Attributes, "service.name"), "the newest comes first")
	sent := map[string]bool{}
	for _, e := range stored.Logs[1:] {
		recent(e.LogRecord.TimeUnixNano, "a log record")
		sent[originalOf(e.LogRecord)] = true
	}
	require.Len(t, sent, len(wrong))
	require.Contains(t, sent, "1970-01-01T00:00:00.000000001Z")
	require.Contains(t, sent, "2554-07-21T23:34:33.709551615Z")
	traces, err := api.GetTraces(bounded(t), &tapiov1.GetTracesRequest{})
	require.NoError(t, err)
	require.Len(t, traces.Traces, len(wrong))
	series, err := api.GetMetrics(bounded(t), &tapiov1.GetMetricsRequest{})
	require.NoError(t, err)
	times := 0
	for _, of := range series.ResourceMetrics {
		for _, scope := range of.ScopeMetrics {
			for _, m := range scope.Metrics {
				for _, p := range m.GetGauge().DataPoints {
					recent(p.TimeUnixNano, "a point")
					times++
				}
			}
		}
	}
	require.Equal(t, len(wrong), times)

	samples := scrape(t, address)
	for _, signal := range []string{"logs", "traces", "metrics"} {
		label := `signal="` + signal + `"`
		require.EqualValues(t, len(wrong), of(samples, "otelcol_tapio_exporter_implausible_times", label), signal)
		require.Positive(t, of(samples, "otelcol_tapio_exporter_batch_size_count", label), signal)
		require.Positive(t, of(samples, "otelcol_tapio_exporter_batch_duration_count", label), signal)
	}
}

func originalOf(r *logs.LogRecord) string { return labelOf(r.Attributes, "tapio.time.original") }

func labelOf(attributes []*common.KeyValue, key string) string {
	for _, kv := range attributes {
		if kv.Key == key {
			return kv.Value.GetStringValue()
		}
	}
	return ""
}
