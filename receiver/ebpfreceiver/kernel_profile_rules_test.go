// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/profile"
	"github.com/tapio/tapio/internal/profilerules"
)

// rulesFor returns the rules that find something in the profiles of one process.
func rulesFor(list []model.Profile) (ids []string) {
	tree, threads := treeOf(list, nil), treeOf(list, regexp.MustCompile("^(?:"+profilerules.GCThreads+")$"))
	if tree == nil {
		return nil
	}
	if threads != nil && !profilerules.NeedsThreads(tree) {
		threads = nil
	}
	for _, found := range profilerules.Find(tree, threads) {
		ids = append(ids, found.Rule.ID)
	}
	return ids
}

// treeOf adds profiles up, of all threads or of those with such names; nil without any.
func treeOf(list []model.Profile, thread *regexp.Regexp) *model.CallTree {
	sum := profile.NewSum(1 << 20)
	added := false
	for i := range list {
		p := list[i]
		p.Samples = slices.DeleteFunc(slices.Clone(p.Samples), func(s model.ProfileSample) bool {
			name, _ := p.Dictionary.Sets[s.Set].Get("thread.name")
			return thread != nil && !thread.MatchString(name.Text())
		})
		if len(p.Samples) > 0 {
			added = true
			if sum.Add(profile.Unflatten(&p)) != nil {
				return nil
			}
		}
	}
	if !added {
		return nil
	}
	return sum.Tree()
}

// directWrites skips where the file system of tests, such as tmpfs, has no disk to wait for.
func directWrites(t *testing.T, path string) {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_DIRECT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Skipf("this file system has no direct writes: %v", err)
	}
	require.NoError(t, unix.Close(fd))
}

// What rules are about is found in real programs of C, Node.js and Java, as the receiver
// profiles them.
func TestRulesFindWhatProgramsDo(t *testing.T) {
	program := compiled(t, "rules.c")
	sink := profiled(t, func(*Config) {})
	for _, of := range []struct {
		rule, kind string
		command    []string
	}{
		{"page-faults", "cpu", []string{program, "fault"}},
		{"spinning-locks", "cpu", []string{program, "spin"}},
		{"lock-wait", "off_cpu", []string{program, "lock"}},
		{"io-wait", "off_cpu", []string{program, "disk", filepath.Join(t.TempDir(), "block")}},
		{"v8-gc", "cpu", []string{"node", "testdata/profile/garbage.js"}},
		{"jvm-gc", "cpu", []string{"java", "-Xmx40m", "-XX:+UseParallelGC", "-XX:-UseGCOverheadLimit", "testdata/profile/Garbage.java"}},
	} {
		t.Run(of.rule, func(t *testing.T) {
			if of.rule == "io-wait" {
				directWrites(t, of.command[2])
			}
			needs(t, of.command[0])
			command := exec.Command(of.command[0], of.command[1:]...)
			require.NoError(t, command.Start())
			t.Cleanup(func() {
				_ = command.Process.Kill()
				_ = command.Wait()
			})
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				assert.Contains(c, rulesFor(profilesOf(sink, command.Process.Pid, of.kind)), of.rule)
			}, time.Minute, 200*time.Millisecond)
		})
	}
}
