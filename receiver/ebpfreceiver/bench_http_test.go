// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
)

// What a request costs with both ends on this host, and what the HTTP probe adds:
// the programs in the kernel and all that the receiver does, for the receiver
// runs in the process that is measured.
func BenchmarkHTTPRequest(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it puts programs into the kernel")
	}
	for _, seen := range []bool{false, true} {
		name := map[bool]string{false: "unseen", true: "seen"}[seen]
		b.Run(name, func(b *testing.B) {
			if seen {
				runProbes(b, onlyHTTP)
			}
			measureRequests(b)
		})
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

func measureRequests(b *testing.B) {
	b.Helper()
	body := make([]byte, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	defer server.Close()
	const clients = 8
	before := cpuTime(b)
	b.ResetTimer()
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for range b.N / clients {
				response, err := client.Get(server.URL)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		})
	}
	wait.Wait()
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// cpuTime is that of this process, in the kernel and outside.
func cpuTime(b *testing.B) time.Duration {
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

func childrenTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
