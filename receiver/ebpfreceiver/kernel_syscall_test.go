// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// ofItsOwnName copies a program, so that its calls are distinguished from all others.
func ofItsOwnName(t *testing.T, original, name string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), name)
	path, err := exec.LookPath(original)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, text, 0o755))
	return program
}

func ofProgram(attributes map[string]any, name, call string) bool {
	return attributes["process.executable.name"] == name && attributes["tapio.syscall.name"] == call
}

func TestSystemCallsWithinTheBudgetAreCountedExactly(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		c.Probes.Syscall.ExactCallsPerSecond = 10_000_000
		c.Probes.Syscall.MaxPrograms = 1000 // on a busy host its first calls would count as those of the others
	})
	program := ofItsOwnName(t, "dd", "statter")
	require.NoError(t, exec.Command(program, "if=/dev/zero", "of=/dev/null", "bs=1", "count=5000").Run())
	s.grown(t, "tapio.syscall.duration", func(attributes map[string]any, metric pmetric.Metric, at int) bool {
		point := metric.ExponentialHistogram().DataPoints().At(at)
		// Besides the 5000 the loader reads its libraries.
		return ofProgram(attributes, "statter", "read") && point.Count() >= 5000 && point.Count() < 5020 && point.Sum() > 0
	})
	require.Error(t, exec.Command(program, "if=/nowhere").Run())
	s.grown(t, "tapio.syscall.errors", func(attributes map[string]any, _ pmetric.Metric, _ int) bool {
		return attributes["process.executable.name"] == "statter" && strings.HasPrefix(attributes["tapio.syscall.name"].(string), "open")
	})
}

// The program reads and writes by turns, which would deceive anyone who times each
// sixteenth call. By chance a count is off by 1,265 in the standard deviation;
// the test allows for eight of them.
func TestSystemCallsAboveTheBudgetAreEstimated(t *testing.T) {
	s := onThisKernel(t, func(c *Config) { c.Probes.Syscall.ExactCallsPerSecond, c.Probes.Syscall.MaxPrograms = 0, 1000 })
	const calls, tolerance = 200_000, 10_000
	program := ofItsOwnName(t, "dd", "flooder")
	require.NoError(t, exec.Command(program, "if=/dev/zero", "of=/dev/null", "bs=1", "count="+strconv.Itoa(calls)).Run())
	for _, call := range []string{"read", "write"} {
		s.grown(t, "tapio.syscall.duration", func(attributes map[string]any, metric pmetric.Metric, at int) bool {
			point := metric.ExponentialHistogram().DataPoints().At(at)
			return ofProgram(attributes, "flooder", call) && point.Count() > calls-tolerance && point.Count() < calls+tolerance
		})
	}
}

// That all counts together come to what was seen holds to within one draw of
// each CPU, whatever else the machine does.
func TestTimedCallsStandForAllThatWereSeen(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Probes = probe.Config{Syscall: config.Probes.Syscall}
	config.Probes.Syscall.ExactCallsPerSecond = 0
	w := watching(t, config, probesOf(config)...)
	const calls = 100_000
	provoke(calls)
	timed, passed, err := w.probes[0].(probe.Sampler).Sampled()
	require.NoError(t, err)
	assert.GreaterOrEqual(t, timed+passed, uint64(calls))
	assert.InEpsilon(t, 16*timed, timed+passed, 0.01)
	require.NoError(t, w.close())
}

// An error is worth more than its duration: it is found among calls of which
// almost none is timed.
func TestErrorsAreCountedExactlyAboveTheBudgetToo(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		c.Probes.Syscall.ExactCallsPerSecond, c.Probes.Syscall.SampleOneIn = 0, 1024
	})
	program := ofItsOwnName(t, "stat", "searcher")
	missing := make([]string, 500)
	for i := range missing {
		missing[i] = "/nowhere/" + strconv.Itoa(i)
	}
	require.Error(t, exec.Command(program, missing...).Run())
	s.grown(t, "tapio.syscall.errors", func(attributes map[string]any, metric pmetric.Metric, at int) bool {
		return attributes["process.executable.name"] == "searcher" && metric.Sum().DataPoints().At(at).IntValue() == int64(len(missing))
	})
}

func TestASlowCallIsReported(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		c.Probes.Syscall.SlowThreshold = 50 * time.Millisecond
		c.Probes.Syscall.Waiting = nil
	})
	sleeper := exec.Command("sleep", "0.1")
	require.NoError(t, sleeper.Run())
	slow := s.event(t, "tapio.syscall.slow", ofPID(sleeper.Process.Pid)).Attributes().AsRaw()
	assert.Contains(t, slow["tapio.syscall.name"], "nanosleep")
	assert.GreaterOrEqual(t, slow["tapio.syscall.duration"], 0.1)
	assert.NotEmpty(t, slow["tapio.process.ancestor_keys"])
}

// Of calls that are not timed each slow one is still reported, to a tick of
// the kernel's coarse clock, and counted once.
func TestNoSlowCallIsLostAboveTheBudget(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		c.Probes.Syscall.ExactCallsPerSecond, c.Probes.Syscall.SampleOneIn = 0, 1024
		c.Probes.Syscall.SlowThreshold = 50 * time.Millisecond
		c.Probes.Syscall.Waiting = nil
	})
	program := ofItsOwnName(t, "sleep", "dozer")
	const naps, tick = 20, 0.01
	for range naps {
		sleeper := exec.Command(program, "0.1")
		require.NoError(t, sleeper.Run())
		s.event(t, "tapio.syscall.slow", func(record plog.LogRecord) bool {
			took, _ := record.Attributes().Get("tapio.syscall.duration")
			return ofPID(sleeper.Process.Pid)(record) && took.Double() > 0.1-tick
		})
	}
	s.grown(t, "tapio.syscall.duration", func(attributes map[string]any, metric pmetric.Metric, at int) bool {
		point := metric.ExponentialHistogram().DataPoints().At(at)
		return ofProgram(attributes, "dozer", "clock_nanosleep") && point.Count() == naps && point.Sum() > naps*(0.1-tick)
	})
}
