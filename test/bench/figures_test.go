// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"
)

func TestMedian(t *testing.T) {
	require.True(t, math.IsNaN(median(nil)))
	require.InDelta(t, 2, median([]float64{9, 1, 2}), 0)
	require.InDelta(t, 1.5, median([]float64{2, 1}), 0)
}

func TestQuantile(t *testing.T) {
	require.Zero(t, quantile(nil, .99))
	var times []time.Duration
	for i := range 200 {
		times = append(times, time.Duration(200-i))
	}
	require.EqualValues(t, 100, quantile(times, .5))
	require.EqualValues(t, 198, quantile(times, .99))
	require.EqualValues(t, 200, quantile(times, 1))
}

func TestProcFiles(t *testing.T) {
	cpu, err := cpuFromStat("7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 9 0 1 2 3")
	require.NoError(t, err)
	require.InDelta(t, 1.75, cpu, 1e-9)
	_, err = cpuFromStat("")
	require.Error(t, err)

	peak, err := peakFromStatus([]byte("Name:\ttapio\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n"))
	require.NoError(t, err)
	require.EqualValues(t, 2<<20, peak)
	_, err = peakFromStatus(nil)
	require.Error(t, err)
}

func TestSettings(t *testing.T) {
	given := func(values map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { value, found := values[name]; return value, found }
	}
	set, err := settingsFrom(given(map[string]string{"N": "1000", "SIGNALS": "logs,traces", "DURATION": "1m"}))
	require.NoError(t, err)
	require.Equal(t, 500, set.Spans)
	require.Equal(t, []string{"logs", "traces"}, set.Signals)
	require.Equal(t, time.Minute, set.Duration)
	for name, value := range map[string]string{"N": "many", "ROUNDS": "0", "DURATION": "-1s"} {
		_, err := settingsFrom(given(map[string]string{name: value}))
		require.ErrorContains(t, err, name)
	}
}

// Every sending differs from the one before in time, trace and attribute, and is
// a request still.
func TestRenew(t *testing.T) {
	b, err := encode(newMaker().logsRequest(), recordsPerBatch)
	require.NoError(t, err)
	read := func(serial uint64, now time.Time) *collogs.ExportLogsServiceRequest {
		b.renew(serial, now)
		var request collogs.ExportLogsServiceRequest
		require.NoError(t, proto.Unmarshal(b.encoded, &request))
		return &request
	}
	now := time.Now()
	one, other := read(1, now), read(2, now.Add(time.Second))
	for i := range one.ResourceLogs {
		a, b := one.ResourceLogs[i].ScopeLogs[0].LogRecords, other.ResourceLogs[i].ScopeLogs[0].LogRecords
		require.Len(t, a, recordsPerResource)
		for j := range a {
			require.EqualValues(t, now.UnixNano(), a[j].TimeUnixNano)
			require.NotEqual(t, a[j].TimeUnixNano, b[j].TimeUnixNano)
			require.NotEqual(t, a[j].TraceId, b[j].TraceId)
			require.NotEqual(t, a[j].Attributes[0].Value.GetStringValue(), b[j].Attributes[0].Value.GetStringValue())
			require.Equal(t, a[j].Attributes[1].Value.GetStringValue(), b[j].Attributes[1].Value.GetStringValue())
		}
	}
}
