// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A reader that has read anything reads the next batch as a fresh one does.
func TestReaderReadsWhatTheDoorReads(t *testing.T) {
	var reader Reader
	for seed := range uint64(rounds) {
		m := newMaker(seed)
		logs, traces, metrics := m.logs(), m.traces(), m.metrics()
		require.Equal(t, marshalEach(t, EventsFromLogs(logs)), marshalEach(t, reader.Events(logs)), "seed %d", seed)
		require.Equal(t, marshalTraces(t, tracesFromSpans(SpansFromTraces(traces))),
			marshalTraces(t, tracesFromSpans(reader.Spans(traces))), "seed %d", seed)
		require.Equal(t, marshalMetrics(t, metricsFromPoints(PointsFromMetrics(metrics))),
			marshalMetrics(t, metricsFromPoints(reader.Points(metrics))), "seed %d", seed)
	}
}

func TestMarksStandOnTheirRecords(t *testing.T) {
	for seed := range uint64(20) {
		m := newMaker(seed)
		logs, traces := m.logs(), m.traces()
		var marks []Mark
		for i := range logs.LogRecordCount() {
			if i%3 == 1 {
				marks = append(marks, Mark{Index: i, GroupID: "g"})
			}
		}
		MarkLogs(logs, marks)
		for i, event := range EventsFromLogs(logs) {
			_, marked := event.Attributes.Get("tapio.group.id")
			require.Equal(t, i%3 == 1, marked, "seed %d record %d", seed, i)
		}
		MarkTraces(traces, []Mark{{Index: 0, GroupID: "g"}})
		for i, span := range SpansFromTraces(traces) {
			_, marked := span.Attributes.Get("tapio.group.id")
			require.Equal(t, i == 0, marked, "seed %d span %d", seed, i)
		}
	}
}

func TestARecordKeepsTheIDThatItHas(t *testing.T) {
	logs := fullLogs()
	record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	record.Attributes().PutStr("log.record.uid", "own")
	MarkLogs(logs, []Mark{{Index: 0, UID: "other"}})
	uid, _ := record.Attributes().Get("log.record.uid")
	require.Equal(t, "own", uid.Str())
}
