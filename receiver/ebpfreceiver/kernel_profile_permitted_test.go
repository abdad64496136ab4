// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package ebpfreceiver

import (
	"os"
	"os/exec"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// permittedTest is set in the process in which OpenTelemetry's profiler can run.
const permittedTest = "TAPIO_OTEL_PROFILER_TEST"

// permitted reports whether OpenTelemetry's profiler can run in this process. If not, it has
// run this test in one where it can.
func permitted(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it puts programs into the kernel")
	}
	if os.Getenv(permittedTest) == "" {
		runPermitted(t)
		return false
	}
	pretendMemlock(t)
	return true
}

// runPermitted runs this test again where tracefs is mounted and the limit of locked memory
// can be raised, or seems so.
func runPermitted(t *testing.T) {
	t.Helper()
	needs(t, "unshare", "mount")
	const mounted = `test -e /sys/kernel/tracing/events/sched || mount -t tracefs nodev /sys/kernel/tracing || exit 64; exec "$0" "$@"`
	run := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", mounted, os.Args[0],
		"-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "5m")
	run.Env = append(os.Environ(), permittedTest+"=1")
	out, err := run.CombinedOutput()
	if run.ProcessState.ExitCode() == 64 {
		t.Skipf("tracefs cannot be mounted here: %s", out)
	}
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS", string(out))
}

// pretendMemlock lets this process seem to raise the limit of locked memory, as the
// profiler insists on: from Linux 5.11 on the memory of maps is not counted there. It
// makes prlimit64 for that limit do nothing, in all threads.
func pretendMemlock(t testing.TB) {
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
