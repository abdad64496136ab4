// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// shortLived starts a program of that name so many times, one process after the other.
func shortLived(t *testing.T, program string, times int) {
	t.Helper()
	loop := fmt.Sprintf("i=0; while [ $i -lt %d ]; do %s /nowhere; i=$((i+1)); done", times, program)
	require.NoError(t, exec.Command("sh", "-c", loop+" 2>/dev/null; true").Run())
}

// collected reads the probes once, at the end, as a long interval would.
func collected(t *testing.T, w *watch) pmetric.Metrics {
	t.Helper()
	batch := emit.NewBatch(emit.Origin{}, identity.NewTable("/proc"))
	batch.Final = true // this table receives no events of starts
	return collectInto(t, w, batch)
}

func collectInto(t *testing.T, w *watch, batch *emit.Batch) pmetric.Metrics {
	t.Helper()
	batch.Since, batch.Last, batch.Now = w.began, w.began, time.Now()
	for _, p := range w.probes {
		require.NoError(t, p.Collect(batch))
	}
	return batch.Metrics
}

// points calls the function for each point of the metric.
func points(metrics pmetric.Metrics, name string, take func(pcommon.Map, pmetric.Metric, int)) {
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, metric := range resource.ScopeMetrics().At(0).Metrics().All() {
			if metric.Name() == name {
				anyPoint(metric, func(_ map[string]any, m pmetric.Metric, at int) bool {
					take(attributesOf(m, at), m, at)
					return false
				})
			}
		}
	}
}

func attributesOf(m pmetric.Metric, at int) pcommon.Map {
	if m.Type() == pmetric.MetricTypeExponentialHistogram {
		return m.ExponentialHistogram().DataPoints().At(at).Attributes()
	}
	return m.Sum().DataPoints().At(at).Attributes()
}

func textOf(attributes pcommon.Map, key string) string {
	value, ok := attributes.Get(key)
	if !ok {
		return ""
	}
	return value.AsString()
}

// A host that starts many programs makes more processes within an interval than any
// map has room for. Each of them makes one call that fails, and each is counted.
func TestCallsOfThousandsOfShortProgramsAreCountedExactly(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Probes = probe.Config{Syscall: config.Probes.Syscall, CPU: config.Probes.CPU}
	config.Probes.Syscall.ExactCallsPerSecond = 10_000_000
	w := watching(t, config, probesOf(config)...)
	const processes = 3000
	shortLived(t, ofItsOwnName(t, "readlink", "brief"), processes)
	metrics := collected(t, w)
	var failed, waits int64
	points(metrics, "tapio.syscall.errors", func(of pcommon.Map, m pmetric.Metric, at int) {
		if textOf(of, "process.executable.name") == "brief" && textOf(of, "tapio.syscall.name") == "readlink" {
			failed += m.Sum().DataPoints().At(at).IntValue()
		}
	})
	assert.Equal(t, int64(processes), failed)
	// A process waits for a CPU once at least: as the shell that it is forked from, or later.
	points(metrics, "tapio.cpu.run_queue.duration", func(of pcommon.Map, m pmetric.Metric, at int) {
		switch textOf(of, "process.executable.name") {
		case "brief", "sh", "dash", "bash":
			waits += int64(m.ExponentialHistogram().DataPoints().At(at).Count())
		}
	})
	assert.GreaterOrEqual(t, waits, int64(processes))
	require.NoError(t, w.close())
}

