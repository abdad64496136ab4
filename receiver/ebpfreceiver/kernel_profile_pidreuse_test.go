// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// A process that gets the ID of one that ended has its own name, service and functions in
// profiles, and so has the first one.
func TestAProcessWithAReusedIDHasItsOwnProfile(t *testing.T) {
	first, second := compiled(t, "burn.c"), compiled(t, "jit.c")
	sink := profiled(t, func(c *Config) { c.Probes.Profile.OffCPU = false })
	for range 20 { // another program may take the ID first
		one := exec.Command(first)
		require.NoError(t, one.Start())
		pid := one.Process.Pid
		require.Eventually(t, func() bool { return len(profilesOf(sink, pid, "cpu")) > 0 }, 30*time.Second, 50*time.Millisecond)
		require.NoError(t, one.Process.Kill())
		_ = one.Wait()
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0o600); err != nil {
			t.Skip("IDs of processes cannot be chosen here: ", err)
		}
		got := running(t, second)
		t.Cleanup(func() { _ = os.Remove("/tmp/perf-" + strconv.Itoa(got) + ".map") })
		if got != pid {
			continue
		}
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			found := map[string]bool{}
			for _, p := range profilesOf(sink, pid, "cpu") {
				name, _ := p.Resource.Attributes.Get("process.executable.name")
				service, _ := p.Resource.Attributes.Get("service.name")
				if name.Text() != filepath.Base(first) && name.Text() != filepath.Base(second) {
					continue // the test's own name, before the program runs
				}
				assert.Equal(t, name.Text(), service.Text())
				burns := has(&p, "burn_in_c")
				if name.Text() == filepath.Base(second) {
					assert.False(t, burns, "the function of the program that had the ID before")
				} else if !burns {
					continue // the first samples may be of its start
				}
				found[name.Text()] = true
			}
			assert.Len(t, found, 2)
		}, 30*time.Second, 100*time.Millisecond)
		return
	}
	t.Skip("other programs took each ID first")
}

// has reports whether a sample of the profile is in the function.
func has(p *model.Profile, function string) bool {
	for _, sample := range p.Samples {
		for _, at := range p.Dictionary.Stacks[sample.Stack] {
			if p.Dictionary.Frames[at].Function == function {
				return true
			}
		}
	}
	return false
}
