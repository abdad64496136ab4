//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

const kernelConfig = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:0"}}}
  ebpf:
    collection_interval: 5s
    error_mode: propagate
OWN
processors: {semantic_correlation: {}}
exporters: {tapio: {extension: tapio}}
extensions:
  tapio:
    grpc: {endpoint: "localhost:0"}
    http: {enabled: false}
    store: {memory_limit: 64MiB}
service:
  extensions: [tapio]
  telemetry: {logs: {encoding: json}, metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp, ebpf], processors: [semantic_correlation], exporters: [tapio]}
    traces: {receivers: [otlp, ebpf], processors: [semantic_correlation], exporters: [tapio]}
    metrics: {receivers: [otlp, ebpf], processors: [semantic_correlation], exporters: [tapio]}
`

const (
	settled = 75 * time.Second // until the engine knows what is usual
	patient = 60 * time.Second // how long a finding is waited for
)

// live is a shop on this host that a collector looks at from the kernel.
type live struct {
	*machine
	wire *wire
	c    *running.Collector
	api  tapiov1.TapioServiceClient
	ctx  context.Context
}

func newLive(t *testing.T, name string, s *scenario) *live {
	t.Helper()
	m := newMachine(t, name)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	own := m.onlyOwn()
	if s.exact > 0 {
		own += fmt.Sprintf("    probes: {http: {exact_requests_per_second: %d}}\n", s.exact)
	}
	c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), strings.Replace(kernelConfig, "OWN", own, 1))
	if err != nil && strings.Contains(err.Error(), "refused") {
		t.Skipf("needs a kernel that lets itself be looked into: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	l := &live{machine: m, c: c, api: tapiov1.NewTapioServiceClient(c.API), ctx: ctx}
	if s.prepare != nil {
		s.prepare(t, l)
	}
	l.start(t, "payment", true, append([]string{"-listen", "127.0.0.1:8003"}, s.payment...)...)
	l.start(t, "orders", false, append([]string{"-listen", "127.0.0.1:8002", "-calls", "http://127.0.0.1:8003/pay"}, s.orders...)...)
	l.start(t, "web", false, "-listen", "127.0.0.1:8001", "-calls", "http://127.0.0.1:8002/orders")
	l.start(t, "customer", false, "-load", "http://127.0.0.1:8001/buy")
	return l
}

func (l *live) wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-l.ctx.Done():
		require.NoError(t, l.ctx.Err())
	case <-time.After(d):
	}
}

func (l *live) groups(t *testing.T) []*tapiov1.SemanticGroup {
	t.Helper()
	answer, err := l.api.GetSemanticGroups(l.ctx, &tapiov1.GetSemanticGroupsRequest{})
	require.NoError(t, err)
	return answer.GetGroups()
}

func (l *live) insights(t *testing.T) []*tapiov1.Insight {
	t.Helper()
	answer, err := l.api.GetInsights(l.ctx, &tapiov1.GetInsightsRequest{})
	require.NoError(t, err)
	return answer.GetInsights()
}

// crashing starts payment again each time that it has crashed, as a supervisor
// does.
func (l *live) crashing(t *testing.T) {
	var over sync.WaitGroup
	ctx, end := context.WithCancel(l.ctx)
	over.Go(func() {
		for ctx.Err() == nil {
			p := l.start(t, "payment", true, "-crash")
			<-p.ended
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
	t.Cleanup(func() {
		end()
		over.Wait()
	})
}

// The programs of the shop are not instrumented: what is reported of a fault is what
// the kernel saw.
func TestTheKernelNamesTheCause(t *testing.T) {
	needs(t)
	haveHost(t)
	for name, s := range kernelScenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLive(t, name, &s)
			l.wait(t, settled)
			require.Empty(t, l.groups(t), "nothing is broken yet")
			s.fault(t, l)
			l.await(t, name+"-"+s.cause, s.says)
			groups := l.groups(t)
			require.LessOrEqual(t, len(groups), 2, "groups of one fault")
			for _, g := range groups {
				requireCommands(l.ctx, t, l.c, g)
			}
			l.requireSoon(t)
		})
	}
}

// await waits until the likeliest cause is the one, and its report has
// all that is wanted.
func (l *live) await(t *testing.T, cause string, says []string) {
	t.Helper()
	for range patient / (2 * time.Second) {
		l.wait(t, 2*time.Second)
		if l.reports(t, cause, says) {
			l.show(t)
			return
		}
	}
	l.show(t)
	require.Fail(t, "the cause is not reported", "%s: %v", cause, says)
}

func (l *live) reports(t *testing.T, cause string, says []string) bool {
	t.Helper()
	for _, g := range l.groups(t) {
		if factors := g.GetRootCause().GetCausalFactors(); factors[0].GetEntity().GetName() != cause {
			continue
		}
		if g.GetKind() != tapiov1.SemanticGroup_KIND_INCIDENT {
			continue // the users of the shop suffer from each
		}
		var text strings.Builder
		for _, i := range l.insights(t) {
			if i.GetGroupId() == g.GetId() {
				fmt.Fprintln(&text, i.GetTitle(), i.GetText())
			}
		}
		missing := func(word string) bool { return !strings.Contains(text.String(), word) }
		if !slices.ContainsFunc(says, missing) {
			return true
		}
	}
	return false
}

// soon is how long after its last evidence a finding leaves, in event time.
const soon = 10 * time.Second

// requireSoon looks at the first report of each incident.
func (l *live) requireSoon(t *testing.T) {
	t.Helper()
	stored, err := l.api.SubscribeToEvents(l.ctx, &tapiov1.SubscribeToEventsRequest{
		HistoryOnly: true, Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{Last: 1000}}, Filter: &tapiov1.Filter{EventNames: []string{"tapio.semantic_group"}},
	})
	require.NoError(t, err)
	reported := 0
	for {
		piece, err := stored.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		for _, g := range piece.GetGroups() {
			if g.GetRevision() > 1 {
				continue
			}
			reported++
			var newest time.Time
			for _, e := range g.GetMembers() {
				if at := e.GetTime().AsTime(); at.After(newest) {
					newest = at
				}
			}
			require.Less(t, g.GetTime().AsTime().Sub(newest), soon, g.GetTitle())
		}
	}
	require.NotZero(t, reported)
}
