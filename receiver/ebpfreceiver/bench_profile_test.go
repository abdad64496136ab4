// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What profiles of the whole host cost: the built collector with the shipped configuration
// beside a load that computes and has its threads blocked 50,000 times a second. Each
// round measures with the probe off, on, and off again. The load's own CPU time has the
// programs in the kernel in it, as they interrupt it; it is less disturbed by other
// programs than the wall clock is.
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
	const key = "receivers::ebpf::probes::profile::"
	for _, of := range []struct {
		name string
		set  []string
	}{
		{"20Hz", []string{"--set", key + "off_cpu=false"}},
		{"97Hz", []string{"--set", key + "off_cpu=false", "--set", key + "frequency=97"}},
		{"off-CPU", []string{"--set", key + "frequency=0"}},
		{"20Hz-and-off-CPU", nil},
	} {
		b.Run(of.name, func(b *testing.B) {
			var ratio, programs, collector, memory []float64
			for range b.N {
				before := measureProfile(b, load, "--set", key+"enabled=false")
				with := measureProfile(b, load, of.set...)
				after := measureProfile(b, load, "--set", key+"enabled=false")
				without := (before.load + after.load) / 2
				ratio = append(ratio, with.load/without)
				programs = append(programs, 100*(with.load-without))
				collector = append(collector, 100*(with.collector-(before.collector+after.collector)/2))
				memory = append(memory, with.memory-(before.memory+after.memory)/2)
				b.Logf("off %+v on %+v off %+v", before, with, after)
			}
			b.ReportMetric(median(ratio), "load-cpu-ratio")
			b.ReportMetric(median(programs), "%machine-load")
			b.ReportMetric(median(collector), "%machine-collector")
			b.ReportMetric(median(memory), "MiB-added")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// profileFigures are shares of the machine, MiB, and how often a second threads were blocked.
type profileFigures struct{ load, collector, memory, blocks float64 }

func measureProfile(b *testing.B, load string, more ...string) (f profileFigures) {
	b.Helper()
	const seconds = 20
	pid, stop := startShipped(b, more...)
	defer stop()
	looked, began := cpuTimeOf(b, pid), time.Now()
	output, err := exec.Command(load, strconv.Itoa(seconds)).Output()
	require.NoError(b, err)
	machine := time.Since(began).Seconds() * float64(runtime.NumCPU())
	var cpu float64
	_, err = fmt.Sscan(string(output), &f.blocks, &cpu)
	require.NoError(b, err)
	f.blocks /= seconds
	f.load = cpu / machine
	f.collector = (cpuTimeOf(b, pid) - looked).Seconds() / machine
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	require.NoError(b, err)
	f.memory = kilobytes / 1024
	return f
}
