// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// inDirectory are the arguments for a store that is kept in a directory. It is
// small, so that it compacts every few thousand records.
func inDirectory(directory string) []string {
	return []string{"--set=extensions::tapio::store::directory=" + directory, "--set=extensions::tapio::store::memory_limit=16MiB"}
}

// everything returns all log records, page by page, all traces, all points, and all
// profiles with what they add up to.
func everything(t *testing.T, client api) (list []proto.Message) {
	t.Helper()
	for token := ""; ; {
		page, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Limit: 5000, PageToken: token}})
		require.NoError(t, err)
		for _, e := range page.Logs {
			list = append(list, e)
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	traces, err := client.GetTraces(bounded(t), &tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{Filter: &tapiov1.Filter{Limit: 1000}}})
	require.NoError(t, err)
	for _, trace := range traces.Traces {
		list = append(list, trace)
	}
	metrics, err := client.GetMetrics(bounded(t), &tapiov1.GetMetricsRequest{})
	require.NoError(t, err)
	profiles, err := client.GetProfiles(bounded(t), &tapiov1.GetProfilesRequest{})
	require.NoError(t, err)
	for _, p := range profiles.Profiles {
		list = append(list, p)
	}
	sum, err := client.AnalyzeProfile(bounded(t), &tapiov1.AnalyzeProfileRequest{SampleType: "cpu", MaxNodes: 1000})
	require.NoError(t, err)
	return append(list, metrics, sum)
}

// sendProfiles sends a profile of two threads.
func sendProfiles(t *testing.T, c *Collector) {
	t.Helper()
	request, err := (&pprofile.ProtoMarshaler{}).MarshalProfiles(jvmProfiles())
	require.NoError(t, err)
	require.NoError(t, exportProfiles(t, c, request))
}

func storedLogs(t *testing.T, client api) *tapiov1.StoreStats {
	t.Helper()
	info, err := client.events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
	require.NoError(t, err)
	return info.Store[0]
}

func TestAnOrderlyRestartKeepsEveryRecord(t *testing.T) {
	t.Parallel()
	args := inDirectory(filepath.Join(t.TempDir(), "store"))
	c := Start(t, withProfiles, args...)
	sendGRPC(t, c, fullLogs(t))
	sendGRPC(t, c, fullTraces(t))
	sendGRPC(t, c, fullMetrics(t))
	sendProfiles(t, c)
	for from := 0; from < 20_000; from += 1000 {
		sendGRPC(t, c, lines("restart", from, from+1000, ""))
	}
	client := apiOf(t, c)
	before, stats := everything(t, client), storedLogs(t, client)
	page, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Limit: 10}})
	require.NoError(t, err)
	c.askReload(t) // which the directory survives, too
	c.awaitReady(t)
	require.Zero(t, c.Stop())

	c = Start(t, withProfiles, args...)
	client = apiOf(t, c)
	after := everything(t, client)
	require.Len(t, after, len(before))
	for i := range before {
		require.True(t, proto.Equal(before[i], after[i]), "%v\nis now\n%v", before[i], after[i])
	}
	require.Equal(t, stats.LastSequence, storedLogs(t, client).LastSequence)
	next, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Limit: 10, PageToken: page.NextPageToken}})
	require.NoError(t, err, "page tokens go on")
	require.True(t, proto.Equal(before[10], next.Logs[0]))

	sendGRPC(t, c, lines("restart", 20_000, 20_001, ""))
	stream, err := client.StreamLogs(bounded(t), &tapiov1.StreamLogsRequest{
		Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{AfterSequence: stats.LastSequence}},
	})
	require.NoError(t, err)
	message, err := stream.Recv()
	require.NoError(t, err)
	require.Nil(t, message.Loss)
	require.Equal(t, []int{20_000}, numbers(message.Logs), "and so do sequences")
}

func segmentFiles(t *testing.T, directory string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "logs-*.segment"))
	require.NoError(t, err)
	return files
}

// storeInFiles fills a collector until there are some files, and kills it.
func storeInFiles(t *testing.T, directory string, records int) {
	t.Helper()
	c := Start(t, standard, inDirectory(directory)...)
	for from := 0; from < records; from += 1000 {
		sendGRPC(t, c, lines("crash", from, from+1000, "e2e.crash"))
	}
	eventually(t, startLimit, func() bool { return len(segmentFiles(t, directory)) >= 5 }, "five files are written")
	c.Kill()
}

