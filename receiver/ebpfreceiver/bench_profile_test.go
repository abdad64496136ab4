// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package ebpfreceiver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What profiles of the whole host cost: the built collector with the shipped configuration
// beside a load that computes and has its threads blocked 50,000 times a second. Each
// round measures with the probe off, on, and off again. The load's own CPU time has the
// programs in the kernel in it, as they interrupt it; it is less disturbed by other
// programs than the wall clock is. Last, the kernel measures its programs, with the probe
// on and off.
func BenchmarkProfile(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it puts programs into the kernel")
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		b.Skip("needs a C compiler")
	}
	load := filepath.Join(b.TempDir(), "load")
	out, err := exec.Command(compiler, "-O1", "-fno-omit-frame-pointer", "-pthread", "-o", load, "testdata/profile/load.c").CombinedOutput()
	require.NoError(b, err, string(out))
	average, err := os.ReadFile("/proc/loadavg")
	require.NoError(b, err)
	b.Logf("load average %s: figures of a machine that does other work are no figures", strings.Fields(string(average))[0])
	const key = "receivers::ebpf::probes::profile::"
	builtin := []string{"--set", key + "cpu_profiler=builtin"}
	unwinding := []string{"--set", key + "cpu_profiler=opentelemetry", "--set", key + "off_cpu=false"}
	for _, of := range []struct {
		name string
		set  []string
	}{
		{"20Hz", append([]string{"--set", key + "off_cpu=false"}, builtin...)},
		{"97Hz", append([]string{"--set", key + "off_cpu=false", "--set", key + "frequency=97"}, builtin...)},
		{"off-CPU", []string{"--set", key + "frequency=0"}},
		{"20Hz-and-off-CPU", builtin},
		{"OpenTelemetry-20Hz", unwinding},
		{"OpenTelemetry-97Hz", append([]string{"--set", key + "frequency=97"}, unwinding...)},
	} {
		b.Run(of.name, func(b *testing.B) {
			settles := time.Duration(0)
			if strings.HasPrefix(of.name, "OpenTelemetry") {
				pretendMemlock(b)
				settles = 30 * time.Second // it reads the programs that run, once
			}
			var switches, ratio, programs, collector, memory []float64
			for range b.N {
				before := measureProfile(b, load, settles, "--set", key+"enabled=false")
				with := measureProfile(b, load, settles, of.set...)
				after := measureProfile(b, load, settles, "--set", key+"enabled=false")
				without := (before.load + after.load) / 2
				ratio = append(ratio, with.load/without)
				programs = append(programs, 100*(with.load-without))
				collector = append(collector, 100*(with.collector-(before.collector+after.collector)/2))
				switches = append(switches, with.switches)
				memory = append(memory, with.memory-(before.memory+after.memory)/2)
				b.Logf("off %+v on %+v off %+v", before, with, after)
			}
			b.ReportMetric(median(switches), "switches/s")
			others, _ := programTimes(b, load, "--set", key+"enabled=false")
			ours, beside := programTimes(b, load, of.set...)
			b.ReportMetric(100*sumOfOthers(ours, others), "%machine-programs")
			b.ReportMetric(beside, "switches/s-programs")
			b.ReportMetric(median(ratio), "load-cpu-ratio")
			b.ReportMetric(median(programs), "%machine-load")
			b.ReportMetric(median(collector), "%machine-collector")
			b.ReportMetric(median(memory), "MiB-added")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// profileFigures are shares of the machine, MiB, how often a second threads of the load were blocked,
// and how often the host's CPUs went from one thread to another.
type profileFigures struct{ load, collector, memory, blocks, switches float64 }

func measureProfile(b *testing.B, load string, settles time.Duration, more ...string) (f profileFigures) {
	b.Helper()
	const seconds = 20
	pid, log, stop := startLogged(b, more...)
	defer stop()
	if slices.ContainsFunc(more, func(set string) bool { return strings.HasSuffix(set, "=opentelemetry") }) {
		unwinds(b, log)
	}
	time.Sleep(settles)
	switched := contextSwitches(b)
	looked, began := bothCPUTimes(b, pid), time.Now()
	output, err := exec.Command(load, strconv.Itoa(seconds)).Output()
	require.NoError(b, err)
	machine := time.Since(began).Seconds() * float64(runtime.NumCPU())
	var cpu float64
	_, err = fmt.Sscan(string(output), &f.blocks, &cpu)
	require.NoError(b, err)
	f.blocks /= seconds
	f.switches = (contextSwitches(b) - switched) / time.Since(began).Seconds()
	f.load = cpu / machine
	f.collector = (bothCPUTimes(b, pid) - looked).Seconds() / machine
	for _, of := range withProfiler(pid) {
		f.memory += proportionalMemory(b, of)
	}
	return f
}

// programTimes is the share of the machine that each program in the kernel takes beside the load twice, by name and the
// kernel's own clock, which is far less disturbed than the load's CPU time; and how often a second CPUs went from one thread
// to another meanwhile. Measuring itself takes some 0.02 us a run.
func programTimes(b *testing.B, load string, more ...string) (shares map[string]float64, switches float64) {
	b.Helper()
	const seconds = 10
	measuring, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	require.NoError(b, err)
	defer func() { _ = measuring.Close() }()
	_, log, stop := startLogged(b, more...)
	defer stop()
	if slices.ContainsFunc(more, func(set string) bool { return strings.HasSuffix(set, "=opentelemetry") }) {
		unwinds(b, log)
	}
	second := exec.Command(load, strconv.Itoa(seconds))
	before, began, switched := readProgramTimes(b), time.Now(), contextSwitches(b)
	require.NoError(b, second.Start())
	require.NoError(b, exec.Command(load, strconv.Itoa(seconds)).Run())
	require.NoError(b, second.Wait())
	took := time.Since(began).Seconds()
	shares = map[string]float64{}
	for name, of := range readProgramTimes(b) {
		shares[name] = (of - before[name]).Seconds() / took / float64(runtime.NumCPU())
	}
	return shares, (contextSwitches(b) - switched) / took
}

func readProgramTimes(b *testing.B) map[string]time.Duration {
	b.Helper()
	times := map[string]time.Duration{}
	var id ebpf.ProgramID
	for {
		next, err := ebpf.ProgramGetNextID(id)
		if err != nil {
			return times
		}
		id = next
		program, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // it is gone
		}
		info, err := program.Info()
		require.NoError(b, err)
		stats, err := program.Stats()
		require.NoError(b, err)
		times[info.Name] += stats.Runtime
		_ = program.Close()
	}
}

// sumOfOthers is the sum of the shares of programs that others does not have.
func sumOfOthers(shares, others map[string]float64) (sum float64) {
	for name, share := range shares {
		if _, found := others[name]; !found {
			sum += share
		}
	}
	return sum
}

// withProfiler returns the collector and the process of OpenTelemetry's profiler, if it has one.
func withProfiler(pid int) []int {
	list := []int{pid}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		text, _ := os.ReadFile(file)
		for _, child := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				list = append(list, n)
			}
		}
	}
	return list
}

