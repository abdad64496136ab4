// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const quickBeats = "--set=extensions::tapio::collectors::heartbeat_interval=200ms"

func registerCollector(t *testing.T, client api, id string) *tapiov1.RegisterCollectorResponse {
	t.Helper()
	resp, err := client.collectors.RegisterCollector(bounded(t), &tapiov1.RegisterCollectorRequest{Collector: &tapiov1.Collector{
		CollectorId: id, CollectorType: "e2e", Node: "node-1", Attributes: map[string]string{"service.name": "fleet"},
	}})
	require.NoError(t, err)
	return resp
}

func collectorsBy(t *testing.T, client api, req *tapiov1.ListCollectorsRequest) map[string]*tapiov1.Collector {
	t.Helper()
	resp, err := client.collectors.ListCollectors(bounded(t), req)
	require.NoError(t, err)
	found := map[string]*tapiov1.Collector{}
	for _, c := range resp.Collectors {
		found[c.CollectorId] = c
	}
	return found
}

// A collector registers, beats, gets a configuration on the open stream, says
// that it took it, falls silent, and leaves.
func TestLifeOfACollector(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard, quickBeats))
	welcome := registerCollector(t, client, "one")
	require.Equal(t, 200*time.Millisecond, welcome.HeartbeatInterval.AsDuration())
	require.Nil(t, welcome.Config)
	require.NotZero(t, welcome.FlowControl.MaxBatchRecords)

	stream, err := client.collectors.Heartbeat(bounded(t))
	require.NoError(t, err)
	beat := func(req *tapiov1.HeartbeatRequest) *tapiov1.HeartbeatResponse {
		req.CollectorId = "one"
		require.NoError(t, stream.Send(req))
		answer, err := stream.Recv()
		require.NoError(t, err)
		return answer
	}
	require.Nil(t, beat(&tapiov1.HeartbeatRequest{Status: &tapiov1.CollectorStatus{CpuCores: 0.5, MemoryBytes: 7}}).Config)

	update := &tapiov1.UpdateConfigRequest{CollectorId: "one", Content: "receivers: {}"}
	set, err := client.collectors.UpdateConfig(bounded(t), update)
	require.NoError(t, err)
	pushed, err := stream.Recv() // without a further beat
	require.NoError(t, err)
	require.Equal(t, "receivers: {}", pushed.Config.Content)
	require.Equal(t, set.Config.Etag, pushed.Config.Etag)
	require.Nil(t, beat(&tapiov1.HeartbeatRequest{ConfigStatus: &tapiov1.ConfigStatus{
		Version: 1, Result: tapiov1.ConfigStatus_RESULT_APPLIED, EffectiveContent: "receivers: {} # really",
	}}).Config, "it is not sent twice")
	kept, err := client.collectors.GetConfig(bounded(t), &tapiov1.GetConfigRequest{CollectorId: "one"})
	require.NoError(t, err)
	require.Equal(t, "receivers: {} # really", kept.Status.EffectiveContent)

	update.Etag = "stale"
	_, err = client.collectors.UpdateConfig(bounded(t), update)
	require.Equal(t, codes.Aborted, status.Code(err), "%v", err)

	one := collectorsBy(t, client, &tapiov1.ListCollectorsRequest{Filter: &tapiov1.Filter{Services: []string{"fleet"}}})["one"]
	require.EqualValues(t, 1, one.ConfigVersion)
	require.InDelta(t, 0.5, one.Status.CpuCores, 0)
	lost := &tapiov1.ListCollectorsRequest{States: []tapiov1.Collector_State{tapiov1.Collector_STATE_LOST}}
	eventually(t, callLimit, func() bool { return collectorsBy(t, client, lost)["one"] != nil }, "its silence is noticed")

	_, err = client.collectors.UnregisterCollector(bounded(t), &tapiov1.UnregisterCollectorRequest{CollectorId: "one"})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.Equal(t, codes.NotFound, status.Code(err), "the stream of one that left ends: %v", err)
}

func TestCollectorsOfAFleet(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	for i := range 25 {
		registerCollector(t, client, fmt.Sprintf("c%02d", i))
	}
	req := &tapiov1.ListCollectorsRequest{OrderBy: "collector_id desc", Filter: &tapiov1.Filter{Limit: 10}}
	var got []string
	for {
		page, err := client.collectors.ListCollectors(bounded(t), req)
		require.NoError(t, err)
		require.Equal(t, map[string]uint64{"STATE_HEALTHY": 25}, page.StateCounts)
		require.EqualValues(t, 25, page.Statistics.GetCollectorCount(), "over all pages")
		require.Equal(t, map[string]uint64{"none": 25}, page.Statistics.GetConfigCounts())
		for _, one := range page.Collectors {
			got = append(got, one.CollectorId)
		}
		if req.Filter.PageToken = page.NextPageToken; req.Filter.PageToken == "" {
			break
		}
	}
	require.Len(t, got, 25)
	require.Equal(t, "c24", got[0])
	require.Equal(t, "c00", got[24])

	// A reload of the configuration does not lose the fleet.
	c.askReload(t)
	c.awaitReady(t)
	require.Len(t, collectorsBy(t, apiOf(t, c), &tapiov1.ListCollectorsRequest{}), 25)
}

// What a registered collector sends is counted under its name.
func TestFiguresOfACollector(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	registerCollector(t, client, "one")
	for i := range 3 {
		batch := eventBatch(fmt.Sprint("b", i), 10*i, 10*i+10)
		batch.CollectorId = "one"
		sent, err := client.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: batch})
		require.NoError(t, err)
		requireAck(t, sent.Ack, batch.BatchId, 10)
	}
	bad := &tapiov1.EventBatch{CollectorId: "one", Events: []*tapiov1.Event{{Id: "no record"}}}
	_, err := client.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: bad})
	require.NoError(t, err)
	resp, err := client.collectors.GetMetrics(bounded(t), &tapiov1.CollectorServiceGetMetricsRequest{CollectorId: "one"})
	require.NoError(t, err)
	require.Len(t, resp.Collectors, 1)
	figures := resp.Collectors[0]
	require.EqualValues(t, 30, figures.AcceptedRecordCount)
	require.EqualValues(t, 3, figures.BatchCount)
	require.Equal(t, map[string]uint64{"invalid": 1}, figures.RejectedRecordCounts)
	require.NotZero(t, figures.ReceivedBytes)
	require.GreaterOrEqual(t, figures.AckLatencyP99.AsDuration(), figures.AckLatencyP50.AsDuration())
	require.Positive(t, figures.AckLatencyP50.AsDuration())
	total, last := uint64(0), time.Duration(0)
	for _, bucket := range figures.AckLatency {
		require.Greater(t, bucket.UpperBound.AsDuration(), last, "in order")
		total, last = total+bucket.Count, bucket.UpperBound.AsDuration()
	}
	require.EqualValues(t, 4, total, "every batch is in the histogram")
	require.LessOrEqual(t, figures.AckLatencyP99.AsDuration(), last)
}
