// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package ebpfreceiver

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/profile"
)

type observedSettings struct {
	receiver.Settings
	logs *observer.ObservedLogs
}

// sinkTotal is the CPU time of a process in samples.
func sinkTotal(sink *consumertest.ProfilesSink, pid int) time.Duration {
	_, total := innermost(profilesOf(sink, pid, "cpu"))
	return time.Duration(total)
}

func otelProfiled(cpu profile.CPUProfiler, perSecond uint32) (*Config, observedSettings) {
	config := createDefaultConfig().(*Config)
	config.CollectionInterval = 500 * time.Millisecond
	config.Probes = probe.Config{Profile: config.Probes.Profile, Process: config.Probes.Process}
	config.Probes.Profile.Frequency, config.Probes.Profile.CPUProfiler = perSecond, cpu
	if underRace {
		config.Probes.Profile.CPUProfilerMemoryLimitMiB = 4096
	}
	core, logs := observer.New(zap.InfoLevel)
	set := receivertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	return config, observedSettings{set, logs}
}

// OpenTelemetry's profiler names functions of compiled programs without frame pointers and
// of interpreters, for the services that spans are of, and its CPU time is not counted twice.
func TestOpenTelemetrysProfilerNamesFunctions(t *testing.T) {
	if !permitted(t) {
		return
	}
	withSymbols, stripped := compiled(t, "burn.c", "-fomit-frame-pointer", "-O2"), compiled(t, "burn.c", "-s", "-fomit-frame-pointer")
	golang := compiledGo(t)
	config, set := otelProfiled(profile.CPUProfilerAuto, 97)
	t.Cleanup(func() {
		for _, entry := range set.logs.All() {
			t.Log(entry.Message, entry.ContextMap())
		}
	})
	sink, _ := started(t, config, set.Settings)
	set.waits(t)
	ofC, ofGo, ofStripped := running(t, withSymbols), running(t, golang), running(t, stripped)
	burns(t, sink, ofC, model.Frame{Function: "burn_in_c", Kind: "native"})
	burns(t, sink, ofGo, model.Frame{Function: "main.burnInGo", File: "burn.go", Kind: "go"})
	burns(t, sink, ofStripped, model.Frame{Mapping: filepath.Base(stripped), Kind: "native"})
	inFunction(t, profilesOf(sink, ofStripped, "cpu"), stripped, withSymbols)
	notTwice(t, sinkTotal(sink, ofC), ofC)
	for _, of := range []struct {
		program string
		args    []string
		frame   model.Frame
	}{
		{"python3", []string{"testdata/profile/burn.py"}, model.Frame{Function: "burn_in_python", File: "burn.py", Kind: "cpython"}},
		{"node", []string{"testdata/profile/burn.js"}, model.Frame{Function: "burnInNode", File: "burn.js", Kind: "v8js"}},
		{"java", []string{"testdata/profile/Burn.java"}, model.Frame{Function: "Burn.burnInJava", File: "Burn.java", Kind: "jvm"}},
	} {
		if program, err := exec.LookPath(of.program); err == nil {
			spends(t, sink, running(t, program, of.args...), of.frame)
		}
	}
	service, _ := profilesOf(sink, ofC, "cpu")[0].Resource.Attributes.Get("service.name")
	assert.Equal(t, filepath.Base(withSymbols), service.Text(), "that of the spans")
	assert.NotEmpty(t, profilesOf(sink, ofGo, "off_cpu"), "the own probe measures blocked time")
	assert.Empty(t, set.logs.FilterMessageSnippet("on_cpu").All())
}

// waits waits until OpenTelemetry's profiler samples: the kernel takes long to verify its programs.
func (s *observedSettings) waits(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		return s.logs.FilterMessage("CPUs are sampled by OpenTelemetry's eBPF profiler").Len() == 1
	}, 2*time.Minute, 50*time.Millisecond)
}

// spends waits until more than half of the CPU time of a process is in that function and
// what it calls, as interpreters call native code.
func spends(t *testing.T, sink *consumertest.ProfilesSink, pid int, want model.Frame) {
	t.Helper()
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		var there, total int64
		for _, p := range profilesOf(sink, pid, "cpu") {
			for _, sample := range p.Samples {
				total += sample.Values[0]
				if slices.ContainsFunc(p.Dictionary.Stacks[sample.Stack], func(at uint32) bool {
					f := p.Dictionary.Frames[at]
					return f.Function == want.Function && f.Kind == want.Kind && strings.HasSuffix(f.File, want.File)
				}) {
					there += sample.Values[0]
				}
			}
		}
		assert.Greater(t, total, 5*int64(time.Second)/97)
		assert.Greater(t, 2*there, total, "%s", want.Function)
	}, 2*time.Minute, 100*time.Millisecond) // a JVM starts and compiles first
}

// notTwice checks CPU time in samples with what the kernel counted; had both profilers
// sampled it would be twice as much.
func notTwice(t *testing.T, sampled time.Duration, pid int) {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	require.NoError(t, err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[14-3])
	require.NoError(t, err)
	system, err := strconv.Atoi(fields[15-3])
	require.NoError(t, err)
	assert.Less(t, sampled, time.Duration(user+system)*10*time.Millisecond*3/2)
}

// Where OpenTelemetry's profiler cannot run, one message says so and why, and the builtin
// one samples CPUs.
func TestTheBuiltinProfilerTakesOver(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it puts programs into the kernel")
	}
	withSymbols := compiled(t, "burn.c")
	config, set := otelProfiled(profile.CPUProfilerAuto, 97)
	sink, _ := started(t, config, set.Settings)
	pid := running(t, withSymbols)
	burns(t, sink, pid, model.Frame{Function: "burn_in_c", Kind: "native"})
	notTwice(t, sinkTotal(sink, pid), pid)
	messages := set.logs.FilterMessageSnippet("profile, on_cpu").All()
	if len(messages) == 0 {
		t.Skip("OpenTelemetry's profiler runs on this machine")
	}
	require.Len(t, messages, 1)
	assert.Regexp(t, "CAP_SYS_RESOURCE|tracefs", messages[0].ContextMap()["error"])
}

// Where only OpenTelemetry's profiler is wanted and cannot run, blocked time is measured
// and CPU time is not.
func TestNoOtherProfilerTakesOver(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it puts programs into the kernel")
	}
	config, set := otelProfiled(profile.CPUProfilerOpenTelemetry, 97)
	sink, _ := started(t, config, set.Settings)
	waiting := running(t, compiled(t, "wait.c"))
	require.Eventually(t, func() bool { return len(profilesOf(sink, waiting, "off_cpu")) > 2 }, 30*time.Second, 50*time.Millisecond)
	messages := set.logs.FilterMessageSnippet("profile, on_cpu").All()
	if len(messages) == 0 {
		t.Skip("OpenTelemetry's profiler runs on this machine")
	}
	require.Len(t, messages, 1)
	assert.Contains(t, messages[0].Message, "is off")
	assert.Empty(t, profilesOf(sink, waiting, "cpu"))
}
