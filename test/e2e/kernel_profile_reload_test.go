// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	// permittedTest is set in the process whose children can run OpenTelemetry's profiler.
	permittedTest = "TAPIO_E2E_OTEL_PROFILER"
	// profilerLimit bounds the wait for OpenTelemetry's profiler: the kernel verifies its programs.
	profilerLimit = 2 * time.Minute
	// unwinds is logged once it has sampled a program.
	unwinds = "CPUs are sampled by OpenTelemetry's eBPF profiler"
)

// otelProfiles is the collector with OpenTelemetry's profiler, and with the engine that finds incidents
// in what the kernel reports of processes.
var otelProfiles = strings.NewReplacer(
	"cpu_profiler: builtin", "cpu_profiler: auto",
	"logs: {receivers: [otlp, tapio]", "logs: {receivers: [otlp, tapio, ebpf]",
	"\nexporters", "\nprocessors: {semantic_correlation: {}}\nexporters",
	", exporters: [tapio]", ", processors: [semantic_correlation], exporters: [tapio]",
).Replace(kernelProfiles)

// Each reload ends OpenTelemetry's profiler and starts it again: its samples go on, and
// nothing of the one before is left, neither a process nor files nor programs in the kernel.
// One that is killed is started again, too, and is no incident.
func TestReloadsAndKillsOfOpenTelemetrysProfiler(t *testing.T) {
	requireRoot(t)
	if os.Getenv(permittedTest) == "" {
		runPermitted(t)
		return
	}
	pretendMemlock(t)
	burner := exec.Command("python3", "-c", "def burn_in_python():\n while True: pass\nburn_in_python()")
	burner.Env = append(os.Environ(), "OTEL_SERVICE_NAME=e2e-burner")
	require.NoError(t, burner.Start())
	t.Cleanup(func() {
		_ = burner.Process.Kill()
		_ = burner.Wait()
	})
	c := Start(t, otelProfiles)
	began := c.unwinds(t)
	held := c.held(t)
	for range 3 {
		c.askReload(t)
		c.awaitReady(t)
		now := c.unwinds(t)
		assert.NotEqual(t, began.process, now.process, "another process")
		assert.NoDirExists(t, "/proc/"+strconv.Itoa(began.process))
		assert.Equal(t, began.programs, now.programs, "programs and links in the kernel")
		began = now
	}
	assert.LessOrEqual(t, c.held(t), held+2, "pipes and objects of the kernel")

	c.seen = len(c.Log())
	require.NoError(t, syscall.Kill(began.process, syscall.SIGKILL))
	now := c.unwinds(t)
	assert.NotEqual(t, began.process, now.process)
	assert.Contains(t, string(c.Log()[c.seen:]), "signal: killed")
	awaitOutput(t, c, "tapio.process.exit", "observe", "events", "--event-name", "tapio.process.exit", "-l", "service.name=tapio-profiler",
		"-l", "process.pid="+strconv.Itoa(began.process), "-o", "json")
	groups, err := apiOf(t, c).events.GetSemanticGroups(bounded(t), &tapiov1.GetSemanticGroupsRequest{})
	require.NoError(t, err)
	for _, group := range groups.GetGroups() {
		assert.NotRegexp(t, "^tapio .*(kill|end|died|crash|exit|restart|stop)", group.GetTitle(), "the end of the profiler is no incident")
	}
	require.Zero(t, c.Stop())
	assert.NoDirExists(t, "/proc/"+strconv.Itoa(now.process))
}

// unwinding is a profiler that runs.
type unwinding struct{ process, programs int }

// unwinds waits until OpenTelemetry's profiler has sampled the function that burns, which no other
// profiler names, and returns its process and how many programs and links both processes hold.
func (c *Collector) unwinds(t *testing.T) (u unwinding) {
	t.Helper()
	eventually(t, profilerLimit, func() bool { return bytes.Contains(c.Log()[c.seen:], []byte(unwinds)) }, "OpenTelemetry's profiler samples programs")
	since := time.Now().UTC().Format(time.RFC3339)
	eventually(t, profilerLimit, func() bool {
		return bytes.Contains(tapioctl(t, c, "profile", "top", "--since", since, "--service", "e2e-burner"), []byte("burn_in_python"))
	}, "the function that burns, after "+since)
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", c.PID()))
	require.NoError(t, err)
	for _, file := range children {
		list, _ := os.ReadFile(file)
		for _, child := range strings.Fields(string(list)) {
			require.Zero(t, u.process, "one process of the profiler")
			u.process, err = strconv.Atoi(child)
			require.NoError(t, err)
		}
	}
	for _, pid := range []int{c.PID(), u.process} {
		all, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
		require.NoError(t, err)
		for _, file := range all {
			text, _ := os.ReadFile(file)
			if bytes.Contains(text, []byte("prog_id:")) {
				u.programs++
			}
		}
	}
	return u
}

// held is how many pipes and objects of the kernel the collector has open.
func (c *Collector) held(t *testing.T) (n int) {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/fd", c.PID())
	all, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, file := range all {
		to, _ := os.Readlink(filepath.Join(folder, file.Name()))
		if strings.HasPrefix(to, "pipe:") || strings.HasPrefix(to, "anon_inode:") {
			n++
		}
	}
	return n
}

// runPermitted runs this test again where tracefs is mounted and the limit of locked memory
// seems to be raised.
func runPermitted(t *testing.T) {
	t.Helper()
	for _, program := range []string{"unshare", "mount", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s", program)
		}
	}
	const mounted = `test -e /sys/kernel/tracing/events/sched || mount -t tracefs nodev /sys/kernel/tracing || exit 64; exec "$0" "$@"`
	run := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "private", "sh", "-c", mounted, os.Args[0],
		"-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "8m")
	run.Env = append(os.Environ(), permittedTest+"=1")
	out, err := run.CombinedOutput()
	if run.ProcessState.ExitCode() == 64 {
		t.Skipf("tracefs cannot be mounted here: %s", out)
	}
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS", string(out))
}

// pretendMemlock lets children of this process seem to raise the limit of locked memory, as
// the profiler insists on, though from Linux 5.11 on the memory of maps is not counted there: it
// makes prlimit64 for that limit do nothing.
func pretendMemlock(t *testing.T) {
	t.Helper()
	const load, equal, end = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{ // of struct seccomp_data: the number, the second and the third argument
		{Code: load, K: 0},
		{Code: equal, Jf: 5, K: unix.SYS_PRLIMIT64},
		{Code: load, K: 24},
		{Code: equal, Jf: 3, K: unix.RLIMIT_MEMLOCK},
		{Code: load, K: 32},
		{Code: equal, Jt: 1, K: 0}, // it only reads the limit
		{Code: end, K: unix.SECCOMP_RET_ERRNO},
		{Code: end, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	require.Zero(t, errno)
}
