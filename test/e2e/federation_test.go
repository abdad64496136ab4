// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// memberTimeout is what a member may take in these tests.
const memberTimeout = 2 * time.Second

// startFront starts a collector that reads from the others.
func startFront(t *testing.T, members ...*Collector) *Collector {
	t.Helper()
	var endpoints []string
	for _, m := range members {
		endpoints = append(endpoints, m.GRPC)
	}
	return Start(t, standard,
		"--set=extensions::tapio::members::endpoints=["+strings.Join(endpoints, ",")+"]",
		"--set=extensions::tapio::members::timeout="+memberTimeout.String())
}

// One server answers from three others as if it were one, names the one that is killed
// and the one that is stopped, and goes on once that one does.
func TestFederation(t *testing.T) {
	t.Parallel()
	members := []*Collector{Start(t, withProfiles), Start(t, withProfiles), Start(t, standard)}
	front := startFront(t, members...)
	client := apiOf(t, front)
	values := [][]float64{{1, 1, 1}, {1, 1, 1}, {100, 100, 100}}
	at := time.Now().Add(-time.Minute)
	for i, m := range members {
		service := []string{"cart", "shop", "shop"}[i]
		sendGRPC(t, m, lines(service, 100*i, 100*i+50, ""))
		sendGRPC(t, m, metricsOf(pod("prod", service, "pod"), gauge("queue.length", at, values[i]...)))
	}
	sendGRPC(t, front, lines("front", 900, 910, ""))
	for i, m := range members[:2] {
		_, err := apiOf(t, m).UploadProfile(bounded(t), &tapiov1.UploadProfileRequest{
			Data: []byte("main;work " + []string{"30", "12"}[i]), Format: tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED,
			Labels: map[string]string{"service": "profiled"},
		})
		require.NoError(t, err)
	}

	t.Run("all answer", func(t *testing.T) { allMembersAnswer(t, front, client) })
	t.Run("a stream goes on over all", func(t *testing.T) { streamsAllMembers(t, client, members) })

	members[0].Kill()
	require.NoError(t, members[1].Signal(syscall.SIGSTOP))
	t.Run("one dead, one stopped", func(t *testing.T) { twoAreMissing(t, front, client, members) })
	require.NoError(t, members[1].Signal(syscall.SIGCONT))
	eventually(t, startLimit, func() bool {
		got, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Services: []string{"shop"}}})
		require.NoError(t, err)
		return len(got.GetNotes()) == 1 && got.GetNotes()[0].GetSource() == members[0].GRPC
	}, "the member that goes on is part of answers again")
}

func allMembersAnswer(t *testing.T, front *Collector, client api) {
	var got []int
	request := &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Limit: 33, Services: []string{"shop", "cart", "front"}}}
	for {
		page, err := client.GetLogs(bounded(t), request)
		require.NoError(t, err)
		require.Empty(t, page.GetNotes())
		got = append(got, numbers(page.GetLogs())...)
		if request.Filter.PageToken = page.GetNextPageToken(); page.GetNextPageToken() == "" {
			break
		}
	}
	slices.Sort(got)
	require.Equal(t, slices.Concat(sequence(0, 50), sequence(100, 150), sequence(200, 250), sequence(900, 910)), got, "no gap, no repeat")

	services, err := client.ListServices(bounded(t), &tapiov1.ListServicesRequest{Filter: &tapiov1.Filter{Services: []string{"shop", "cart", "front"}}})
	require.NoError(t, err)
	require.Len(t, services.GetServices(), 3)
	require.EqualValues(t, 100, services.GetServices()[2].GetLogCount(), "of two members")

	median, err := client.GetMetrics(bounded(t), &tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{
		MetricNames: []string{"queue.length"}, Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_P50,
	}})
	require.NoError(t, err)
	require.Len(t, median.GetSeries(), 1)
	require.InDelta(t, 1, median.GetSeries()[0].GetPoints()[0].GetValue(), 0, "the median of nine values, not the mean of three medians")

	require.NotContains(t, promQL(t, front), "warnings")

	profiled, err := client.AnalyzeProfile(bounded(t), &tapiov1.AnalyzeProfileRequest{
		Filter: &tapiov1.Filter{Services: []string{"profiled"}}, SampleType: "samples",
	})
	require.NoError(t, err)
	require.Empty(t, profiled.GetNotes())
	require.InDelta(t, 42, profiled.GetTotalValue(), 0, "of two members; the third one has no profiles")
	require.Equal(t, "work", profiled.GetFunctions()[0].GetFunction())
}

