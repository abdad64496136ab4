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

// Payment is killed for its memory, and orders fails with it. A minute later orders
// uses up its CPU, which payment cannot give it: that is an incident of its own,
// and followers of the first are informed.
func TestASecondFaultIsSplitOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), config)
	require.NoError(t, err)
	defer c.Stop()
	api := tapiov1.NewTapioServiceClient(c.API)
	subscribed, err := api.SubscribeToEvents(ctx, &tapiov1.SubscribeToEventsRequest{})
	require.NoError(t, err)

	at := time.Now().Add(-healthy - 4*time.Minute).Truncate(time.Second)
	s := newShop()
	live := func(d time.Duration, cpu float64) {
		for range d / (10 * time.Second) {
			reportCPU(ctx, t, c, "orders", at, cpu)
			s.run(ctx, t, c, at, 10*time.Second)
			at = at.Add(10 * time.Second)
		}
	}
	live(healthy, 0.2)
	sendKilled(ctx, t, c, "payment", at)
	s.paymentFails = true
	live(time.Minute, 0.2)
	groups, _ := reported(ctx, t, api)
	require.Len(t, groups, 1)
	whole := groups[0]
	require.Equal(t, "payment", causeOf(whole))
	require.Contains(t, whole.GetServices(), "orders")

	second := at
	live(time.Minute, 0.97)
	letTimePass(ctx, t, c, at.Add(30*time.Second))
	groups, _ = reported(ctx, t, api)
	require.Len(t, groups, 2)
	byCause := map[string]*tapiov1.SemanticGroup{}
	for _, g := range groups {
		byCause[causeOf(g)] = g
	}
	rest, made := byCause["payment"], byCause["orders"]
	require.Equal(t, whole.GetId(), rest.GetId(), "it goes on under its id")
	require.Greater(t, rest.GetRevision(), whole.GetRevision())
	require.Equal(t, whole.GetId(), made.GetSplitFrom())
	require.Equal(t, tapiov1.SemanticGroup_TYPE_RESOURCE_EXHAUSTION, made.GetType())
	require.Contains(t, rest.GetServices(), "orders", "it fails with payment still")
	require.WithinRange(t, made.GetTimeRange().GetStart().AsTime(), second.Add(-30*time.Second), second.Add(10*time.Second))
	requireSplitReported(t, subscribed, whole.GetId(), made.GetId())

	require.Contains(t, tapioctl(ctx, t, c, "tapioctl explain "+made.GetId()), "split from "+whole.GetId())
	require.Contains(t, tapioctl(ctx, t, c, "tapioctl explain "+whole.GetId()), "turned out to be another incident, "+made.GetId())
	require.Contains(t, tapioctl(ctx, t, c, "tapioctl get logs --event-name tapio.semantic_group -l tapio.group.split_from="+whole.GetId()+" -o json"),
		made.GetId(), "any back end that gets the log records can select by it")
}

func causeOf(g *tapiov1.SemanticGroup) string {
	return g.GetRootCause().GetCausalFactors()[0].GetEntity().GetName()
}

// requireSplitReported reads what a subscriber got until the new group is there: it
// stands beside an update of the one that it was parted from.
func requireSplitReported(t *testing.T, subscribed interface {
	Recv() (*tapiov1.SubscribeToEventsResponse, error)
}, whole, made string,
) {
	t.Helper()
	newest := map[string]*tapiov1.SemanticGroup{}
	for newest[made] == nil {
		piece, err := subscribed.Recv()
		require.NoError(t, err)
		for _, g := range piece.GetGroups() {
			newest[g.GetId()] = g
		}
	}
	require.Equal(t, whole, newest[made].GetSplitFrom())
	require.EqualValues(t, 1, newest[made].GetRevision())
	require.Equal(t, newest[made].GetTime().AsTime(), newest[whole].GetTime().AsTime(), "both are reported at once")
}

// sendKilled is what the eBPF receiver says of a program that the kernel kills.
func sendKilled(ctx context.Context, t *testing.T, c *running.Collector, service string, at time.Time) {
	t.Helper()
	logs := plog.NewLogs()
	of := logs.ResourceLogs().AppendEmpty()
	describe(of.Resource(), service, "")
	record := of.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetEventName("tapio.process.oom_kill")
	record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	record.SetSeverityNumber(plog.SeverityNumberError)
	record.Attributes().PutStr("process.executable.name", service+"d")
	record.Attributes().PutInt("process.pid", 4711)
	_, err := plogotlp.NewGRPCClient(c.OTLP).Export(ctx, plogotlp.NewExportRequestFromLogs(logs))
	require.NoError(t, err)
}

// reportCPU sends what share of its limit a service uses.
func reportCPU(ctx context.Context, t *testing.T, c *running.Collector, service string, at time.Time, used float64) {
	t.Helper()
	metrics := pmetric.NewMetrics()
	of := metrics.ResourceMetrics().AppendEmpty()
	describe(of.Resource(), service, "")
	metric := of.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("container.cpu.utilization")
	metric.SetUnit("1")
	point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(pcommon.NewTimestampFromTime(at))
	point.SetDoubleValue(used)
	_, err := pmetricotlp.NewGRPCClient(c.OTLP).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(metrics))
	require.NoError(t, err)
}