func TestAfterAKillCompactedRecordsAreThere(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "store")
	storeInFiles(t, directory, 9_000)
	files := segmentFiles(t, directory)

	c := Start(t, standard, inDirectory(directory)...)
	client := apiOf(t, c)
	stats := storedLogs(t, client)
	require.Positive(t, stats.RecordCount)
	require.GreaterOrEqual(t, stats.LastSequence, uint64(9_000), "no sequence is given twice")
	got := stored(t, client, "e2e.crash")
	slices.Sort(got)
	require.NotEmpty(t, got)
	require.Equal(t, sequence(0, len(got)), got, "all up to the last file, each once")
	require.Subset(t, segmentFiles(t, directory), files)
	sendGRPC(t, c, lines("crash", 9_000, 9_010, "e2e.crash"))
	require.Equal(t, stats.RecordCount+10, storedLogs(t, client).RecordCount)
}

// Records that are in no full chunk are written every 10 s, and a history that ends
// where the crash came does end.
func TestAfterAKillFlushedRecordsOfEverySignalAreThere(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "store")
	c := Start(t, withProfiles, append(inDirectory(directory), "--set=extensions::tapio::store::durability=none")...)
	sendGRPC(t, c, fullLogs(t))
	sendGRPC(t, c, fullTraces(t))
	sendGRPC(t, c, fullMetrics(t))
	sendProfiles(t, c)
	before := everything(t, apiOf(t, c))
	for _, signal := range []string{"logs", "traces", "metrics", "profiles"} {
		eventually(t, startLimit, func() bool {
			files, err := filepath.Glob(filepath.Join(directory, signal+"-*.segment"))
			require.NoError(t, err)
			return len(files) > 0
		}, signal+" are written")
	}
	c.Kill()

	c = Start(t, withProfiles, inDirectory(directory)...)
	client := apiOf(t, c)
	after := everything(t, client)
	require.Len(t, after, len(before))
	for i := range before {
		require.True(t, proto.Equal(before[i], after[i]), "%v\nis now\n%v", before[i], after[i])
	}
	all := &tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{Last: 1000}}
	logs, err := client.StreamLogs(bounded(t), &tapiov1.StreamLogsRequest{Start: all, HistoryOnly: true})
	require.NoError(t, err)
	readToEnd(t, logs.Recv, func(*tapiov1.StreamLogsResponse) {})
	spans, err := client.StreamTraces(bounded(t), &tapiov1.StreamTracesRequest{Start: all, HistoryOnly: true})
	require.NoError(t, err)
	readToEnd(t, spans.Recv, func(*tapiov1.StreamTracesResponse) {})
	points, err := client.StreamMetrics(bounded(t), &tapiov1.StreamMetricsRequest{Start: all, HistoryOnly: true})
	require.NoError(t, err)
	readToEnd(t, points.Recv, func(*tapiov1.StreamMetricsResponse) {})
}

func TestACorruptFileIsSetAsideAndTheRestServed(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "store")
	storeInFiles(t, directory, 9_000)
	broken := segmentFiles(t, directory)[2]
	data, err := os.ReadFile(broken)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(broken, data, 0o600))

	c := Start(t, standard, inDirectory(directory)...)
	require.Contains(t, string(c.Log()), broken+".corrupt")
	require.FileExists(t, broken+".corrupt")
	got := stored(t, apiOf(t, c), "e2e.crash")
	slices.Sort(got)
	require.Contains(t, got, 0)
	require.Less(t, len(got), got[len(got)-1]+1, "the broken file's records are missing")
	require.Zero(t, c.Stop())
	c = Start(t, standard, inDirectory(directory)...)
	require.NotContains(t, string(c.Log()), ".corrupt", "it is reported once")
}

func TestADirectoryHasOneOwner(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "store")
	Start(t, standard, inDirectory(directory)...)
	code, output := runToEnd(t, standard, inDirectory(directory)...)
	require.NotZero(t, code)
	require.Contains(t, output, "store::directory")
	require.Contains(t, output, "is in use by process")
}
