// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
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

// What rules are about is found in real programs of C, Node.js, Java and Python, as the
// receiver profiles them.
func TestRulesFindWhatProgramsDo(t *testing.T) {
	program := compiled(t, "rules.c")
	sink := profiled(t, func(*Config) {})
	for _, of := range []ruled{
		{"page-faults", "cpu", []string{program, "fault"}},
		{"spinning-locks", "cpu", []string{program, "spin"}},
		{"lock-wait", "off_cpu", []string{program, "lock"}},
		{"io-wait", "off_cpu", []string{program, "disk", filepath.Join(t.TempDir(), "block")}},
		{"v8-gc", "cpu", []string{"node", "testdata/profile/garbage.js"}},
		{"jvm-gc", "cpu", []string{"java", "-Xmx40m", "-XX:+UseParallelGC", "-XX:-UseGCOverheadLimit", "testdata/profile/Garbage.java"}},
		{"cpython-gc", "cpu", []string{"python3", "testdata/profile/garbage.py"}},
	} {
		t.Run(of.rule, func(t *testing.T) {
			if of.rule == "io-wait" {
				directWrites(t, of.command[2])
			}
			of.isFound(t, sink)
		})
	}
}

// ruled is a program that does what a rule is about.
type ruled struct {
	rule, kind string
	command    []string
}

// isFound waits until the rule reports the program.
func (of *ruled) isFound(t *testing.T, sink *consumertest.ProfilesSink) {
	t.Helper()
	needs(t, of.command[0])
	if function, own := map[string]string{"cpython-gc": "gc_collect_main", "python-gil": "take_gil"}[of.rule]; own {
		hasSymbol(t, function)
	}
	pid := running(t, of.command[0], of.command[1:]...)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Contains(c, rulesFor(profilesOf(sink, pid, of.kind)), of.rule)
	}, time.Minute, 200*time.Millisecond)
}

// hasSymbol skips where the interpreter of Python was stripped: its own functions have no names.
func hasSymbol(t *testing.T, function string) {
	t.Helper()
	const library = `import sysconfig, os, sys
of = sysconfig.get_config_vars()
shared = os.path.join(of.get("LIBDIR") or "", of.get("LDLIBRARY") or "")
print(shared if shared.endswith(".so") and os.path.exists(shared) else os.path.realpath(sys.executable))`
	path, err := exec.Command("python3", "-c", library).Output()
	require.NoError(t, err)
	file, err := elf.Open(strings.TrimSpace(string(path)))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	all, err := file.Symbols()
	if !slices.ContainsFunc(all, func(s elf.Symbol) bool { return s.Name == function }) {
		t.Skipf("%s has no symbol %s: %v", path, function, err)
	}
}
