// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	demoProcesses = 13
	// causeLimit bounds the wait for an incident, on a busy machine.
	causeLimit = 2 * time.Minute
)

// demoRun is `tapioctl demo` against a collector.
type demoRun struct {
	cmd *exec.Cmd

	mu  sync.Mutex
	out bytes.Buffer
}

func (d *demoRun) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.Write(p)
}

func (d *demoRun) printed() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.String()
}

// startDemo starts the shop and waits until all of its processes run.
func startDemo(t *testing.T, c *Collector, args ...string) *demoRun {
	t.Helper()
	d := &demoRun{}
	d.cmd = exec.CommandContext(t.Context(), binary(t, "TAPIOCTL_BIN", "tapioctl"), append([]string{
		"demo", "--server", c.GRPC, "--otlp-endpoint", "http://" + c.OTLPHTTP, "--ui", "http://" + c.HTTP,
	}, args...)...)
	d.cmd.Stdout, d.cmd.Stderr = d, d
	require.NoError(t, d.cmd.Start())
	t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			_ = d.cmd.Process.Kill()
			_ = d.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("output of the demo:\n%s", d.printed())
		}
	})
	eventually(t, startLimit, func() bool { return strings.Contains(d.printed(), "The shop runs: 13 processes") }, "the shop runs")
	return d
}

// children are the processes that the process has started.
func children(t *testing.T, of int) (pids []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range files {
		stat, _ := os.ReadFile(file) // a process may have ended
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == fmt.Sprint(of) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

// allEnded reports whether none of the processes runs; one that no one has waited
// for yet has ended.
func allEnded(pids []string) bool {
	for _, pid := range pids {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err == nil && !strings.Contains(string(stat), ") Z ") {
			return false
		}
	}
	return true
}

// The demo's shop is broken and the incident names the cache as its cause. A
// demo that is killed leaves no process.
func TestDemoShowsTheCause(t *testing.T) {
	t.Parallel()
	c := Start(t, withEngine())
	d := startDemo(t, c, "--fault", "cache-down", "--fault-after", "25s", "--rate", "20")
	var incidents []*tapiov1.SemanticGroup
	eventually(t, causeLimit, func() bool {
		answer, err := apiOf(t, c).events.GetSemanticGroups(bounded(t), &tapiov1.GetSemanticGroupsRequest{
			Kinds: []tapiov1.SemanticGroup_Kind{tapiov1.SemanticGroup_KIND_INCIDENT},
		})
		require.NoError(t, err)
		incidents = answer.GetGroups()
		return len(incidents) > 0 && incidents[0].GetRootCause().GetCausalFactors()[0].GetEntity().GetName() == "cart-cache"
	}, "the incident names cart-cache")
	require.Len(t, incidents, 1, "one fault is one incident")
	require.Contains(t, incidents[0].GetTitle(), "cart-cache has ")
	require.Contains(t, incidents[0].GetRootCause().GetCausalFactors()[0].GetReason(), "refuse")
	eventually(t, causeLimit, func() bool { // the requests that fail first may be others
		answer, err := apiOf(t, c).events.GetSemanticGroups(bounded(t), &tapiov1.GetSemanticGroupsRequest{
			Kinds: []tapiov1.SemanticGroup_Kind{tapiov1.SemanticGroup_KIND_INCIDENT},
		})
		require.NoError(t, err)
		incidents = answer.GetGroups()
		return strings.Contains(incidents[0].GetImpact().GetSummary(), "storefront POST /cart: ")
	}, "the impact names POST /cart")
	eventually(t, startLimit, func() bool {
		return strings.Contains(d.printed(), "http://"+c.HTTP+"/incidents/"+incidents[0].GetId()+"\n")
	}, "the demo lists the incident")

	shop := children(t, d.cmd.Process.Pid)
	require.Len(t, shop, demoProcesses-1, "all but the cache")
	for _, pid := range shop {
		line, err := os.ReadFile("/proc/" + pid + "/cmdline")
		require.NoError(t, err)
		name, err := os.ReadFile("/proc/" + pid + "/comm")
		require.NoError(t, err)
		service, rest, _ := strings.Cut(string(line), "\x00")
		require.Equal(t, "demo\x00service\x00", rest)
		require.Equal(t, service, strings.TrimSpace(string(name)), "ps and the kernel name the service")
	}
	require.NoError(t, d.cmd.Process.Kill())
	require.Error(t, d.cmd.Wait())
	eventually(t, stopLimit, func() bool { return allEnded(shop) }, "no process of the shop is left")
}

// Without a fault the demo runs for its duration, or until it is asked to end.
func TestDemoEnds(t *testing.T) {
	t.Parallel()
	c := Start(t, withEngine())
	d := startDemo(t, c)
	shop := children(t, d.cmd.Process.Pid)
	require.Len(t, shop, demoProcesses)
	require.NoError(t, d.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, d.cmd.Wait(), d.printed())
	require.True(t, allEnded(shop))

	d = startDemo(t, c, "--duration", "5s")
	require.NoError(t, d.cmd.Wait(), d.printed())
	require.Contains(t, d.printed(), "ending the shop\n")
}

// withEngine is the standard collector with the correlation engine.
func withEngine() string {
	return strings.NewReplacer(
		"exporters:\n", "processors: {semantic_correlation: }\nexporters:\n",
		"exporters: [tapio]}", "processors: [semantic_correlation], exporters: [tapio]}",
	).Replace(standard)
}
