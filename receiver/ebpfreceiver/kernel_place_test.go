// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// hierarchy is one in which engines make the cgroups that name containers.
type hierarchy struct {
	name, root string
	// leave are the roots of those that the programs in the kernel ask first.
	leave []string
}

// hierarchies are those mounted here: of a hybrid host v1 and v2.
func hierarchies() (found []hierarchy) {
	v1 := "/sys/fs/cgroup/memory"
	for _, h := range []hierarchy{{"v1", v1, nil}, {"hybrid", "/sys/fs/cgroup/unified", []string{v1}}, {"v2", "/sys/fs/cgroup", nil}} {
		if _, err := os.Stat(filepath.Join(h.root, "cgroup.procs")); err == nil {
			found = append(found, h)
		}
	}
	return found
}

// enter is what a shell does to be in the cgroup at that path, which is made.
func (h *hierarchy) enter(t *testing.T, path ...string) (command string) {
	t.Helper()
	folder := h.root
	for _, part := range path {
		folder = filepath.Join(folder, part)
		if err := os.Mkdir(folder, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			t.Skipf("needs to make cgroups: %v", err)
		}
		t.Cleanup(func() { removeIfEmpty(t, folder) })
	}
	for _, root := range h.leave {
		command += "echo $$ > " + filepath.Join(root, "cgroup.procs") + "; "
	}
	return command + "echo $$ > " + filepath.Join(folder, "cgroup.procs") + "; "
}

// removeIfEmpty leaves what this host's own engine has made.
func removeIfEmpty(t *testing.T, folder string) {
	t.Helper()
	require.Eventually(t, func() bool {
		err := os.Remove(folder)
		children, _ := filepath.Glob(filepath.Join(folder, "*", "cgroup.procs"))
		return err == nil || errors.Is(err, os.ErrNotExist) || len(children) > 0
	}, time.Minute, 20*time.Millisecond, "a process is still in %s", folder)
}

const (
	container = "0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d"
	pod       = "6b54a1f2-0c7d-4e2a-9c11-2f8f0c3f4a55"
)

// inEachHierarchy runs the test in each that is mounted, with the cgroups of
// several engines.
func inEachHierarchy(t *testing.T, test func(t *testing.T, enter string)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes cgroups")
	}
	slice := "kubepods-pod" + strings.ReplaceAll(pod, "-", "_") + ".slice"
	for name, path := range map[string][]string{
		"docker of kubelet, cgroupfs": {"kubepods", "burstable", "pod" + pod, container},
		"containerd, systemd":         {"kubepods.slice", slice, "cri-containerd-" + container + ".scope"},
		"cri-o, systemd":              {"kubepods.slice", slice, "crio-" + container + ".scope", "container"},
	} {
		for _, h := range hierarchies() {
			t.Run(name+", "+h.name, func(t *testing.T) { test(t, h.enter(t, path...)) })
		}
	}
}

func TestAProcessInAContainerNamesContainerAndPod(t *testing.T) {
	inEachHierarchy(t, func(t *testing.T, enter string) {
		s := onThisKernel(t, onlyProcesses)
		command := exec.Command("sh", "-c", enter+"exec true")
		require.NoError(t, command.Run())
		s.event(t, "tapio.process.exit", ofPID(command.Process.Pid))
		place := s.resourceOf(t, command.Process.Pid, "tapio.process.exec", "/true")
		assert.Equal(t, container, place["container.id"])
		assert.Equal(t, pod, place["k8s.pod.uid"])
		assert.Equal(t, "ebpf", place["tapio.source"])
		assert.NotEmpty(t, place["host.name"])
	})
}

// Anyone who is moved is somewhere else from then on, though it began no program.
func TestAProcessThatIsMovedIsInItsNewPlace(t *testing.T) {
	inEachHierarchy(t, func(t *testing.T, enter string) {
		s := onThisKernel(t, onlyProcesses)
		command := exec.Command("sh", "-c", enter+"exit 3")
		require.Error(t, command.Run())
		s.event(t, "tapio.process.exit", ofPID(command.Process.Pid))
		began := s.resourceOf(t, command.Process.Pid, "tapio.process.exec", "/dash")
		assert.NotContains(t, began, "container.id")
		ended := s.resourceOf(t, command.Process.Pid, "tapio.process.exit", "/dash")
		assert.Equal(t, container, ended["container.id"])
		assert.Equal(t, pod, ended["k8s.pod.uid"])
	})
}

// The time of a cgroup is that of all programs under its resource.
func TestTimeOnCPUByCgroupAndProgram(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes cgroups")
	}
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	sh, err = filepath.EvalSymlinks(sh) // the executable, as /proc/PID/exe names it
	require.NoError(t, err)
	for _, h := range hierarchies() {
		t.Run(h.name, func(t *testing.T) {
			enter := h.enter(t, "tapio-test-busy")
			s := onThisKernel(t, func(c *Config) {
				onlyProcesses(c)
				c.Probes.CPU = probe.DefaultCPUConfig()
			})
			busy := exec.Command("sh", "-c", enter+"i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; dd if=/dev/zero of=/dev/null bs=64k count=20000 2>/dev/null")
			require.NoError(t, busy.Run())
			took := (busy.ProcessState.UserTime() + busy.ProcessState.SystemTime()).Seconds()
			require.Eventually(t, func() bool {
				shell, dd := s.secondsOnCPU("/tapio-test-busy", filepath.Base(sh)), s.secondsOnCPU("/tapio-test-busy", "dd")
				// What the hypervisor took away counts for one and not for the other.
				return shell > 0 && dd > 0 && shell+dd > took/2
			}, 10*time.Second, 50*time.Millisecond, "of %v seconds", took)
		})
	}
}

// secondsOnCPU is the newest sum of that program in that cgroup.
func (s *seen) secondsOnCPU(cgroup, program string) (seconds float64) {
	for _, metrics := range s.metrics.AllMetrics() {
		for _, resource := range metrics.ResourceMetrics().All() {
			if of, _ := resource.Resource().Attributes().Get("process.linux.cgroup"); of.Str() != cgroup {
				continue
			}
			for _, metric := range resource.ScopeMetrics().At(0).Metrics().All() {
				if metric.Name() != "tapio.cpu.time" {
					continue
				}
				for _, point := range metric.Sum().DataPoints().All() {
					if of, _ := point.Attributes().Get("process.executable.name"); of.Str() == program {
						seconds = point.DoubleValue()
					}
				}
			}
		}
	}
	return seconds
}

// resourceOf is that of an event of the process while it ran the program.
func (s *seen) resourceOf(t *testing.T, pid int, event, program string) map[string]any {
	t.Helper()
	for _, logs := range s.logs.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, record := range resource.ScopeLogs().At(0).LogRecords().All() {
				file, _ := record.Attributes().Get("process.executable.path")
				if record.EventName() == event && ofPID(pid)(record) && strings.HasSuffix(file.Str(), program) {
					return resource.Resource().Attributes().AsRaw()
				}
			}
		}
	}
	t.Fatalf("no %s of %s by %d", event, program, pid)
	return nil
}
