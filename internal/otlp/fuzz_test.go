// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
)

// noise are seeds that are no OTLP: nothing, a gzip header, a length that
// runs beyond the end.
func noise() [][]byte {
	return [][]byte{nil, {0x1f, 0x8b, 0x08}, {0x0a, 0xff, 0xff, 0x03}}
}

func FuzzLogsFromPayload(f *testing.F) {
	f.Add(marshalLogs(f, fullLogs()))
	for seed := range uint64(8) {
		f.Add(marshalLogs(f, newMaker(seed).logs()))
	}
	for _, seed := range noise() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		logs, err := LogsFromPayload(payload)
		if err != nil {
			var fault *model.FieldError
			require.ErrorAs(t, err, &fault)
			return
		}
		events := EventsFromLogs(logs)
		require.Len(t, events, logs.LogRecordCount())
		back := EventsFromLogs(LogsFromEvents(events))
		require.Equal(t, marshalEach(t, events), marshalEach(t, back))
	})
}

// marshalEach tells two lists of events apart by their content, whatever the
// grouping, and bit by bit where reflection would find NaN unlike itself.
func marshalEach(t *testing.T, events []model.Event) [][]byte {
	list := make([][]byte, len(events))
	for i := range events {
		list[i] = marshalLogs(t, LogsFromEvents(events[i:i+1]))
	}
	return list
}

func FuzzSpansFromTraces(f *testing.F) {
	f.Add(marshalTraces(f, fullTraces()))
	for seed := range uint64(8) {
		f.Add(marshalTraces(f, newMaker(seed).traces()))
	}
	for _, seed := range noise() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		traces, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
		if err != nil {
			return
		}
		spans := SpansFromTraces(traces)
		require.Len(t, spans, traces.SpanCount())
		back := tracesFromSpans(spans)
		require.Equal(t, marshalTraces(t, back), marshalTraces(t, tracesFromSpans(SpansFromTraces(back))))
	})
}

func FuzzPointsFromMetrics(f *testing.F) {
	f.Add(marshalMetrics(f, fullMetrics()))
	for seed := range uint64(8) {
		f.Add(marshalMetrics(f, newMaker(seed).metrics()))
	}
	for _, seed := range noise() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		metrics, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
		if err != nil {
			return
		}
		points := PointsFromMetrics(metrics)
		require.Len(t, points, metrics.DataPointCount())
		requireSamePacked(t, &model.PointBatch{}, metrics)
		back := metricsFromPoints(points)
		require.Equal(t, marshalMetrics(t, back), marshalMetrics(t, metricsFromPoints(PointsFromMetrics(back))))
	})
}
