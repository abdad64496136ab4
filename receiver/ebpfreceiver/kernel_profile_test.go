// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/collector/receiver/xreceiver"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/profile"
)

// profiled runs the receiver with a profiles pipeline until the test ends.
func profiled(t *testing.T, adapt func(*Config)) *consumertest.ProfilesSink {
	t.Helper()
	profiles, _ := profiledWithSpans(t, adapt)
	return profiles
}

func profiledWithSpans(t *testing.T, adapt func(*Config)) (*consumertest.ProfilesSink, *seen) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it puts programs into the kernel")
	}
	config := createDefaultConfig().(*Config)
	config.CollectionInterval = 500 * time.Millisecond
	config.Probes = probe.Config{Profile: config.Probes.Profile, Process: config.Probes.Process}
	config.Probes.Profile.Frequency, config.Probes.Profile.CPUProfiler = 97, profile.CPUProfilerBuiltin
	adapt(config)
	return started(t, config, receivertest.NewNopSettings(metadata.Type))
}

func started(t testing.TB, config *Config, set receiver.Settings) (*consumertest.ProfilesSink, *seen) {
	t.Helper()
	sink, traces := &consumertest.ProfilesSink{}, &consumertest.TracesSink{}
	factory := NewFactory().(xreceiver.Factory)
	r, err := factory.CreateProfiles(context.Background(), set, config, sink)
	require.NoError(t, err)
	_, err = factory.CreateTraces(context.Background(), set, config, traces)
	require.NoError(t, err)
	require.NoError(t, r.Start(context.Background(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, r.Shutdown(context.Background())) })
	return sink, &seen{traces: traces}
}

// profilesOf returns what was sampled of a process.
func profilesOf(sink *consumertest.ProfilesSink, pid int, kind string) (list []model.Profile) {
	for _, profiles := range sink.AllProfiles() {
		read, _ := otlp.Profiles(profiles)
		for _, p := range read {
			of, _ := p.Resource.Attributes.Get("process.pid")
			if of.Int() == int64(pid) && p.Type.Name == kind {
				list = append(list, p)
			}
		}
	}
	return list
}

// innermost adds up the values of samples by their innermost frame.
func innermost(list []model.Profile) (byFrame map[model.Frame]int64, total int64) {
	byFrame = map[model.Frame]int64{}
	for _, p := range list {
		for _, sample := range p.Samples {
			f := p.Dictionary.Frames[p.Dictionary.Stacks[sample.Stack][0]]
			f.Line, f.Address = 0, 0
			byFrame[f] += sample.Values[0]
			total += sample.Values[0]
		}
	}
	return byFrame, total
}

// running starts a program that is ended with the test.
func running(t *testing.T, name string, args ...string) (pid int) {
	t.Helper()
	command := exec.Command(name, args...)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command.Process.Pid
}

// compiled compiles a program of testdata with frame pointers.
func compiled(t *testing.T, source string, flags ...string) (program string) {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler")
	}
	program = filepath.Join(t.TempDir(), "tapio-"+strings.TrimSuffix(source, ".c"))
	args := append([]string{"-O1", "-fno-omit-frame-pointer", "-pthread", "-Wl,--build-id", "-o", program, "testdata/profile/" + source}, flags...)
	out, err := exec.Command(compiler, args...).CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

func compiledGo(t *testing.T) (program string) {
	t.Helper()
	folder := t.TempDir()
	text, err := os.ReadFile("testdata/profile/burn.go.txt")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "burn.go"), text, 0o600))
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", "burn", "burn.go")
	build.Dir = folder
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return filepath.Join(folder, "burn")
}

// burns waits until more than half of the CPU time of a process is in that function.
func burns(t *testing.T, sink *consumertest.ProfilesSink, pid int, want model.Frame) {
	t.Helper()
	const enough = 5 * int64(time.Second) / 97
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		byFrame, total := innermost(profilesOf(sink, pid, "cpu"))
		var there int64
		for f, value := range byFrame {
			if f.Function == want.Function && f.Kind == want.Kind && strings.HasSuffix(f.File, want.File) && (want.Mapping == "" || f.Mapping == want.Mapping) {
				there += value
			}
		}
		assert.Greater(t, total, enough)
		assert.Greater(t, 2*there, total, "%v", byFrame)
	}, 30*time.Second, 100*time.Millisecond)
}

