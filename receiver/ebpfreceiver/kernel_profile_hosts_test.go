// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
)

// A program in a container writes its perf map to its own /tmp, under its own process id.
func TestPerfMapsOfContainersAreRead(t *testing.T) {
	needs(t, "unshare", "mount")
	program := compiled(t, "jit.c")
	sink := profiled(t, func(c *Config) { c.Probes.Profile.OffCPU = false })
	const inside = `exec 3< "$0" && mount -t tmpfs tapio-test /tmp && exec /proc/self/fd/3`
	command := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", inside, program)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	require.Eventually(t, func() bool {
		for _, profiles := range sink.AllProfiles() {
			read, _ := otlp.Profiles(profiles)
			byFrame, _ := innermost(read)
			if byFrame[model.Frame{Function: "com.example.Main.spin", Kind: "jvm"}] > 0 {
				return true
			}
		}
		return false
	}, 30*time.Second, 50*time.Millisecond)
}

// The JVM writes its perf map when it is asked to.
func TestTheJavaMethodThatBurnsTheCPUIsNamed(t *testing.T) {
	needs(t, "java", "javac", "jcmd")
	sink := profiled(t, func(c *Config) { c.Probes.Profile.OffCPU = false })
	pid := running(t, "java", "-XX:+PreserveFramePointer", "testdata/profile/Burn.java")
	perfMap := fmt.Sprintf("/tmp/perf-%d.map", pid)
	t.Cleanup(func() { _ = os.Remove(perfMap) })
	const samples = 20 * int64(time.Second) / 97
	require.Eventually(t, func() bool { // it is compiled several times, and last for good
		_ = exec.Command("jcmd", strconv.Itoa(pid), "Compiler.perfmap").Run() // the program may not be ready
		byFrame, _ := innermost(profilesOf(sink, pid, "cpu"))
		return byFrame[model.Frame{Function: "Burn.burnInJava", Kind: "jvm"}] > samples
	}, 60*time.Second, time.Second)
}

// Of 10,000 threads that are blocked all the time, and 25,000 times a second, the estimate
// comes to so much time, in few samples. By chance it is off by some 4% in the standard
// deviation.
func TestManyThreadsAreSampled(t *testing.T) {
	const threads, pause = 10_000, "400"
	program := compiled(t, "threads.c")
	command := exec.Command(program, strconv.Itoa(threads), pause)
	ready, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	var began int
	_, err = fmt.Fscan(ready, &began)
	require.NoError(t, err)
	if began < threads {
		t.Skipf("this machine does not start more than %d threads", began)
	}
	sink := profiled(t, func(c *Config) { c.Probes.Profile.Frequency = 0; c.CollectionInterval = time.Second })
	var list []model.Profile
	require.Eventually(t, func() bool {
		list = profilesOf(sink, command.Process.Pid, "off_cpu")
		return len(list) >= 5
	}, 60*time.Second, 50*time.Millisecond)
	var blocked, took time.Duration
	for _, p := range list[1:] { // in the first the threads were blocked before it
		for _, sample := range p.Samples {
			blocked += time.Duration(sample.Values[0])
		}
		took += p.Duration
		assert.Less(t, len(p.Samples), 8192)
	}
	t.Logf("%.0f threads blocked at a time", blocked.Seconds()/took.Seconds())
	assert.InEpsilon(t, threads, blocked.Seconds()/took.Seconds(), 0.35)
}
