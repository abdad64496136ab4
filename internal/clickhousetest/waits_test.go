// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	collector "github.com/tapio/tapio/test/running"
)

// TestWhatUsersWaitFor prints how long answers take while the engine answers, while it is stopped
// (it accepts connections and stays silent) and while nothing listens where it was, with a timeout of
// 5 s. An incomplete answer must have a note.
func TestWhatUsersWaitFor(t *testing.T) {
	if os.Getenv(latencyVariable) == "" {
		t.Skip("set " + latencyVariable + ": make bench-clickhouse")
	}
	d := newDatabase(t, false)
	binary := filepath.Join("..", "..", "bin", "tapio-full")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	start := func(native string) *collector.Collector {
		c, err := collector.Start(ctx, binary, fmt.Sprintf(twoTiers, native, d.engine.http, d.name))
		require.NoError(t, err)
		t.Cleanup(c.Stop)
		return c
	}
	begin := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	c, refused := start(d.engine.native), start("127.0.0.1:1") // nothing listens there
	sendAll(ctx, t, c, begin)
	var table strings.Builder
	table.WriteString("\n| ClickHouse | logs of earlier times, ms | the newest logs, ms |\n|---|---|---|\n")
	row := func(state string, c *collector.Collector, lacks bool) {
		old := waits(ctx, t, c, rangeOf(begin), lacks)
		now := time.Now()
		recent := waits(ctx, t, c, rangeOf(now.Add(-time.Millisecond)), false)
		fmt.Fprintf(&table, "| %s | %s | %s |\n", state, old, recent)
	}
	row("answers", c, false)
	engine := ofShared.command.Process
	require.NoError(t, engine.Signal(syscall.SIGSTOP))
	t.Cleanup(func() { _ = engine.Signal(syscall.SIGCONT) })
	row("is stopped", c, true)
	require.NoError(t, engine.Signal(syscall.SIGCONT))
	again := time.Now()
	require.Eventually(t, func() bool { // what was late three times in a row is left out for a while
		answer, err := tapiov1.NewObservabilityServiceClient(c.API).GetLogs(ctx, &tapiov1.GetLogsRequest{Filter: rangeOf(begin)})
		require.NoError(t, err)
		return len(answer.GetNotes()) == 0
	}, time.Minute, 100*time.Millisecond)
	t.Logf("complete %v after it goes on", time.Since(again).Round(100*time.Millisecond))
	row("answers again", c, false)
	row("refuses connections", refused, true)
	t.Log(table.String())
}

// waits returns the median and the longest of five answers.
func waits(ctx context.Context, t *testing.T, c *collector.Collector, filter *tapiov1.Filter, lacks bool) string {
	t.Helper()
	var times []time.Duration
	for range 5 {
		begin := time.Now()
		answer, err := tapiov1.NewObservabilityServiceClient(c.API).GetLogs(ctx, &tapiov1.GetLogsRequest{Filter: filter})
		times = append(times, time.Since(begin))
		require.NoError(t, err)
		require.Equal(t, lacks, len(answer.GetNotes()) > 0, "%v", answer.GetNotes())
	}
	slices.Sort(times)
	return fmt.Sprintf("%.1f (%.1f)", times[2].Seconds()*1e3, times[4].Seconds()*1e3)
}
