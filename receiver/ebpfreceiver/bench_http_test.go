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

// What a request costs with both ends on this host, and what the HTTP probe adds: to the
// programs themselves, by what runs in the kernel, and by the receiver in its own process.
func BenchmarkHTTPRequest(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it puts programs into the kernel")
	}
	for _, load := range []string{loadOfGo, loadOfPrograms} {
		for _, look := range []string{"unseen", "seen"} {
			b.Run(load+"/"+look, func(b *testing.B) {
				if look == "seen" {
					runProbes(b, onlyHTTP)
				}
				before := cpuTime(b)
				inPrograms := runLoad(b, load, b.N)
				inReceiver := cpuTime(b) - before
				b.ReportMetric(float64(inPrograms.Nanoseconds())/float64(b.N), "programs-cpu-ns/op")
				b.ReportMetric(float64(inReceiver.Nanoseconds())/float64(b.N), "receiver-cpu-ns/op")
				b.ReportMetric(float64((inPrograms+inReceiver).Nanoseconds())/float64(b.N), "cpu-ns/op")
			})
		}
	}
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