func streamsAllMembers(t *testing.T, client api, members []*Collector) {
	stream, err := client.StreamLogs(bounded(t), &tapiov1.StreamLogsRequest{
		Filter: &tapiov1.Filter{Services: []string{"live"}}, ReportPosition: true,
	})
	require.NoError(t, err)
	caughtUp, err := stream.Recv()
	require.NoError(t, err)
	require.True(t, caughtUp.GetCaughtUp())
	for i, m := range members {
		sendGRPC(t, m, lines("live", 10*i, 10*i+5, ""))
	}
	var got []int
	for len(got) < 15 {
		message, err := stream.Recv()
		require.NoError(t, err)
		require.Nil(t, message.GetLoss())
		got = append(got, numbers(message.GetLogs())...)
	}
	slices.Sort(got)
	require.Equal(t, slices.Concat(sequence(0, 5), sequence(10, 15), sequence(20, 25)), got)
}

func twoAreMissing(t *testing.T, front *Collector, client api, members []*Collector) {
	got, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Services: []string{"shop"}}})
	require.NoError(t, err)
	all := numbers(got.GetLogs())
	slices.Sort(all)
	require.Equal(t, sequence(200, 250), all, "what the third member has")
	states := map[string]tapiov1.SourceNote_State{}
	for _, note := range got.GetNotes() {
		states[note.GetSource()] = note.GetState()
		require.NotEmpty(t, note.GetMessage())
	}
	require.Equal(t, map[string]tapiov1.SourceNote_State{
		members[0].GRPC: tapiov1.SourceNote_STATE_FAILED, members[1].GRPC: tapiov1.SourceNote_STATE_LATE,
	}, states)

	cmd := exec.CommandContext(bounded(t), binary(t, "TAPIOCTL_BIN", "tapioctl"), "--server", front.GRPC, "get", "services")
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	require.NoError(t, cmd.Run(), problem.String())
	require.Contains(t, out.String(), "shop")
	require.Contains(t, problem.String(), "the answer lacks the telemetry from "+members[0].GRPC)
	require.Contains(t, problem.String(), "the answer lacks the telemetry from "+members[1].GRPC+": did not answer in time")

	var answer tapiov1.ListServicesResponse
	queryGet(t, front, "/v1/services", &answer)
	require.Len(t, answer.Notes, 2)

	require.Contains(t, promQL(t, front), `"warnings":[`)

	request, err := http.NewRequestWithContext(bounded(t), http.MethodGet, "http://"+front.HTTP+"/api/services", nil)
	require.NoError(t, err)
	code, body := do(t, request)
	require.Equal(t, http.StatusOK, code, string(body))
	require.Contains(t, string(body), "telemetry of "+members[0].GRPC+" may be missing: ")
}

// promQL counts a metric over Prometheus' API.
func promQL(t *testing.T, c *Collector) string {
	t.Helper()
	request, err := http.NewRequestWithContext(bounded(t), http.MethodGet, "http://"+c.HTTP+"/prometheus/api/v1/query?query=count(queue_length)", nil)
	require.NoError(t, err)
	code, body := do(t, request)
	require.Equal(t, http.StatusOK, code, string(body))
	require.Contains(t, string(body), `"status":"success"`)
	return string(body)
}
