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
)

// containerCgroup makes the cgroup that an engine would make, in the hierarchy
// that names containers on this host, and returns the file that takes a process in.
func containerCgroup(t *testing.T, path ...string) (procs string) {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue // not mounted here, or not as one that takes processes in
		}
		folder := root
		for _, part := range path {
			folder = filepath.Join(folder, part)
			if err := os.Mkdir(folder, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
				t.Skipf("needs to make cgroups: %v", err)
			}
			t.Cleanup(func() { removeIfEmpty(t, folder) })
		}
		return filepath.Join(folder, "cgroup.procs")
	}
	t.Skip("no cgroups are mounted where they usually are")
	return ""
}

// removeIfEmpty leaves what this host's own engine has made.
func removeIfEmpty(t *testing.T, folder string) {
	t.Helper()
	require.Eventually(t, func() bool {
		err := os.Remove(folder)
		children, _ := filepath.Glob(filepath.Join(folder, "*", "cgroup.procs"))
		return err == nil || errors.Is(err, os.ErrNotExist) || len(children) > 0
	}, time.Minute, 20*time.Millisecond, "somebody is still in %s", folder)
}

func TestAProcessInAContainerNamesContainerAndPod(t *testing.T) {
	container, pod := strings.Repeat("0a1b2c3d", 8), "6b54a1f2-0c7d-4e2a-9c11-2f8f0c3f4a55"
	for name, path := range map[string][]string{
		"containerd of kubelet, cgroupfs": {"kubepods", "burstable", "pod" + pod, container},
		"cri-o, systemd": {
			"kubepods.slice", "kubepods-pod" + strings.ReplaceAll(pod, "-", "_") + ".slice", "crio-" + container + ".scope", "container",
		},
	} {
		t.Run(name, func(t *testing.T) {
			procs := containerCgroup(t, path...)
			s := onThisKernel(t, func(*Config) {})
			command := exec.Command("sh", "-c", "echo $$ > "+procs+" && exec true")
			require.NoError(t, command.Run())
			s.event(t, "tapio.process.exit", ofPID(command.Process.Pid))
			place := s.resourceOf(t, command.Process.Pid, "/true")
			assert.Equal(t, container, place["container.id"])
			assert.Equal(t, pod, place["k8s.pod.uid"])
			assert.Equal(t, "ebpf", place["tapio.source"])
			assert.NotEmpty(t, place["host.name"])
		})
	}
}

// resourceOf is that of the exec by which the process became the program.
func (s *seen) resourceOf(t *testing.T, pid int, program string) map[string]any {
	t.Helper()
	for _, logs := range s.logs.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, record := range resource.ScopeLogs().At(0).LogRecords().All() {
				file, _ := record.Attributes().Get("process.executable.path")
				if record.EventName() == "tapio.process.exec" && ofPID(pid)(record) && strings.HasSuffix(file.Str(), program) {
					return resource.Resource().Attributes().AsRaw()
				}
			}
		}
	}
	t.Fatalf("no exec of %s by %d", program, pid)
	return nil
}
