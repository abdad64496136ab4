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
				runHTTPProbe(b)
			}
			measureRequests(b)
		})
	}
}

func runHTTPProbe(b *testing.B) {
	b.Helper()
	config := createDefaultConfig().(*Config)
	config.ErrorMode = ErrorModePropagate
	onlyHTTP(config)
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
