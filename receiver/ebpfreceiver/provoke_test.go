// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// grown waits until the function finds what it wants among the metrics.
func (s *seen) grown(t *testing.T, name string, accept func(attributes map[string]any, metric pmetric.Metric, at int) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, metrics := range s.metrics.AllMetrics() {
			for _, resource := range metrics.ResourceMetrics().All() {
				for _, metric := range resource.ScopeMetrics().At(0).Metrics().All() {
					if metric.Name() == name && anyPoint(metric, accept) {
						return true
					}
				}
			}
		}
		return false
	}, 10*time.Second, 20*time.Millisecond, "no %s came", name)
}

func anyPoint(metric pmetric.Metric, accept func(map[string]any, pmetric.Metric, int) bool) bool {
	if metric.Type() == pmetric.MetricTypeHistogram {
		for i, point := range metric.Histogram().DataPoints().All() {
			if accept(point.Attributes().AsRaw(), metric, i) {
				return true
			}
		}
		return false
	}
	if metric.Type() == pmetric.MetricTypeExponentialHistogram {
		for i, point := range metric.ExponentialHistogram().DataPoints().All() {
			if accept(point.Attributes().AsRaw(), metric, i) {
				return true
			}
		}
		return false
	}
	for i, point := range metric.Sum().DataPoints().All() {
		if accept(point.Attributes().AsRaw(), metric, i) {
			return true
		}
	}
	return false
}

func TestAKillIsReportedWithSenderAndReceiver(t *testing.T) {
	s := onThisKernel(t, onlyProcesses)
	victim := exec.Command("sleep", "60")
	require.NoError(t, victim.Start())
	require.NoError(t, victim.Process.Signal(syscall.SIGTERM))
	require.Error(t, victim.Wait())
	killed := s.event(t, "tapio.process.signal", ofPID(victim.Process.Pid)).Attributes().AsRaw()
	assert.Equal(t, "SIGTERM", killed["tapio.signal.name"])
	assert.Equal(t, int64(os.Getpid()), killed["tapio.signal.sender.pid"])
	ended := s.event(t, "tapio.process.exit", ofPID(victim.Process.Pid)).Attributes().AsRaw()
	assert.Equal(t, "SIGTERM", ended["tapio.process.exit_signal"])
	assert.NotContains(t, ended, "process.exit.code")
}

func TestASignalThatIsCaughtIsNotReported(t *testing.T) {
	s := onThisKernel(t, onlyProcesses)
	shell := exec.Command("sh", "-c", "trap 'exit 3' TERM; kill -TERM $$; sleep 1")
	require.Error(t, shell.Run())
	ended := s.event(t, "tapio.process.exit", ofPID(shell.Process.Pid)).Attributes().AsRaw()
	assert.Equal(t, int64(3), ended["process.exit.code"])
	for _, logs := range s.logs.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, record := range resource.ScopeLogs().At(0).LogRecords().All() {
				assert.False(t, record.EventName() == "tapio.process.signal" && ofPID(shell.Process.Pid)(record))
			}
		}
	}
}

// inMemoryCgroup makes a cgroup with that limit, v1 or v2, and returns its path
// below the hierarchy and the file that takes a process in.
func inMemoryCgroup(t *testing.T, limit int) (path, procs string) {
	t.Helper()
	return inCgroup(t, cgroupKnob{"memory", "memory.limit_in_bytes", strconv.Itoa(limit)}, cgroupKnob{"", "memory.max", strconv.Itoa(limit)})
}

// cgroupKnob limits the cgroups of a hierarchy; that of v2 has no name.
type cgroupKnob struct{ hierarchy, file, value string }

// inCgroup makes a cgroup under the first hierarchy whose knob can be set.
func inCgroup(t *testing.T, knobs ...cgroupKnob) (path, procs string) {
	t.Helper()
	for _, knob := range knobs {
		folder, err := os.MkdirTemp(filepath.Join("/sys/fs/cgroup", knob.hierarchy), "tapio-test-") //nolint:usetesting // among the cgroups, not among temporary files
		if err != nil {
			continue
		}
		t.Cleanup(func() { removeCgroup(t, folder) })
		if turnKnob(filepath.Join(folder, knob.file), knob.value) == nil {
			return "/" + filepath.Base(folder), filepath.Join(folder, "cgroup.procs")
		}
	}
	t.Skip("needs a controller whose cgroups this test may make")
	return "", ""
}