func bothCPUTimes(b *testing.B, pid int) (all time.Duration) {
	b.Helper()
	for _, of := range withProfiler(pid) {
		all += cpuTimeOf(b, of)
	}
	return all
}

// proportionalMemory is a process's memory in MiB, with its share of the pages that others have, too.
func proportionalMemory(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(text), "\nPss:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	require.NoError(b, err)
	return kilobytes / 1024
}

// contextSwitches is how often CPUs went from one thread to another since the host started.
func contextSwitches(b *testing.B) float64 {
	b.Helper()
	stat, err := os.ReadFile("/proc/stat")
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(stat), "\nctxt ")
	n, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	require.NoError(b, err)
	return n
}

// unwinds waits until OpenTelemetry's profiler samples, and skips where it cannot.
func unwinds(b *testing.B, log string) {
	b.Helper()
	var text string
	require.Eventually(b, func() bool {
		read, _ := os.ReadFile(log)
		text = string(read)
		return strings.Contains(text, "CPUs are sampled by OpenTelemetry's") || strings.Contains(text, "profiler does not run")
	}, 2*time.Minute, 100*time.Millisecond)
	if strings.Contains(text, "profiler does not run") {
		b.Skip("OpenTelemetry's profiler cannot run here: it needs CAP_SYS_RESOURCE, or that the limit of locked memory seems raised, and tracefs")
	}
}
