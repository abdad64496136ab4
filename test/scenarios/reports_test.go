// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// reporting is services that send a gauge at a regular pace, in event time that
// ends now.
type reporting struct {
	t   *testing.T
	ctx context.Context
	c   *running.Collector
	at  time.Time
}

func newReporting(t *testing.T, lasts time.Duration) *reporting {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), config)
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	return &reporting{t: t, ctx: ctx, c: c, at: time.Now().Add(-lasts).Truncate(time.Second)}
}

// report sends a gauge of each service, as often as said.
func (r *reporting) report(name string, every time.Duration, values map[string]func(i int) float64, times int) {
	r.t.Helper()
	client := pmetricotlp.NewGRPCClient(r.c.OTLP)
	for i := range times {
		metrics := pmetric.NewMetrics()
		for service, value := range values {
			of := metrics.ResourceMetrics().AppendEmpty()
			describe(of.Resource(), service, "")
			metric := of.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			metric.SetName(name)
			metric.SetUnit("1")
			point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
			point.SetTimestamp(pcommon.NewTimestampFromTime(r.at))
			point.SetDoubleValue(value(i))
		}
		_, err := client.Export(r.ctx, pmetricotlp.NewExportRequestFromMetrics(metrics))
		require.NoError(r.t, err)
		r.at = r.at.Add(every)
	}
}

func (r *reporting) groups() []*tapiov1.SemanticGroup {
	r.t.Helper()
	groups, _ := reported(r.ctx, r.t, tapiov1.NewTapioServiceClient(r.c.API))
	return groups
}

// tapioctl runs the client as a person on call would.
func tapioctl(ctx context.Context, t *testing.T, c *running.Collector, command string) string {
	t.Helper()
	binary := filepath.Join("..", "..", "bin", "tapioctl") + " --server " + c.API.Target()
	out, err := exec.CommandContext(ctx, "sh", "-c", strings.Replace(command, "tapioctl", binary, 1)).CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
	return string(out)
}

// requireCommands runs what is recommended, as far as it is of this project.
func requireCommands(ctx context.Context, t *testing.T, c *running.Collector, g *tapiov1.SemanticGroup) {
	t.Helper()
	ran := 0
	for _, action := range g.GetActions() {
		for _, command := range action.GetCommands() {
			if strings.HasPrefix(command, "tapioctl ") {
				tapioctl(ctx, t, c, command)
				ran++
			}
		}
	}
	require.NotZero(t, ran, "%v", g.GetActions())
}

// A leak is reported before it is fatal, with the time at which it will be.
func TestALeakIsPredicted(t *testing.T) {
	t.Parallel()
	const minutes, start, perMinute = 60, 0.40, 0.008
	r := newReporting(t, minutes*time.Minute)
	begin := r.at
	r.report("container.memory.utilization", 15*time.Second, map[string]func(int) float64{
		"payment": func(i int) float64 { return start + perMinute*float64(i)/4 },
		"orders":  func(int) float64 { return 0.3 },
	}, minutes*4)
	groups := r.groups()
	require.Len(t, groups, 1)
	g := groups[0]
	require.Equal(t, "payment", g.GetRootCause().GetCausalFactors()[0].GetEntity().GetName())
	require.Equal(t, tapiov1.SemanticGroup_TYPE_RESOURCE_EXHAUSTION, g.GetType())
	require.NotEmpty(t, g.GetPredictions())
	full := begin.Add(time.Duration((1 - start) / perMinute * float64(time.Minute)))
	when := g.GetPredictions()[0].GetExpectedRange()
	require.WithinRange(t, full, when.GetStart().AsTime().Add(-time.Minute), when.GetEnd().AsTime().Add(time.Minute))
	requireCommands(r.ctx, t, r.c, g)
	said := tapioctl(r.ctx, t, r.c, "tapioctl explain "+g.GetId())
	require.Contains(t, said, "FORECAST")
	require.Contains(t, said, "Memory of payment will be used up in")
}

// A service that others call reports nothing any more, while they do.
func TestASilentServiceIsNamed(t *testing.T) {
	t.Parallel()
	threads := func(int) float64 { return 8 }
	r := newReporting(t, 75*time.Minute)
	all := map[string]func(int) float64{"web": threads, "orders": threads, "payment": threads}
	r.report("process.threads", 10*time.Second, all, 70*6)
	require.Empty(t, r.groups())
	delete(all, "payment")
	r.report("process.threads", 10*time.Second, all, 3*6)
	groups := r.groups()
	require.Len(t, groups, 1)
	require.Equal(t, "payment", groups[0].GetRootCause().GetCausalFactors()[0].GetEntity().GetName())
	require.Contains(t, groups[0].GetTitle(), "payment has sent no telemetry since ")
}

// show logs all that was reported, for readers of the test's output.
func (l *live) show(t *testing.T) {
	t.Helper()
	for _, g := range l.groups(t) {
		t.Logf("%s (%s)", g.GetTitle(), g.GetState())
		for _, f := range g.GetRootCause().GetCausalFactors() {
			t.Logf("  %.2f %s: %s", f.GetProbability(), f.GetEntity().GetName(), f.GetReason())
		}
	}
	for _, i := range l.insights(t) {
		t.Logf("%s: %s\n%s", i.GetAudience(), i.GetTitle(), i.GetText())
		for _, a := range i.GetActions() {
			t.Logf("  %s %v", a.GetTitle(), a.GetCommands())
		}
	}
}
