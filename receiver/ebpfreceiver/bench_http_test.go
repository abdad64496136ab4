// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
)

// What a request costs with both ends on this host, and what looking at it adds: to the
// programs themselves, by what runs in the kernel, and by the collector in its process.
// Each round measures both ways; the figures are medians.
func BenchmarkHTTPRequest(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it puts programs into the kernel")
	}
	const rounds = 5
	for _, load := range []string{loadOfGo, loadOfPrograms} {
		b.Run(load, func(b *testing.B) {
			var unseen, programs, collector, ratios []float64
			perRequest := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(b.N) }
			for range rounds {
				without := perRequest(runLoad(b, load, b.N))
				with, looking := runSeen(b, load, b.N)
				unseen = append(unseen, without)
				programs, collector = append(programs, perRequest(with)), append(collector, perRequest(looking))
				ratios = append(ratios, perRequest(with+looking)/without)
			}
			b.ReportMetric(median(unseen), "unseen-cpu-ns/op")
			b.ReportMetric(median(programs), "seen-cpu-ns/op")
			b.ReportMetric(median(collector), "collector-cpu-ns/op")
			b.ReportMetric(100*(median(ratios)-1), "%-added")
		})
	}
}

// runSeen runs the load beside the built collector, whose only work is to report HTTP.
func runSeen(b *testing.B, load string, requests int) (programs, collector time.Duration) {
	b.Helper()
	folder := b.TempDir()
	config, log := filepath.Join(folder, "config.yaml"), filepath.Join(folder, "log")
	require.NoError(b, os.WriteFile(config, []byte(reportsHTTP), 0o600))
	to, err := os.Create(log)
	require.NoError(b, err)
	command := exec.Command("../../bin/tapio", "--config", config)
	command.Stderr = to
	require.NoError(b, command.Start(), "make bin/tapio builds it")
	defer func() {
		require.NoError(b, command.Process.Signal(syscall.SIGTERM))
		text, _ := os.ReadFile(log)
		require.NoError(b, command.Wait(), "%s", text)
		require.NotContains(b, string(text), "a feature is off")
	}()
	require.Eventually(b, func() bool {
		text, _ := os.ReadFile(log)
		return strings.Contains(string(text), "Everything is ready")
	}, 30*time.Second, 20*time.Millisecond)
	before := cpuTimeOf(b, command.Process.Pid)
	programs = runLoad(b, load, requests)
	return programs, cpuTimeOf(b, command.Process.Pid) - before
}

const reportsHTTP = `
receivers:
  ebpf:
    probes:
      process: {enabled: false}
      syscall: {enabled: false}
      cpu: {enabled: false}
      block: {enabled: false}
      file: {enabled: false}
      tcp: {enabled: false}
      dns: {enabled: false}
      redis: {enabled: false}
      postgresql: {enabled: false}
exporters:
  nop: {}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [ebpf], exporters: [nop]}
    metrics: {receivers: [ebpf], exporters: [nop]}
`

// cpuTimeOf adds up what the scheduler has given to the threads of a process.
func cpuTimeOf(b *testing.B, pid int) (all time.Duration) {
	b.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	require.NoError(b, err)
	require.NotEmpty(b, threads)
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		require.NoError(b, err)
		running, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(running, 10, 64)
		require.NoError(b, err)
		all += time.Duration(n)
	}
	return all
}

// The loads: Go alone, where a request does next to nothing, and the clients of
// TestEveryHTTPRequestIsSeen.
const (
	loadOfGo       = "go"
	loadOfPrograms = "go-python-curl"
	loadVariable   = "TAPIO_TEST_HTTP_LOAD"
	loadCost       = "CPU of the load in nanoseconds: "
)

// runLoad has a process of its own send requests, and returns the CPU time that it and
// its clients took for them.
func runLoad(b *testing.B, load string, requests int) time.Duration {
	b.Helper()
	command := exec.Command(os.Args[0], "-test.run", "^TestLoadOfHTTP$", "-test.v")
	command.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", loadVariable, load, requests))
	output, err := command.Output()
	require.NoError(b, err, "%s", output)
	_, rest, found := strings.Cut(string(output), loadCost)
	require.True(b, found, "%s", output)
	text, _, _ := strings.Cut(rest, "\n")
	spent, err := strconv.ParseInt(text, 10, 64)
	require.NoError(b, err)
	return time.Duration(spent)
}

// TestLoadOfHTTP is the load, in the process that runLoad starts.
func TestLoadOfHTTP(t *testing.T) {
	text := os.Getenv(loadVariable)
	if text == "" {
		t.Skip("the benchmark starts it")
	}
	load, count, _ := strings.Cut(text, " ")
	requests, err := strconv.Atoi(count)
	require.NoError(t, err)
	body := make([]byte, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	defer server.Close()
	const clients = 8
	each := (requests + clients - 1) / clients
	before := cpuTime(t) + childrenTime(t)
	var wait sync.WaitGroup
	for c := range clients {
		wait.Go(func() {
			if load == loadOfGo {
				get(t, each, server.URL)
				return
			}
			ask(t, c, each, server.URL+"/")
		})
	}
	wait.Wait()
	fmt.Printf("%s%d\n", loadCost, cpuTime(t)+childrenTime(t)-before)
}

func get(t *testing.T, n int, url string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range n {
		response, err := client.Get(url)
		if !assert.NoError(t, err) {
			return
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

func runProbes(b *testing.B, adapt func(*Config)) {
	b.Helper()
	config := createDefaultConfig().(*Config)
	config.ErrorMode = ErrorModePropagate
	adapt(config)
	receiver, err := NewFactory().CreateTraces(context.Background(), receivertest.NewNopSettings(metadata.Type), config, consumertest.NewNop())
	require.NoError(b, err)
	require.NoError(b, receiver.Start(context.Background(), componenttest.NewNopHost()))
	b.Cleanup(func() { require.NoError(b, receiver.Shutdown(context.Background())) })
}

// cpuTime is that of this process, in the kernel and outside.
func cpuTime(b testing.TB) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// What a request over TLS costs between two Python programs, and what looking into
// libssl adds. The server ends with the inner run, or its time would not count.
func BenchmarkHTTPSRequest(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it puts programs into the kernel")
	}
	file := certificate(b)
	for _, name := range []string{"unseen", "seen"} {
		b.Run(name, func(b *testing.B) {
			if name == "seen" {
				runProbes(b, onlyTLS)
			}
			port := freePort(b)
			before := cpuTime(b) + childrenTime(b)
			server := serve(b, port, "python3", "-c", pythonServer, strconv.Itoa(port), file)
			output, err := exec.Command("python3", "-c", pythonClient, strconv.Itoa(port), strconv.Itoa(b.N), "/").CombinedOutput()
			require.NoError(b, err, "%s", output)
			require.NoError(b, server.Process.Kill())
			_ = server.Wait()
			b.ReportMetric(float64((cpuTime(b)+childrenTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

func childrenTime(b testing.TB) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
