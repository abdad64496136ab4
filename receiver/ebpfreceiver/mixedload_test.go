// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// BenchmarkMixedLoad runs all that is on by default beside programs that start,
// compute, write to a disk and speak over the network, and reports what it costs.
// With the variable TAPIO_BENCH_FILES the file probe looks on too.
func BenchmarkMixedLoad(b *testing.B) {
	folder := b.TempDir()
	config := createDefaultConfig().(*Config)
	if os.Getenv("TAPIO_BENCH_FILES") != "" {
		config.Probes.File.Paths = []string{"/etc", folder}
	}
	for b.Loop() {
		w := watching(b, config, probesOf(config)...)
		require.NoError(b, w.kernel.Measure())
		w.start()
		used, began := processTime(), time.Now()
		mix(b, folder, 25*time.Second)
		took, used := time.Since(began), processTime()-used
		memory := resident(b)
		empty := emptyRun(b)
		machine := took.Seconds() * float64(runtime.NumCPU()) / 100
		inPrograms, measuring, maps, calls := time.Duration(0), time.Duration(0), uint64(0), float64(0)
		for _, name := range append([]string{""}, names(w.probes)...) {
			cost, err := w.kernel.Cost(name)
			require.NoError(b, err)
			inPrograms += cost.RunTime
			measuring += time.Duration(cost.Runs) * empty
			if name == "syscall" {
				calls = float64(cost.Runs) / 2
			}
			maps += cost.MapBytes
			if name == "" {
				name = "shared"
			}
			b.ReportMetric(cost.RunTime.Seconds()/machine, "%cpu-"+name)
			b.ReportMetric(float64(cost.MapBytes)/(1<<20), "MiB-"+name)
		}
		b.ReportMetric(inPrograms.Seconds()/machine, "%cpu-kernel")
		b.ReportMetric(measuring.Seconds()/machine, "%cpu-of-it-measuring")
		b.ReportMetric(used.Seconds()/machine, "%cpu-receiver")
		b.ReportMetric(float64(maps)/(1<<20), "MiB-maps")
		b.ReportMetric(memory, "MiB-resident")
		close(w.quit)
		<-w.done
		require.NoError(b, w.close())
		b.ReportMetric(calls/took.Seconds(), "calls/s")
		b.ReportMetric(calls*tracing(b)/1e9/machine, "%cpu-slow-path-of-calls")
	}
}

// tracing is what the kernel itself adds to a call that programs look at, in
// nanoseconds: it is in no program's run time.
func tracing(b *testing.B) (ns float64) {
	b.Helper()
	const rounds, calls = 5, 200_000
	var bare, empty []float64
	for range rounds {
		bare = append(bare, perCall(b, calls, nil))
		empty = append(empty, perCall(b, calls, func() []probe.Probe { return []probe.Probe{probe.NewFloor(false)} }))
	}
	return median(empty) - median(bare)
}

// emptyRun is what the kernel reports that a program takes which does nothing: its
// two looks at the clock, that are not there while no one measures.
func emptyRun(b *testing.B) time.Duration {
	b.Helper()
	w := watching(b, createDefaultConfig().(*Config), probe.NewFloor(false))
	defer func() { require.NoError(b, w.close()) }()
	require.NoError(b, w.kernel.Measure())
	provoke(100_000)
	cost, err := w.kernel.Cost("test")
	require.NoError(b, err)
	return cost.RunTime / time.Duration(cost.Runs)
}

// mix is the load.
func mix(b *testing.B, folder string, long time.Duration) {
	b.Helper()
	ctx, stop := context.WithTimeout(context.Background(), long)
	defer stop()
	traffic := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestTrafficOfTheMixedLoad$")
	traffic.Env = append(os.Environ(), trafficVariable+"=1")
	require.NoError(b, traffic.Start())
	shell := exec.CommandContext(ctx, "sh", "-c", `while :; do
		dd if=/dev/zero of=`+filepath.Join(folder, "file")+` bs=16k count=200 conv=fsync 2>/dev/null
		ls -R /usr/include >/dev/null; gzip -c /proc/self/exe >/dev/null; sleep 0.05; done`)
	require.Error(b, shell.Run(), "it ends when its time is over")
	require.Error(b, traffic.Wait())
}

const trafficVariable = "TAPIO_TEST_TRAFFIC"

// TestTrafficOfTheMixedLoad is the part of the load that speaks: a process of
// its own, some 300 requests of HTTP and 30 lookups a second, until it is killed.
func TestTrafficOfTheMixedLoad(t *testing.T) {
	if os.Getenv(trafficVariable) == "" {
		t.Skip("the benchmark starts it")
	}
	body := make([]byte, 2000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	lookups := &net.Resolver{PreferGo: true}
	for n := 0; ; n++ {
		response, err := http.Get(server.URL)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		require.NoError(t, response.Body.Close())
		if n%10 == 0 {
			ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
			_, _ = lookups.LookupHost(ctx, "nobody.invalid")
			stop()
		}
		time.Sleep(3 * time.Millisecond)
	}
}
