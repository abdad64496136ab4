// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A configuration that a collector refuses is known with the reason, and the
// next one it takes.
func TestConfigurationIsAnswered(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, quickBeats)
	ruler := apiOf(t, c)
	member := client.Member{
		Collector: &tapiov1.Collector{CollectorId: "one"},
		Apply: func(_ context.Context, config *tapiov1.CollectorConfig) (string, error) {
			if config.GetContent() == "bad: true" {
				return "", errors.New("there is no bad")
			}
			return config.GetContent() + " # in force", nil
		},
	}
	var running sync.WaitGroup
	ctx, leave := context.WithCancel(t.Context())
	conn := dial(t, c.GRPC, insecure.NewCredentials())
	running.Go(func() { _ = member.Run(ctx, conn) })
	eventually(t, callLimit, func() bool { return collectorsBy(t, ruler, &tapiov1.ListCollectorsRequest{})["one"] != nil }, "it registers")
	answered := func(content string) *tapiov1.ConfigStatus {
		set, err := ruler.collectors.UpdateConfig(bounded(t), &tapiov1.UpdateConfigRequest{CollectorId: "one", Content: content})
		require.NoError(t, err)
		var answer *tapiov1.ConfigStatus
		eventually(t, callLimit, func() bool {
			got, err := ruler.collectors.GetConfig(bounded(t), &tapiov1.GetConfigRequest{CollectorId: "one"})
			require.NoError(t, err)
			answer = got.GetStatus()
			return answer.GetVersion() == set.GetConfig().GetVersion()
		}, "the answer is known")
		return answer
	}
	refused := answered("bad: true")
	require.Equal(t, tapiov1.ConfigStatus_RESULT_FAILED, refused.Result)
	require.Equal(t, "there is no bad", refused.Message)
	taken := answered("good: true")
	require.Equal(t, tapiov1.ConfigStatus_RESULT_APPLIED, taken.Result)
	require.Equal(t, "good: true # in force", taken.EffectiveContent)
	leave()
	running.Wait()
	_, err := ruler.collectors.GetConfig(bounded(t), &tapiov1.GetConfigRequest{CollectorId: "one"})
	require.Equal(t, codes.NotFound, status.Code(err), "it has unregistered")
}

// Who falls silent is degraded first, and lost then.
func TestMissedBeats(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard, "--set=extensions::tapio::collectors::heartbeat_interval=1s",
		"--set=extensions::tapio::collectors::degraded_after=2", "--set=extensions::tapio::collectors::lost_after=4"))
	registerCollector(t, client, "one")
	var seen []tapiov1.Collector_State
	eventually(t, callLimit, func() bool {
		state := collectorsBy(t, client, &tapiov1.ListCollectorsRequest{})["one"].GetState()
		if len(seen) == 0 || seen[len(seen)-1] != state {
			seen = append(seen, state)
		}
		return state == tapiov1.Collector_STATE_LOST
	}, "it is lost")
	require.Equal(t, []tapiov1.Collector_State{
		tapiov1.Collector_STATE_HEALTHY, tapiov1.Collector_STATE_DEGRADED, tapiov1.Collector_STATE_LOST,
	}, seen)
}

// A thousand collectors beat, again and again, and none is ever missed.
func TestAThousandCollectorsKeepBeating(t *testing.T) {
	t.Parallel()
	const members, beats, connections = 1000, 10, 10
	c := Start(t, standard, "--set=extensions::tapio::max_streams=2000", "--set=extensions::tapio::collectors::heartbeat_interval=2s")
	watcher := apiOf(t, c)
	ctx, leave := context.WithCancel(t.Context())
	var running sync.WaitGroup
	counts := make([]atomic.Int64, members)
	for i := range members {
		if i%(members/connections) == 0 {
			watcher = apiOf(t, c)
		}
		conn := watcher.conn
		member := client.Member{
			Collector: &tapiov1.Collector{CollectorId: fmt.Sprintf("c%04d", i)},
			Report: func() *tapiov1.CollectorStatus {
				counts[i].Add(1)
				return &tapiov1.CollectorStatus{MemoryBytes: uint64(i)}
			},
		}
		running.Go(func() { _ = member.Run(ctx, conn) })
	}
	eventually(t, 4*callLimit, func() bool {
		for i := range counts {
			if counts[i].Load() < beats {
				return false
			}
		}
		return true
	}, "each has beaten often")
	listed, err := watcher.collectors.ListCollectors(bounded(t), &tapiov1.ListCollectorsRequest{Filter: &tapiov1.Filter{Limit: 1}})
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"STATE_HEALTHY": members}, listed.StateCounts)
	figures := figuresOf(t, watcher)
	t.Logf("%d collectors beat %d times each: heap %d MiB, resident %s, %d goroutines", members, beats,
		figures.HeapBytes>>20, resident(t, c), figures.GoroutineCount)
	leave()
	running.Wait()
	require.Empty(t, collectorsBy(t, watcher, &tapiov1.ListCollectorsRequest{}), "all have left")
}
