// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Boxed numbers are found where the compiler does not inline boxing: then it has a frame of its own.
func TestBoxedNumbersAreFound(t *testing.T) {
	needs(t, "java", "javac", "jcmd")
	sink := profiled(t, func(c *Config) { c.Probes.Profile.OffCPU = false })
	pid := running(t, "java", "-Xmx100m", "-XX:+PreserveFramePointer", "-XX:CompileCommand=quiet", "-XX:CompileCommand=dontinline,java.lang.Long::valueOf",
		"testdata/profile/Boxing.java")
	perfMap := fmt.Sprintf("/tmp/perf-%d.map", pid)
	t.Cleanup(func() { _ = os.Remove(perfMap) })
	require.Eventually(t, func() bool {
		_ = exec.Command("jcmd", strconv.Itoa(pid), "Compiler.perfmap").Run() // the program may not be ready
		return slices.Contains(rulesFor(profilesOf(sink, pid, "cpu")), "boxing")
	}, 2*time.Minute, time.Second)
}
