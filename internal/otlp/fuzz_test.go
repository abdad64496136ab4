// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
)

// noise are payloads that are no OTLP: nothing, a gzip header, a length that
// runs beyond the end.
func noise() [][]byte {
	return [][]byte{nil, {0x1f, 0x8b, 0x08}, {0x0a, 0xff, 0xff, 0x03}}
}

// The fuzz targets take numbers, not bytes: a seed for a payload of random
// content, and edits of it. Go's fuzzer minimizes bytes, and at the length of these
// payloads it spends a minute on each before it tries the next.

// payloadOf returns noise, the full example or a payload of random content.
func payloadOf(seed uint64, full []byte, random func(seed uint64) []byte) []byte {
	if rest := math.MaxUint64 - seed; rest < uint64(len(noise())) {
		return noise()[rest]
	}
	if seed == 0 {
		return full
	}
	return random(seed)
}

// edited changes a byte of the payload for each edit that is not 0: its lowest
// byte is the new one, the next reports how, the rest where.
func edited(payload []byte, edits ...uint64) []byte {
	payload = slices.Clone(payload)
	for _, edit := range edits {
		if edit == 0 || len(payload) == 0 {
			continue
		}
		value, at := byte(edit), int(edit>>16%uint64(len(payload)))
		switch edit >> 8 % 4 {
		case 0:
			payload[at] = value
		case 1:
			payload = slices.Insert(payload, at, value)
		case 2:
			payload = slices.Delete(payload, at, at+1)
		default:
			payload = payload[:at]
		}
	}
	return payload
}

// addSeeds adds payloads without and with edits.
func addSeeds(f *testing.F) {
	for seed := range uint64(12) {
		f.Add(seed, uint64(0), uint64(0), uint64(0))
		f.Add(seed, uint64(97)<<16|0xff, uint64(31)<<16|0x0107, uint64(0))
		f.Add(seed, uint64(211)<<16|0x0200, uint64(0), uint64(1021)<<16|0x0300)
	}
	for i := range noise() {
		f.Add(math.MaxUint64-uint64(i), uint64(0), uint64(0), uint64(0))
	}
}

// Each way to edit is one that the fuzz targets need.
func TestEdited(t *testing.T) {
	payload := []byte{1, 2, 3}
	require.Equal(t, []byte{1, 9, 3}, edited(payload, 1<<16|9))
	require.Equal(t, []byte{1, 9, 2, 3}, edited(payload, 1<<16|0x0109))
	require.Equal(t, []byte{1, 3}, edited(payload, 1<<16|0x0200))
	require.Equal(t, []byte{1}, edited(payload, 1<<16|0x0300))
	require.Equal(t, []byte{1, 9}, edited(payload, 2<<16|9, 1<<16|0x0200), "one after the other")
	require.Equal(t, payload, edited(payload, 0))
}

func FuzzLogsFromPayload(f *testing.F) {
	addSeeds(f)
	full := marshalLogs(f, fullLogs())
	f.Fuzz(func(t *testing.T, seed, a, b, c uint64) {
		payload := edited(payloadOf(seed, full, func(seed uint64) []byte { return marshalLogs(t, newMaker(seed).logs()) }), a, b, c)
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

// marshalEach distinguishes two lists of events by their content, whatever the
// grouping, and bit by bit where reflection would find NaN unlike itself.
func marshalEach(t *testing.T, events []model.Event) [][]byte {
	list := make([][]byte, len(events))
	for i := range events {
		list[i] = marshalLogs(t, LogsFromEvents(events[i:i+1]))
	}
	return list
}

func FuzzSpansFromTraces(f *testing.F) {
	addSeeds(f)
	full := marshalTraces(f, fullTraces())
	f.Fuzz(func(t *testing.T, seed, a, b, c uint64) {
		data := edited(payloadOf(seed, full, func(seed uint64) []byte { return marshalTraces(t, newMaker(seed).traces()) }), a, b, c)
		traces, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
		if err != nil {
			return
		}
		spans := SpansFromTraces(traces)
		require.Len(t, spans, traces.SpanCount())
		back := TracesFromSpans(spans)
		require.Equal(t, marshalTraces(t, back), marshalTraces(t, TracesFromSpans(SpansFromTraces(back))))
	})
}

func FuzzPointsFromMetrics(f *testing.F) {
	addSeeds(f)
	full := marshalMetrics(f, fullMetrics())
	f.Fuzz(func(t *testing.T, seed, a, b, c uint64) {
		data := edited(payloadOf(seed, full, func(seed uint64) []byte { return marshalMetrics(t, newMaker(seed).metrics()) }), a, b, c)
		metrics, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
		if err != nil {
			return
		}
		points := PointsFromMetrics(metrics)
		require.Len(t, points, metrics.DataPointCount())
		requireSamePacked(t, &model.PointBatch{}, metrics)
		back := MetricsFromPoints(points)
		require.Equal(t, marshalMetrics(t, back), marshalMetrics(t, MetricsFromPoints(PointsFromMetrics(back))))
	})
}
