// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// rounds is how many random batches each property is tried on.
const rounds = 300

func marshalLogs(t testing.TB, logs plog.Logs) []byte {
	data, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return data
}

func marshalTraces(t testing.TB, traces ptrace.Traces) []byte {
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	require.NoError(t, err)
	return data
}

func marshalMetrics(t testing.TB, metrics pmetric.Metrics) []byte {
	data, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
	require.NoError(t, err)
	return data
}

func TestLogsComeBackByteForByte(t *testing.T) {
	for seed := range uint64(rounds) {
		logs := newMaker(seed).logs()
		back := LogsFromEvents(EventsFromLogs(logs))
		require.Equal(t, marshalLogs(t, logs), marshalLogs(t, back), "seed %d", seed)
	}
}

func TestTracesComeBackByteForByte(t *testing.T) {
	for seed := range uint64(rounds) {
		traces := newMaker(seed).traces()
		back := TracesFromSpans(SpansFromTraces(traces))
		require.Equal(t, marshalTraces(t, traces), marshalTraces(t, back), "seed %d", seed)
	}
}

func TestMetricsComeBackByteForByte(t *testing.T) {
	for seed := range uint64(rounds) {
		metrics := newMaker(seed).metrics()
		back := MetricsFromPoints(PointsFromMetrics(metrics))
		require.Equal(t, marshalMetrics(t, metrics), marshalMetrics(t, back), "seed %d", seed)
	}
}

func TestReadOnlyPdataIsRead(t *testing.T) {
	m := newMaker(1)
	logs, traces, metrics := m.logs(), m.traces(), m.metrics()
	logs.MarkReadOnly()
	traces.MarkReadOnly()
	metrics.MarkReadOnly()
	require.Len(t, EventsFromLogs(logs), logs.LogRecordCount())
	require.Len(t, SpansFromTraces(traces), traces.SpanCount())
	require.Len(t, PointsFromMetrics(metrics), metrics.DataPointCount())
}

func TestNothingYieldsNothing(t *testing.T) {
	require.Nil(t, EventsFromLogs(plog.NewLogs()))
	require.Nil(t, SpansFromTraces(ptrace.NewTraces()))
	require.Nil(t, PointsFromMetrics(pmetric.NewMetrics()))
	require.Zero(t, LogsFromEvents(nil).ResourceLogs().Len())
}
