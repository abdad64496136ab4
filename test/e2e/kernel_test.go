// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/test/running"
)

// kernelStandard is the standard collector with the eBPF receiver.
var kernelStandard = strings.NewReplacer(
	"  tapio: {extension: tapio}\nexporters", "  tapio: {extension: tapio}\n  ebpf: {collection_interval: 1s, probes: {file: {paths: [/etc/hostname]}}}\nexporters",
	"receivers: [otlp, tapio]", "receivers: [otlp, tapio, ebpf]",
	"metrics: {receivers: [otlp]", "metrics: {receivers: [otlp, ebpf]",
).Replace(standard)

// What a user does first: run something, and ask what the kernel saw.
func TestKernelEventsAreFoundByTheClient(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := Start(t, kernelStandard)
	command := exec.Command("sh", "-c", "exit 7", "seen-by-the-kernel")
	require.Error(t, command.Run())
	pid := strconv.Itoa(command.Process.Pid)
	awaitOutput(t, c, "seen-by-the-kernel", "observe", "events", "--event-name", "tapio.process.exec", "-l", "process.pid="+pid, "-o", "json")
	awaitOutput(t, c, `"`+pid+`"`, "observe", "events", "--text", "SEEN-by-the-kernel", "-o", "json")
	awaitOutput(t, c, "tapio.process.exit", "observe", "events", "--event-name", "tapio.process.exit", "-l", "process.pid="+pid, "-o", "json")
	awaitOutput(t, c, "tapio.syscall.duration", "get", "metrics", "--name", "tapio.syscall.duration", "-o", "json")
}

func TestAnOutOfMemoryKillIsFoundByTheClient(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := Start(t, kernelStandard)
	procs := memoryCgroup(t, 32<<20)
	eater := exec.Command("sh", "-c", "echo $$ > "+procs+" && exec tail /dev/zero")
	require.Error(t, eater.Run())
	awaitOutput(t, c, "tapio.oom.cgroup.limit", "observe", "events", "--event-name", "tapio.process.oom_kill",
		"-l", "process.pid="+strconv.Itoa(eater.Process.Pid), "-o", "json")
}

// awaitOutput asks until the answer holds the text.
func awaitOutput(t *testing.T, c *Collector, text string, args ...string) {
	t.Helper()
	eventually(t, firstAnswerLimit, func() bool { return bytes.Contains(tapioctl(t, c, args...), []byte(text)) },
		fmt.Sprintf("%q in the answer to %q", text, args))
}

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it puts programs into the kernel")
	}
}

// memoryCgroup makes a cgroup of v1 or v2 with that limit and returns the file
// that takes a process in.
func memoryCgroup(t *testing.T, limit int) string {
	t.Helper()
	for _, hierarchy := range [][2]string{{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"}} {
		folder, err := os.MkdirTemp(hierarchy[0], "tapio-e2e-") //nolint:usetesting // among the cgroups, not among temporary files
		if err != nil {
			continue
		}
		// The kernel may still be burying who was killed in it.
		t.Cleanup(func() {
			eventually(t, firstAnswerLimit, func() bool { return os.Remove(folder) == nil }, "an empty "+folder)
		})
		if limitMemory(filepath.Join(folder, hierarchy[1]), limit) == nil {
			return filepath.Join(folder, "cgroup.procs")
		}
	}
	t.Skip("needs a memory controller whose cgroups this test may make")
	return ""
}

// limitMemory makes no file: beside cgroups of v1 the folder above is an ordinary
// file system, in which a file of that name limits nothing.
func limitMemory(knob string, limit int) error {
	file, err := os.OpenFile(knob, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(strconv.Itoa(limit))
	return errors.Join(err, file.Close())
}

// Without privileges the receiver reports what is missing and the rest runs.
func TestWithoutPrivilegesTheRestRuns(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := launchAs(t, kernelStandard, 65534)
	t.Cleanup(func() { c.finish(t) })
	c.awaitReady(t)
	require.Contains(t, string(c.Log()), "CAP_BPF and CAP_PERFMON")
	require.Contains(t, string(c.Log()), `"reason":"no_permission"`)
	require.NotEmpty(t, tapioctl(t, c, "status"))
	require.Equal(t, 0, c.Stop())
}

// With the two documented capabilities, and no others, everything is seen.
func TestTheDocumentedCapabilitiesSuffice(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	const capPerfmon, capBPF = 38, 39
	c := launchAs(t, kernelStandard, 65534, capPerfmon, capBPF)
	t.Cleanup(func() { c.finish(t) })
	c.awaitReady(t)
	require.NotContains(t, string(c.Log()), "a feature is off")
	command := exec.Command("true")
	require.NoError(t, command.Run())
	require.NoError(t, exec.Command("cat", "/etc/hostname").Run())
	awaitOutput(t, c, "/etc/hostname", "observe", "events", "--event-name", "tapio.file.open", "-o", "json")
	awaitOutput(t, c, "tapio.process.exit", "observe", "events", "--event-name", "tapio.process.exit",
		"-l", "process.pid="+strconv.Itoa(command.Process.Pid), "-o", "json")
	for _, metric := range []string{"tapio.syscall.duration", "tapio.cpu.time", "tapio.process.forks"} {
		awaitOutput(t, c, metric, "get", "metrics", "--name", metric, "-o", "json")
	}
	require.Equal(t, 0, c.Stop())
}

// launchAs starts a collector that has given up root, and keeps some of its
// capabilities.
func launchAs(t *testing.T, configYAML string, user uint32, capabilities ...uintptr) *Collector {
	t.Helper()
	return launchAdapted(t, configYAML, func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}, AmbientCaps: capabilities}
	})
}