// The event of a program's start can come after the first collection of its counts, or
// not at all. Its counts are reported by the second one, and none is missing.
func TestCountsWaitOneCollectionForTheStartOfTheirProgram(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Probes = probe.Config{Syscall: config.Probes.Syscall, CPU: config.Probes.CPU}
	config.Probes.Syscall.ExactCallsPerSecond = 10_000_000
	w := watching(t, config, probesOf(config)...)
	const processes = 50
	shortLived(t, ofItsOwnName(t, "readlink", "pending"), processes)
	table := identity.NewTable("/proc")
	counts := func() (failed, onCPU float64) {
		metrics := collectInto(t, w, emit.NewBatch(emit.Origin{}, table))
		points(metrics, "tapio.syscall.errors", func(of pcommon.Map, m pmetric.Metric, at int) {
			if textOf(of, "process.executable.name") == "pending" && textOf(of, "tapio.syscall.name") == "readlink" {
				failed += float64(m.Sum().DataPoints().At(at).IntValue())
			}
		})
		points(metrics, "tapio.cpu.time", func(of pcommon.Map, m pmetric.Metric, at int) {
			if textOf(of, "process.executable.name") == "pending" {
				onCPU += m.Sum().DataPoints().At(at).DoubleValue()
			}
		})
		return failed, onCPU
	}
	failed, onCPU := counts()
	assert.Zero(t, failed)
	assert.Zero(t, onCPU)
	failed, onCPU = counts()
	assert.Equal(t, float64(processes), failed)
	assert.Positive(t, onCPU)
	require.NoError(t, w.close())
}

// Programs without series of their own are one that is called other, and no call is
// missing.
func TestProgramsAboveTheBoundAreCountedTogether(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Probes = probe.Config{Syscall: config.Probes.Syscall}
	config.Probes.Syscall.ExactCallsPerSecond, config.Probes.Syscall.MaxPrograms = 10_000_000, 3
	w := watching(t, config, probesOf(config)...)
	const programs = 40
	first := ofItsOwnName(t, "chroot", "program-0")
	for n := range programs {
		program := filepath.Join(filepath.Dir(first), fmt.Sprintf("program-%d", n))
		if n > 0 {
			require.NoError(t, exec.Command("cp", first, program).Run())
		}
		require.Error(t, exec.Command(program, "/nowhere").Run())
	}
	names, series := map[string]bool{}, 0
	metrics := collected(t, w)
	points(metrics, "tapio.syscall.duration", func(of pcommon.Map, _ pmetric.Metric, _ int) {
		names[textOf(of, "process.executable.name")] = true
		series++
	})
	assert.Len(t, names, 4, "three and the others")
	assert.Contains(t, names, "other")
	assert.LessOrEqual(t, series, 3*32+513)
	var failed int64
	points(metrics, "tapio.syscall.errors", func(of pcommon.Map, m pmetric.Metric, at int) {
		if textOf(of, "tapio.syscall.name") == "chroot" {
			failed += m.Sum().DataPoints().At(at).IntValue()
		}
	})
	assert.Equal(t, int64(programs), failed)
	require.NoError(t, w.close())
}

// A program that connects to many peers, as short-lived clients do together, makes more
// entries than the kernel's map has room for; each connect is counted.
func TestConnectsToThousandsOfPeersAreCountedExactly(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Probes = probe.Config{TCP: config.Probes.TCP}
	w := watching(t, config, probesOf(config)...)
	const rounds, ports, first = 4, 3000, 20_000
	accepted := 0
	for round := range rounds {
		for port := range ports {
			conn, err := net.Dial("tcp", fmt.Sprintf("127.99.%d.1:%d", round, first+port))
			if err == nil { // another program listens on all addresses
				accepted++
				require.NoError(t, conn.Close())
				continue
			}
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		}
		w.batch.Now = time.Now().Add(time.Second) // by then none of them is in use
		w.settle(false)
	}
	lost := w.probes[0].(probe.Loser).Lost()
	assert.Zero(t, lost["peers_unread"])
	var refused int64
	require.NoError(t, w.probes[0].Collect(w.batch))
	for _, resource := range w.batch.Metrics.ResourceMetrics().All() {
		for _, metric := range resource.ScopeMetrics().At(0).Metrics().All() {
			if metric.Name() != "tapio.tcp.connect_failures" {
				continue
			}
			for _, point := range metric.Sum().DataPoints().All() {
				_, overflow := point.Attributes().Get("otel.metric.overflow")
				if strings.HasPrefix(textOf(point.Attributes(), "network.peer.address"), "127.99.") || overflow {
					refused += point.IntValue()
				}
			}
		}
	}
	assert.GreaterOrEqual(t, refused, int64(rounds*ports-accepted), "others may have connected too, above the bound of the series")
	assert.Less(t, refused, int64(rounds*ports+1000))
	assert.Zero(t, w.probes[0].(probe.Loser).Lost()["peers_map_full"])
	require.NoError(t, w.close())
}
