// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/credentials/insecure"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	idleStreams     = 1000
	busyStreams     = 200
	beating         = 1000
	batchesByStream = 20
	sharedBy        = 100 // streams of one connection
)

// A thousand streams that say nothing, two hundred that write, and a thousand
// collectors that beat, at once: all are served, and all is given back.
func TestManyStreams(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, "--set=extensions::tapio::max_streams=3000")
	watcher := apiOf(t, c)
	before := figuresOf(t, watcher)
	var apis []api
	for range (idleStreams + busyStreams + beating) / sharedBy {
		apis = append(apis, apiAt(dial(t, c.GRPC, insecure.NewCredentials())))
	}
	for i := range idleStreams {
		stream, err := apis[i/sharedBy].events.StreamEvents(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, stream.CloseSend()) }()
	}
	heartbeats := startBeating(t, apis[(idleStreams+busyStreams)/sharedBy:])
	var writers sync.WaitGroup
	for i := range busyStreams {
		stream, err := apis[(idleStreams+i)/sharedBy].events.StreamEvents(bounded(t))
		require.NoError(t, err)
		writers.Go(func() {
			if err := writeBatches(stream, i); err != nil {
				t.Error(err)
			}
		})
	}
	for _, stream := range heartbeats {
		_, err := stream.Recv()
		require.NoError(t, err)
	}
	writers.Wait()
	eventually(t, callLimit, func() bool { return figuresOf(t, watcher).OpenStreamCount >= idleStreams+beating }, "all are open at once")
	figures := figuresOf(t, watcher)
	require.EqualValues(t, busyStreams*batchesByStream, figures.AcceptedRecordCount-before.AcceptedRecordCount)
	listed, err := watcher.collectors.ListCollectors(bounded(t), &tapiov1.ListCollectorsRequest{Filter: &tapiov1.Filter{Limit: 1}})
	require.NoError(t, err)
	require.EqualValues(t, beating, listed.StateCounts["STATE_HEALTHY"])
	t.Logf("%d streams open, %d goroutines, heap %d MiB, resident %s", figures.OpenStreamCount, figures.GoroutineCount,
		figures.HeapBytes>>20, resident(t, c))
}

func startBeating(t *testing.T, apis []api) []tapiov1.CollectorService_HeartbeatClient {
	t.Helper()
	var streams []tapiov1.CollectorService_HeartbeatClient
	for i := range beating {
		by := apis[i/sharedBy]
		id := fmt.Sprintf("collector-%04d", i)
		registerCollector(t, by, id)
		stream, err := by.collectors.Heartbeat(t.Context())
		require.NoError(t, err)
		require.NoError(t, stream.Send(&tapiov1.HeartbeatRequest{CollectorId: id, Status: &tapiov1.CollectorStatus{CpuCores: 0.1}}))
		streams = append(streams, stream)
	}
	return streams
}

func writeBatches(stream tapiov1.TapioService_StreamEventsClient, writer int) error {
	for n := range batchesByStream {
		id := fmt.Sprintf("%d-%d", writer, n)
		if err := sendBatch(stream, &tapiov1.EventBatch{BatchId: id, Events: []*tapiov1.Event{event(n, "e2e.many")}}); err != nil {
			return err
		}
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if answer.GetAck().GetBatchId() != id || answer.GetAck().GetAcceptedCount() != 1 {
			return fmt.Errorf("batch %s: %v", id, answer)
		}
	}
	return stream.CloseSend()
}

// resident is the memory of the collector, as the kernel counts it.
func resident(t *testing.T, c *Collector) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