// launchAdapted starts a collector in a way of its own, from a folder that any user may
// read.
func launchAdapted(t *testing.T, configYAML string, adapt func(*exec.Cmd)) *Collector {
	t.Helper()
	dir, err := os.MkdirTemp("", "tapio-unprivileged-") //nolint:usetesting // the test's own folder is for its user only
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "tapio")
	content, err := os.ReadFile(binary(t, "TAPIO_BIN", "tapio"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, content, 0o755))
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(configYAML), 0o644))
	return &Collector{Process: background(t, running.Command{
		Args: []string{program, "--config", config}, Log: filepath.Join(dir, "log"), Grace: stopLimit,
		Adapt: func(cmd *exec.Cmd) {
			cmd.Dir = dir
			adapt(cmd)
		},
	})}
}

// withoutBTF hides the kernel's description of its types from the collector alone.
func withoutBTF(cmd *exec.Cmd) {
	hide := `mount -t tmpfs none /sys/kernel/btf && exec "$0" "$@"`
	cmd.Args = append([]string{"unshare", "--mount", "sh", "-c", hide}, cmd.Args...)
	cmd.Path = "/usr/bin/unshare"
}

// Where the kernel does not describe its types, what needs them is off and named;
// system calls and time on a CPU are counted all the same.
func TestWithoutTypesOfTheKernelTheRestIsCounted(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := launchAdapted(t, kernelStandard, withoutBTF)
	t.Cleanup(func() { c.finish(t) })
	c.awaitReady(t)
	log := string(c.Log())
	for _, feature := range []string{
		`"probe":"process","feature":"exec"`, `"probe":"cpu","feature":"run_queue"`, `"probe":"block","feature":"requests"`,
		`"probe":"tcp","feature":"connections"`, `"probe":"http"`, `"probe":"dns","feature":"lookups"`,
	} {
		require.Contains(t, log, feature)
	}
	require.NotContains(t, log, `"probe":"syscall"`)
	require.Contains(t, log, `"reason":"no_btf"`)
	for _, other := range []string{"no_hook", "unsupported", "refused"} {
		require.NotContains(t, log, `"reason":"`+other+`"`)
	}
	procs := memoryCgroup(t, 64<<20)
	cgroup := "/" + filepath.Base(filepath.Dir(procs))
	busy := exec.Command("sh", "-c", "echo $$ > "+procs+" && exec dd if=/dev/zero of=/dev/null bs=64k")
	require.NoError(t, busy.Start()) // /proc reports who it is, while it is
	t.Cleanup(func() { _ = busy.Process.Kill(); _ = busy.Wait() })
	for _, metric := range []string{"tapio.syscall.duration", "tapio.cpu.time"} {
		awaitOutput(t, c, `"dd"`, "get", "metrics", "--name", metric, "-l", "process.linux.cgroup="+cgroup, "-o", "json")
	}
	require.Equal(t, 0, c.Stop())
}
