// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// startRedis runs Redis on a socket until the end of the test.
func startRedis(t *testing.T) (address string, ask func(command string, args ...any) (any, error)) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed: apt-get install redis-server")
	}
	socket := filepath.Join(t.TempDir(), "redis.sock")
	server := background(t, running.Command{Args: []string{path, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", filepath.Dir(socket)}})
	t.Cleanup(server.Kill)
	ask = func(command string, args ...any) (any, error) {
		conn, err := redis.Dial("unix", socket)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		return conn.Do(command, args...)
	}
	eventually(t, startLimit, func() bool {
		_, err := ask("PING")
		return err == nil
	}, "Redis answers")
	return "unix://" + socket, ask
}

// Two collectors that see the same incident and the same alert send one message each; when
// one of them is killed the other one goes on. A batch that both get is stored once.
func TestTwoCollectorsShareOneRedis(t *testing.T) {
	t.Parallel()
	address, redisAsk := startRedis(t)
	p := newPager(t)
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(rules, []byte(depthRules), 0o600))
	args := []string{
		"--set=extensions::tapio::redis::endpoint=" + address, "--set=extensions::tapio::redis::lease=2s",
		"--set=extensions::tapio::notifications::receivers=[{name: hook, webhook: {url: \"" + p.URL + "/hook\"}}]",
	}
	a := Start(t, promConfig(rules), args...)
	b := Start(t, promConfig(rules), args...)
	both := []*Collector{a, b}
	for _, c := range both {
		sendGRPC(t, c, group("g-"+c.GRPC, 1, "open", "high")) // each has an ID of its own
	}
	require.Contains(t, p.await(t, "/hook", 1)[0], "payments-db is slow")
	for _, c := range both {
		depth(t, c, 9)
	}
	require.Contains(t, p.await(t, "/hook", 2)[1], "cart waits for 9")
	eventually(t, startLimit, func() bool {
		entries, err := redis.Values(redisAsk("XRANGE", "tapio:incidents", "-", "+"))
		require.NoError(t, err)
		return len(entries) == 2 && strings.Contains(fmt.Sprintf("%s", entries[0]), "payments-db is slow: 24% of orders fail")
	}, "each server writes its incident to the stream")

	require.False(t, sendNamedBatch(t, a, "batch-1"))
	require.True(t, sendNamedBatch(t, b, "batch-1"), "the other one knows that it is stored")

	a.Kill() // it leads, for it was the first
	depth(t, b, 9)
	eventually(t, startLimit, func() bool {
		_, body := get(t, "http://"+b.HTTP+"/prometheus/api/v1/rules")
		return strings.Contains(string(body), `"state":"firing"`)
	}, "the other one evaluates the rules")
	depth(t, b, 1)
	require.Contains(t, p.await(t, "/hook", 3)[2], `"resolved"`)
	require.Len(t, p.bodies("/hook"), 3, "nothing was sent twice")
}

// sendNamedBatch writes an event and reports whether the server calls the batch a duplicate.
func sendNamedBatch(t *testing.T, c *Collector, id string) bool {
	t.Helper()
	response, err := apiOf(t, c).collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: &tapiov1.EventBatch{
		BatchId: id, CollectorId: "agent", Events: []*tapiov1.Event{event(1, "shared")},
	}})
	require.NoError(t, err)
	return response.GetAck().GetDuplicate()
}
