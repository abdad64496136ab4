// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/model"
)

// A reader that has read anything reads the next batch as the door does, and of
// it no more than what is worth it.
func TestReaderReadsWhatTheDoorReads(t *testing.T) {
	var reader Reader
	for seed := range uint64(rounds) {
		m := newMaker(seed)
		logs, traces := m.logs(), m.traces()
		n := 0
		third := func() bool { n++; return n%3 != 1 }
		events := reader.Events(logs, func(*model.Event) bool { return third() })
		require.Equal(t, marshalEach(t, at(EventsFromLogs(logs), events.Places)), marshalEach(t, events.Rows), "seed %d", seed)
		require.Equal(t, logs.LogRecordCount(), events.Total)
		require.Len(t, events.Rows, n-(n+2)/3)
		n = 0
		spans := reader.Spans(traces, func(*model.Span) bool { return third() })
		require.Equal(t, marshalTraces(t, TracesFromSpans(at(SpansFromTraces(traces), spans.Places))),
			marshalTraces(t, TracesFromSpans(spans.Rows)), "seed %d", seed)
		require.Equal(t, traces.SpanCount(), spans.Total)
	}
}

func at[R any](rows []R, places []int) []R {
	var list []R
	for _, place := range places {
		list = append(list, rows[place])
	}
	return list
}

// What was read stays as it is while more of the batch is read.
func TestReaderHasRoomForManyAttributes(t *testing.T) {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range 3 * leastAttributes {
		records.AppendEmpty().Attributes().PutInt("n", int64(i))
	}
	var reader Reader
	for range 3 {
		chosen := reader.Events(logs, func(*model.Event) bool { return true })
		for i := range chosen.Rows {
			n, _ := chosen.Rows[i].Attributes.Get("n")
			require.EqualValues(t, i, n.Int())
		}
	}
}

func TestReaderReturnsTheTimesOfAll(t *testing.T) {
	logs := fullLogs()
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for _, seconds := range []int64{50, 20, 70} {
		records.AppendEmpty().SetTimestamp(pcommon.NewTimestampFromTime(time.Unix(seconds, 0)))
	}
	records.RemoveIf(func(record plog.LogRecord) bool { return record.Body().Type() != pcommon.ValueTypeEmpty })
	var reader Reader
	chosen := reader.Events(logs, func(*model.Event) bool { return false })
	require.Empty(t, chosen.Rows)
	require.Equal(t, []model.Nanos{20e9, 70e9}, []model.Nanos{chosen.Oldest, chosen.Newest})
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
