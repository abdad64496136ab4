// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A live reader that does not read is moved on to the newest records and informed of what
// it missed: what it gets and what it learns of is all there was. Its lag is a
// metric meanwhile.
func TestLiveReaderBehindLearnsWhatItMissed(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	host, port, _ := strings.Cut(address, ":")
	config := strings.Replace(standard, "metrics: {level: none}",
		"metrics: {readers: [{pull: {exporter: {prometheus: {host: "+host+", port: "+port+"}}}}]}", 1)
	c := Start(t, config, "--set=extensions::tapio::limits::reader_lag=1s")
	stream, err := slowAPI(t, c).StreamLogs(bounded(t), &tapiov1.StreamLogsRequest{})
	require.NoError(t, err)
	eventually(t, callLimit, func() bool {
		figures, err := apiOf(t, c).events.GetMetrics(bounded(t), &tapiov1.TapioServiceGetMetricsRequest{})
		require.NoError(t, err)
		return figures.OpenStreamCount == 1
	}, "the stream is open")

	const count, batch = 10_000, 1000
	for i := 0; i < count; i += batch {
		request := lines("app", i, i+batch, "")
		for _, record := range request.ResourceLogs[0].ScopeLogs[0].LogRecords {
			record.SeverityText = noise(500)
		}
		sendGRPC(t, c, request)
	}
	eventually(t, callLimit, func() bool {
		samples := scrape(t, address)
		return of(samples, "otelcol_tapio_stream_lag_time", `signal="logs"`) > 2 &&
			of(samples, "otelcol_tapio_stream_lag", `signal="logs"`) > 0
	}, "its lag is a metric")
	next, lost := uint64(0), uint64(0)
	for next <= count {
		p, err := stream.Recv()
		require.NoError(t, err, "before sequence %d", next)
		if p.Loss != nil {
			require.Equal(t, tapiov1.Loss_REASON_READER_BEHIND, p.Loss.Reason)
			require.Equal(t, next, p.Loss.FirstSequence)
			require.Equal(t, p.Loss.LastSequence-p.Loss.FirstSequence+1, p.Loss.Count)
			next, lost = p.Loss.LastSequence+1, lost+p.Loss.Count
		}
		for _, e := range p.Logs {
			if next > 0 { // the stream may have begun behind the first batches
				require.Equal(t, next, e.Sequence)
			}
			next = e.Sequence + 1
		}
	}
	require.Positive(t, lost)
	require.InEpsilon(t, float64(lost), of(scrape(t, address), "otelcol_tapio_stream_lost", `signal="logs"`), 1e-9)
}
