// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// Only the counters show a crash: they restart each time.
func TestRestartsAreSeenByTheCounters(t *testing.T) {
	t.Parallel()
	const every = 10 * time.Second
	r := newReporting(t, 20*time.Minute)
	begun := map[string]time.Time{"orders": r.at, "payment": r.at}
	count := func(times int) {
		for range times {
			metrics := pmetric.NewMetrics()
			for service, since := range begun {
				of := metrics.ResourceMetrics().AppendEmpty()
				describe(of.Resource(), service, "")
				metric := of.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
				metric.SetName("requests")
				sum := metric.SetEmptySum()
				sum.SetIsMonotonic(true)
				sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
				point := sum.DataPoints().AppendEmpty()
				point.SetStartTimestamp(pcommon.NewTimestampFromTime(since))
				point.SetTimestamp(pcommon.NewTimestampFromTime(r.at))
				point.SetIntValue(int64(r.at.Sub(since).Seconds()))
			}
			_, err := pmetricotlp.NewGRPCClient(r.c.OTLP).Export(r.ctx, pmetricotlp.NewExportRequestFromMetrics(metrics))
			require.NoError(t, err)
			r.at = r.at.Add(every)
		}
	}
	count(60)
	begun["payment"] = r.at.Add(-time.Second)
	count(30)
	require.Empty(t, r.groups(), "a release restarts once")
	for range 6 {
		begun["payment"] = r.at.Add(-time.Second)
		count(2)
	}
	groups := r.groups()
	require.Len(t, groups, 1)
	require.Equal(t, "payment", causeOf(groups[0]))
	require.Contains(t, groups[0].GetTitle(), "payment has restarted again and again since ")
	require.Equal(t, tapiov1.SemanticGroup_TYPE_FAILURE_CASCADE, groups[0].GetType())
}

// What happens each night is no incident by the third.
func TestWhatHappensEachNightIsUsual(t *testing.T) {
	t.Parallel()
	const days, minutes = 4, 24 * 60
	r := newReporting(t, days*24*time.Hour+time.Minute)
	r.at = r.at.Truncate(24 * time.Hour)
	var opened [days]int
	seen := map[string]bool{}
	for day := range days {
		r.report("container.cpu.utilization", time.Minute, map[string]func(int) float64{
			"backup": func(i int) float64 {
				if i >= 3*60 && i < 4*60 {
					return 0.9 + 0.01*float64(i%3)
				}
				return 0.1 + 0.01*float64(i%3)
			},
		}, minutes-1)
		r.at = r.at.Add(time.Minute)
		for _, g := range r.groups() {
			if !seen[g.GetId()] {
				opened[day]++
			}
			seen[g.GetId()] = true
		}
	}
	require.Positive(t, opened[0], "the first time is not known yet")
	require.Zero(t, opened[days-1], "%v", opened)
}

// A server that serves others starts a program that has just been written: that
// is an incident of security by itself.
func TestAFetchedProgramIsABreakIn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), config)
	require.NoError(t, err)
	defer c.Stop()
	s, at := newShop(), time.Now().Add(-65*time.Minute).Truncate(time.Second)
	for range 62 * 6 { // for an hour it starts nothing of the kind
		send(ctx, t, c, s, at)
		at = at.Add(10 * time.Second)
	}
	sendStarted(ctx, t, c, "payment", "/usr/bin/curl", at)
	sendStarted(ctx, t, c, "payment", "/tmp/.x/miner", at.Add(time.Second))
	letTimePass(ctx, t, c, at.Add(30*time.Second))
	groups, _ := reported(ctx, t, tapiov1.NewTapioServiceClient(c.API))
	require.Len(t, groups, 1)
	g := groups[0]
	require.Equal(t, "payment", causeOf(g))
	require.Equal(t, tapiov1.SemanticGroup_TYPE_SECURITY, g.GetType())
	require.Contains(t, g.GetTitle(), "payment started miner (/tmp/.x/miner)")
	require.Contains(t, tapioctl(ctx, t, c, "tapioctl explain "+g.GetId()), "Treat it as a break-in until you know better")
	requireCommands(ctx, t, c, g)
}

// sendStarted is what the eBPF receiver says of a program that a server starts.
func sendStarted(ctx context.Context, t *testing.T, c *running.Collector, server, file string, at time.Time) {
	t.Helper()
	logs := plog.NewLogs()
	of := logs.ResourceLogs().AppendEmpty()
	of.Resource().Attributes().PutStr("host.name", "node-1")
	record := of.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("tapio.process.exec")
	record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	record.SetSeverityNumber(plog.SeverityNumberInfo)
	record.Attributes().PutStr("process.executable.name", filepath.Base(file))
	record.Attributes().PutStr("process.executable.path", file)
	record.Attributes().PutInt("process.pid", 815)
	ancestors := record.Attributes().PutEmptySlice("tapio.process.ancestor_names")
	ancestors.AppendEmpty().SetStr("sh")
	ancestors.AppendEmpty().SetStr(server)
	_, err := plogotlp.NewGRPCClient(c.OTLP).Export(ctx, plogotlp.NewExportRequestFromLogs(logs))
	require.NoError(t, err)
}
