// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package scenarios breaks a small shop in one way at a time and asks the built
// collector, as a person on call would, what happened.
package scenarios

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

const config = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:0"}}}
processors: {semantic_correlation: {}}
exporters: {tapio: {extension: tapio}}
extensions:
  tapio:
    grpc: {endpoint: "localhost:0"}
    http: {enabled: false}
service:
  extensions: [tapio]
  telemetry: {logs: {encoding: json}, metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], processors: [semantic_correlation], exporters: [tapio]}
    traces: {receivers: [otlp], processors: [semantic_correlation], exporters: [tapio]}
    metrics: {receivers: [otlp], processors: [semantic_correlation], exporters: [tapio]}
`

const (
	healthy = 5 * time.Minute
	broken  = 90 * time.Second
)

// play runs the shop in event time, healthy and then as the fault leaves it, and
// returns what the collector reports.
func play(t *testing.T, fault func(*shop)) ([]*tapiov1.SemanticGroup, []*tapiov1.Insight) {
	t.Helper()
	return playFor(t, healthy, fault)
}

func playFor(t *testing.T, healthy time.Duration, fault func(*shop)) ([]*tapiov1.SemanticGroup, []*tapiov1.Insight) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), config)
	require.NoError(t, err)
	defer c.Stop()
	begin := time.Now().Add(-healthy - broken - time.Minute).Truncate(time.Second)
	s := newShop()
	for second := time.Duration(0); second < healthy+broken; second += time.Second {
		if second == healthy {
			fault(s)
		}
		send(ctx, t, c, s, begin.Add(second))
	}
	letTimePass(ctx, t, c, begin.Add(healthy+broken+30*time.Second))
	return reported(ctx, t, tapiov1.NewTapioServiceClient(c.API))
}

// send sends the shop's telemetry of one second.
func send(ctx context.Context, t *testing.T, c *running.Collector, s *shop, at time.Time) {
	t.Helper()
	traces, logs := s.second(at)
	_, err := ptraceotlp.NewGRPCClient(c.OTLP).Export(ctx, ptraceotlp.NewExportRequestFromTraces(traces))
	require.NoError(t, err)
	_, err = plogotlp.NewGRPCClient(c.OTLP).Export(ctx, plogotlp.NewExportRequestFromLogs(logs))
	require.NoError(t, err)
}

func letTimePass(ctx context.Context, t *testing.T, c *running.Collector, to time.Time) {
	t.Helper()
	metrics := pmetric.NewMetrics()
	metric := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("scenario.time")
	metric.SetEmptyGauge().DataPoints().AppendEmpty().SetTimestamp(pcommon.NewTimestampFromTime(to))
	_, err := pmetricotlp.NewGRPCClient(c.OTLP).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(metrics))
	require.NoError(t, err)
}

// reported asks until the answer has stayed the same for a while: findings reach the
// store a moment after the records that bring them about.
func reported(
	ctx context.Context, t *testing.T, api tapiov1.TapioServiceClient,
) (groups []*tapiov1.SemanticGroup, insights []*tapiov1.Insight) {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for same, last := 0, -1; same < 10; {
		answer, err := api.GetSemanticGroups(ctx, &tapiov1.GetSemanticGroupsRequest{})
		require.NoError(t, err)
		words, err := api.GetInsights(ctx, &tapiov1.GetInsightsRequest{})
		require.NoError(t, err)
		groups, insights = answer.GetGroups(), words.GetInsights()
		if n := len(groups) + len(insights); n == last {
			same++
		} else {
			same, last = 0, n
		}
		<-poll.C
	}
	return groups, insights
}

func TestTheInsightNamesTheCause(t *testing.T) {
	for name, scenario := range map[string]struct {
		fault func(*shop)
		cause string
		says  []string // one of these stands in an insight, in either case
	}{
		"a slow downstream": {
			func(s *shop) { s.paymentTakes = 800 * time.Millisecond }, "payment", []string{"slow", "ms", "duration", "latency"},
		},
		"a dependency that fails": {
			func(s *shop) { s.paymentFails = true }, "payment", []string{"fail", "error"},
		},
		"a bad release": {
			func(s *shop) { s.release = "2.0.0" }, "orders", []string{"2.0.0", "currency", "release"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			groups, insights := play(t, scenario.fault)
			require.Len(t, groups, 1, "one fault is one incident: %v", groups)
			require.NotEmpty(t, groups[0].GetRootCause().GetCausalFactors())
			require.Equal(t, scenario.cause, groups[0].GetRootCause().GetCausalFactors()[0].GetEntity().GetName(), "%v", groups[0].GetRootCause().GetCausalFactors())
			require.NotEmpty(t, insights)
			var text strings.Builder
			for _, insight := range insights {
				text.WriteString(strings.ToLower(insight.GetTitle() + "\n" + insight.GetText() + "\n"))
			}
			require.Contains(t, text.String(), scenario.cause)
			found := false
			for _, word := range scenario.says {
				found = found || strings.Contains(text.String(), word)
			}
			require.True(t, found, "none of %v in:\n%s", scenario.says, text.String())
		})
	}
}

// An hour of quiet load, in event time, brings about no incident.
func TestQuietLoadOpensNoGroup(t *testing.T) {
	t.Parallel()
	groups, _ := playFor(t, time.Hour, func(*shop) {})
	require.Empty(t, groups)
}
