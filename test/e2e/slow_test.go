// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// slowAPI is a client that buffers no more than 64 KiB of what the server sends.
func slowAPI(t *testing.T, c *Collector) api {
	t.Helper()
	const window = 64 << 10 // setting it also keeps gRPC from widening it
	return apiAt(dial(t, c.GRPC, insecure.NewCredentials(), grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window)))
}

// A reader that does not read holds up no one; when it reads again it learns
// exactly how much it missed.
func TestSlowReaderLearnsItsLoss(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, "--set=extensions::tapio::store::memory_limit=8MiB")
	stream, err := slowAPI(t, c).StreamLogs(bounded(t), &tapiov1.StreamLogsRequest{
		Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}},
	})
	require.NoError(t, err)
	const count, batch = 30_000, 1000
	for i := 0; i < count; i += batch { // 30 MB, several times what is kept
		request := lines("app", i, i+batch, "")
		for _, record := range request.ResourceLogs[0].ScopeLogs[0].LogRecords {
			record.SeverityText = noise(1000)
		}
		sendGRPC(t, c, request)
	}
	next, lost := uint64(1), uint64(0) // the sequence expected, and how many were passed over
	for next <= count {
		p, err := stream.Recv()
		require.NoError(t, err, "before sequence %d", next)
		if p.Loss != nil {
			require.Equal(t, tapiov1.Loss_REASON_READER_LAPPED, p.Loss.Reason)
			require.Equal(t, next, p.Loss.FirstSequence)
			require.Equal(t, p.Loss.LastSequence-p.Loss.FirstSequence+1, p.Loss.Count)
			next, lost = p.Loss.LastSequence+1, lost+p.Loss.Count
		}
		for _, e := range p.Logs {
			require.Equal(t, next, e.Sequence)
			next++
		}
	}
	require.Positive(t, lost)
	figures, err := apiOf(t, c).events.GetMetrics(bounded(t), &tapiov1.TapioServiceGetMetricsRequest{})
	require.NoError(t, err)
	require.Equal(t, lost, figures.LostRecordCount)
}

// noise is a text that no store can make smaller than about three quarters.
func noise(n int) string {
	raw := make([]byte, n*3/4)
	_, _ = rand.Read(raw) // never fails
	return base64.StdEncoding.EncodeToString(raw)
}

// Pages hold what was stored when the first was asked for, each record once,
// though others are written between them.
func TestPagesStayPut(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	for _, ascending := range []bool{false, true} {
		service := map[bool]string{false: "down", true: "up"}[ascending]
		sendGRPC(t, c, lines(service, 0, 200, ""))
		filter := &tapiov1.Filter{Services: []string{service}, Limit: 30, Ascending: ascending}
		var got []int
		for pages := 1; ; pages++ {
			page, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: filter})
			require.NoError(t, err)
			got = append(got, numbers(page.Logs)...)
			if page.NextPageToken == "" {
				require.Equal(t, 7, pages)
				break
			}
			require.Len(t, page.Logs, 30)
			filter.PageToken = page.NextPageToken
			sendGRPC(t, c, lines(service, 1000*pages, 1000*pages+20, ""))
		}
		want := sequence(0, 200)
		if !ascending {
			for i := range want {
				want[i] = 199 - i
			}
		}
		require.Equal(t, want, got)
	}
}

// A page ends before it exceeds what a gRPC client takes by default.
func TestPageFitsTheDefaultMessageLimit(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	const count = 20 // 6 MB in all
	for i := range count {
		request := lines("app", i, i+1, "")
		record := request.ResourceLogs[0].ScopeLogs[0].LogRecords[0]
		record.Attributes = append(record.Attributes, text("big", strings.Repeat("x", 300_000)))
		sendGRPC(t, c, request)
	}
	filter := &tapiov1.Filter{Limit: count, Ascending: true}
	var got []int
	for {
		page, err := apiOf(t, c).GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: filter})
		require.NoError(t, err)
		require.NotEmpty(t, page.Logs)
		got = append(got, numbers(page.Logs)...)
		if filter.PageToken = page.NextPageToken; filter.PageToken == "" {
			break
		}
	}
	require.Equal(t, sequence(0, count), got)
}