// The function that burns the CPU is named, of C with and without symbols, stripped Go and
// what Node.js compiles at run time.
func TestTheFunctionThatBurnsTheCPUIsNamed(t *testing.T) {
	withSymbols, stripped := compiled(t, "burn.c"), compiled(t, "burn.c", "-s")
	golang := compiledGo(t)
	sink := profiled(t, func(c *Config) { c.Probes.Profile.OffCPU = false })
	ofC, ofGo, ofStripped := running(t, withSymbols), running(t, golang), running(t, stripped)
	if node, err := exec.LookPath("node"); err == nil {
		ofNode := running(t, node, "--perf-basic-prof", "--logfile="+filepath.Join(t.TempDir(), "log"), "--no-logfile-per-isolate", "testdata/profile/burn.js")
		t.Cleanup(func() { _ = os.Remove(fmt.Sprintf("/tmp/perf-%d.map", ofNode)) })
		burns(t, sink, ofNode, model.Frame{Function: "burnInNode", File: "burn.js", Kind: "v8js"})
	}
	burns(t, sink, ofC, model.Frame{Function: "burn_in_c", Kind: "native"})
	burns(t, sink, ofGo, model.Frame{Function: "main.burnInGo", File: "burn.go", Kind: "go"})
	burns(t, sink, ofStripped, model.Frame{Mapping: filepath.Base(stripped), Kind: "native"})
	inFunction(t, profilesOf(sink, ofStripped, "cpu"), stripped, withSymbols)

	cpu := profilesOf(sink, ofC, "cpu")[0]
	name, _ := cpu.Resource.Attributes.Get("service.name")
	assert.Equal(t, filepath.Base(withSymbols), name.Text(), "that of the spans")
	assert.Equal(t, model.ProfileType{Name: "cpu", Unit: "nanoseconds", PeriodName: "cpu", PeriodUnit: "nanoseconds", Period: int64(time.Second) / 97}, cpu.Type)
	assert.NotZero(t, cpu.ID)
	assert.Positive(t, cpu.Duration)
	threads := map[string]bool{} // before it runs the program, the process has the name of the test
	for _, p := range profilesOf(sink, ofC, "cpu") {
		for i := range p.Samples {
			set := p.Dictionary.Sets[p.Samples[i].Set]
			thread, _ := set.Get("thread.id")
			assert.Equal(t, int64(ofC), thread.Int())
			thread, _ = set.Get("thread.name")
			threads[thread.Text()] = true
		}
	}
	assert.Contains(t, threads, filepath.Base(withSymbols)[:min(15, len(filepath.Base(withSymbols)))])
}

// Frames without a name have the build ID and the address that the symbol tables of
// debug files are read with.
func inFunction(t *testing.T, list []model.Profile, stripped, withSymbols string) {
	t.Helper()
	file, err := elf.Open(withSymbols)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	all, err := file.Symbols()
	require.NoError(t, err)
	found := 0
	for _, p := range list {
		for _, f := range p.Dictionary.Frames {
			if f.Mapping != filepath.Base(stripped) || f.Function != "" {
				continue
			}
			assert.Len(t, f.BuildID, 40)
			for _, s := range all {
				if s.Name == "burn_in_c" && f.Address >= s.Value && f.Address < s.Value+s.Size {
					found++
				}
			}
		}
	}
	assert.Positive(t, found)
}

// What threads wait for is found: a lock, a pipe, sleep, a disk.
func TestWhatThreadsWaitForIsFound(t *testing.T) {
	program, file := compiled(t, "wait.c"), filepath.Join(t.TempDir(), "data")
	sink := profiled(t, func(c *Config) { c.Probes.Profile.Frequency = 0 })
	pid := running(t, program, file)
	wanted := map[string]string{"lock": "futex", "pipe": "pipe_read", "sleep": "nanosleep"}
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(file), &fs); err == nil && fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.RAMFS_MAGIC {
		wanted["disk"] = "" // which function depends on the file system
	}
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		found := map[string]bool{}
		for _, p := range profilesOf(sink, pid, "off_cpu") {
			for _, sample := range p.Samples {
				reason, _ := p.Dictionary.Sets[sample.Set].Get("tapio.blocked.reason")
				site := p.Dictionary.Frames[p.Dictionary.Stacks[sample.Stack][0]].Function
				if want, ok := wanted[reason.Text()]; ok && strings.Contains(site, want) {
					found[reason.Text()] = true
				}
			}
		}
		assert.Len(t, found, len(wanted), "%v", found)
	}, 30*time.Second, 100*time.Millisecond)
	assert.Empty(t, profilesOf(sink, pid, "cpu"))
}

// Conditions leave profiles out, by service for example.
func TestProfilesAreFiltered(t *testing.T) {
	wanted, other := compiled(t, "burn.c"), compiled(t, "wait.c")
	sink := profiled(t, func(c *Config) {
		c.Profiles.Include = []string{`resource.attributes["service.name"] == "tapio-burn"`}
	})
	running(t, wanted)
	unwanted := running(t, other)
	require.Eventually(t, func() bool { return len(sink.AllProfiles()) > 2 }, 30*time.Second, 50*time.Millisecond)
	for _, profiles := range sink.AllProfiles() {
		for _, of := range profiles.ResourceProfiles().All() {
			service, _ := of.Resource().Attributes().Get("service.name")
			assert.Equal(t, "tapio-burn", service.Str())
		}
	}
	assert.Empty(t, profilesOf(sink, unwanted, "off_cpu"))
}