// turnKnob makes no file: where v1 is mounted the folder above is a file system
// like any other, in which a file of that name limits nothing.
func turnKnob(knob, value string) error {
	file, err := os.OpenFile(knob, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(value)
	return errors.Join(err, file.Close())
}

// removeCgroup waits until the kernel has buried who was killed in it.
func removeCgroup(t *testing.T, folder string) {
	t.Helper()
	require.Eventually(t, func() bool {
		err := os.Remove(folder)
		return err == nil || errors.Is(err, os.ErrNotExist)
	}, time.Minute, 20*time.Millisecond, "a process is still in %s", folder)
}

func TestOutOfMemoryInACgroup(t *testing.T) {
	const limit = 32 << 20
	path, procs := inMemoryCgroup(t, limit)
	s := onThisKernel(t, onlyProcesses)
	eater := exec.Command("sh", "-c", "echo $$ > "+procs+" && exec tail /dev/zero")
	require.Error(t, eater.Run())
	killed := s.event(t, "tapio.process.oom_kill", ofPID(eater.Process.Pid)).Attributes().AsRaw()
	assert.Equal(t, path, killed["process.linux.cgroup"])
	assert.Equal(t, int64(limit), killed["tapio.oom.cgroup.limit"])
	assert.InDelta(t, limit, killed["tapio.oom.cgroup.usage"], limit/4)
	assert.Greater(t, killed["tapio.oom.victim.anon"], int64(limit/2))
	assert.Equal(t, "tail", killed["process.executable.name"])
}

func TestForksAreCounted(t *testing.T) {
	s := onThisKernel(t, onlyProcesses)
	require.NoError(t, exec.Command("true").Run())
	s.grown(t, "tapio.process.forks", func(_ map[string]any, metric pmetric.Metric, at int) bool {
		return metric.Sum().IsMonotonic() && metric.Sum().DataPoints().At(at).IntValue() > 0
	})
}

func TestTimeOnCPUAndWaitsForIt(t *testing.T) {
	s := onThisKernel(t, func(*Config) {})
	require.NoError(t, exec.Command("dd", "if=/dev/zero", "of=/dev/null", "bs=64k", "count=20000").Run())
	s.grown(t, "tapio.cpu.time", func(attributes map[string]any, metric pmetric.Metric, at int) bool {
		return attributes["process.executable.name"] == "dd" && metric.Sum().DataPoints().At(at).DoubleValue() > 0.001
	})
	s.grown(t, "tapio.cpu.run_queue.duration", func(attributes map[string]any, metric pmetric.Metric, at int) bool {
		return attributes["process.executable.name"] == "dd" && metric.ExponentialHistogram().DataPoints().At(at).Count() > 0
	})
}

// A tenth of a CPU is used up by anyone who computes, in each period.
func TestAThrottledCgroupIsCounted(t *testing.T) {
	path, procs := inCgroup(t, cgroupKnob{"cpu", "cpu.cfs_quota_us", "10000"}, cgroupKnob{"", "cpu.max", "10000 100000"})
	s := onThisKernel(t, func(*Config) {})
	busy := exec.Command("sh", "-c", "echo $$ > "+procs+" && while :; do :; done")
	require.NoError(t, busy.Start())
	defer func() { _ = busy.Process.Kill(); _ = busy.Wait() }()
	of := func(attributes map[string]any) bool { return attributes["process.linux.cgroup"] == path }
	s.grown(t, "tapio.cgroup.cpu.throttled_periods", func(attributes map[string]any, metric pmetric.Metric, at int) bool {
		return of(attributes) && metric.Sum().DataPoints().At(at).IntValue() > 1
	})
	s.grown(t, "tapio.cgroup.cpu.throttled_time", func(attributes map[string]any, metric pmetric.Metric, at int) bool {
		return of(attributes) && metric.Sum().DataPoints().At(at).DoubleValue() > 0.05
	})
}

func TestADiskThatIsWrittenTo(t *testing.T) {
	s := onThisKernel(t, func(*Config) {})
	file := filepath.Join(".", "written.test.out")
	t.Cleanup(func() { _ = os.Remove(file) })
	if out, err := exec.Command("dd", "if=/dev/zero", "of="+file, "bs=1M", "count=8", "conv=fsync").CombinedOutput(); err != nil {
		t.Skipf("no disk to write to: %s", out)
	}
	s.grown(t, "tapio.disk.operation.duration", func(attributes map[string]any, metric pmetric.Metric, at int) bool {
		return attributes["tapio.disk.operation"] == "write" && attributes["system.device"] != "" &&
			metric.ExponentialHistogram().DataPoints().At(at).Count() > 0
	})
	s.grown(t, "tapio.disk.operation.io", func(_ map[string]any, metric pmetric.Metric, at int) bool {
		return metric.Sum().DataPoints().At(at).IntValue() >= 8<<20
	})
}
