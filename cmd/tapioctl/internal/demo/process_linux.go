// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// endWithParent has the kernel kill the process when this one dies, should the end
// of its input not end it. Ctrl-C in the terminal is for this process alone, which
// ends the others in order.
//
// The kernel takes the thread that starts the process for its parent. Threads of a
// Go program end only with a goroutine that is locked to one, and there is none.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// nameProcess gives all threads of this process the name, which `top` and the
// kernel's events show.
func nameProcess(name string) {
	threads, _ := filepath.Glob("/proc/self/task/*/comm") // the pattern is valid
	for _, thread := range threads {
		_ = os.WriteFile(thread, []byte(name), 0o600) // a thread may have ended; the name is for people only
	}
}

// usage returns the memory in use and the CPU time of this process.
func usage() (memoryBytes int64, cpuSeconds float64) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		cpuSeconds = float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	statm, _ := os.ReadFile("/proc/self/statm") // absent reads as 0
	return residentPages(statm) * int64(os.Getpagesize()), cpuSeconds
}
