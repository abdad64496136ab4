// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// What nginx keeps of its throughput at full speed, with a file of 100 bytes, beside the
// shipped configuration: of the requests a second, and of what the CPUs do for one
// request, which other programs on the machine disturb less. Each round measures
// without, with, and without again, each time after a while of the same load: what the
// collector does once after its start (reading what runs, symbols) is not a cost of requests.
func BenchmarkNginx(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it puts programs into the kernel")
	}
	for _, program := range []string{"nginx", "wrk", "unshare"} {
		if _, err := exec.LookPath(program); err != nil {
			b.Skipf("needs %s", program)
		}
	}
	for _, of := range []struct {
		name  string
		start func(b *testing.B) (pid int, stop func())
	}{
		{"empty-programs", startEmpty},
		{"http-off", func(b *testing.B) (int, func()) {
			return startShipped(b, "--set", "receivers::ebpf::probes::http::enabled=false")
		}},
		{"all-on", func(b *testing.B) (int, func()) { return startShipped(b) }},
	} {
		b.Run(of.name, func(b *testing.B) {
			server := startNginx(b)
			var throughput, cpu, collector []float64
			for range b.N {
				before := server.measure(b, 0)
				pid, stop := of.start(b)
				with := server.measure(b, pid)
				stop()
				after := server.measure(b, 0)
				throughput = append(throughput, 2*with.perSecond/(before.perSecond+after.perSecond))
				cpu = append(cpu, (before.cpu+after.cpu)/2/(with.cpu+with.collector))
				collector = append(collector, with.collector)
			}
			b.ReportMetric(median(throughput), "throughput-ratio")
			b.ReportMetric(median(cpu), "cpu-ratio")
			b.ReportMetric(median(collector), "collector-us/request")
			b.ReportMetric(0, "ns/op")
		})
	}
}

type nginxServer struct {
	url string
	pid int
}

type nginxFigures struct{ perSecond, cpu, collector float64 }

func startNginx(b *testing.B) *nginxServer {
	b.Helper()
	folder := b.TempDir()
	require.NoError(b, os.Chmod(folder, 0o755))
	require.NoError(b, os.WriteFile(filepath.Join(folder, "file"), []byte(strings.Repeat("x", 100)), 0o644))
	port := freePort(b)
	config := filepath.Join(folder, "nginx.conf")
	require.NoError(b, os.WriteFile(config, fmt.Appendf(nil, `daemon off; worker_processes 2; user root; pid %[1]s/pid; error_log %[1]s/log;
events { worker_connections 1024; }
http { access_log off; sendfile on; keepalive_requests 100000000; server { listen 127.0.0.1:%[2]d; root %[1]s; } }
`, folder, port), 0o600))
	command := exec.Command("nginx", "-c", config)
	require.NoError(b, command.Start())
	b.Cleanup(func() { _ = command.Process.Signal(syscall.SIGTERM); _ = command.Wait() })
	server := &nginxServer{url: fmt.Sprintf("http://127.0.0.1:%d/file", port), pid: command.Process.Pid}
	require.Eventually(b, func() bool { return len(server.workers()) == 2 }, 10*time.Second, 20*time.Millisecond)
	return server
}

func (s *nginxServer) workers() []string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.pid, s.pid))
	return strings.Fields(string(text))
}

var requestsIn = regexp.MustCompile(`(\d+) requests in`)

// measure runs the load for a while, and then for as long again measures it; the figures
// of the CPUs are in microseconds a request.
func (s *nginxServer) measure(b *testing.B, collector int) (f nginxFigures) {
	b.Helper()
	const seconds = 4
	require.NoError(b, s.load(seconds).Run())
	serving := func() (all time.Duration) {
		for _, worker := range s.workers() {
			pid, err := strconv.Atoi(worker)
			require.NoError(b, err)
			all += cpuTimeOf(b, pid)
		}
		return all
	}
	own := func() time.Duration {
		if collector == 0 {
			return 0
		}
		return cpuTimeOf(b, collector)
	}
	served, looked := serving(), own()
	load := s.load(seconds)
	output, err := load.Output()
	require.NoError(b, err)
	found := requestsIn.FindSubmatch(output)
	require.NotNil(b, found, "%s", output)
	n, err := strconv.ParseFloat(string(found[1]), 64)
	require.NoError(b, err)
	require.NotContains(b, string(output), "Non-2xx")
	f.perSecond = n / seconds
	asking := load.ProcessState.UserTime() + load.ProcessState.SystemTime()
	f.cpu = float64((serving() - served + asking).Microseconds()) / n
	f.collector = float64((own() - looked).Microseconds()) / n
	return f
}

// load is the program that asks for so long.
func (s *nginxServer) load(seconds int) *exec.Cmd {
	return exec.Command("wrk", "-t2", "-c32", fmt.Sprintf("-d%ds", seconds), s.url)
}

func startEmpty(b *testing.B) (pid int, stop func()) {
	b.Helper()
	set := receivertest.NewNopSettings(metadata.Type)
	config := createDefaultConfig().(*Config)
	to, err := newSink(set, config)
	require.NoError(b, err)
	w, gaps, err := newWatch(config, []probe.Probe{probe.NewEmpty()}, set, to)
	require.NoError(b, err)
	for _, gap := range gaps {
		require.NotEqual(b, "test", gap.Probe, "%v", gap)
	}
	return 0, func() { require.NoError(b, w.close()) }
}

// startShipped runs the built collector with the shipped configuration, in a network of
// its own as its ports may be taken.
func startShipped(b *testing.B, more ...string) (pid int, stop func()) {
	b.Helper()
	pid, _, stop = startLogged(b, more...)
	return pid, stop
}

// startLogged also returns the file of its log. Where tracefs is not mounted it is for this process.
func startLogged(b *testing.B, more ...string) (pid int, log string, stop func()) {
	b.Helper()
	log = filepath.Join(b.TempDir(), "log")
	to, err := os.Create(log)
	require.NoError(b, err)
	const prepared = `ip link set lo up; test -e /sys/kernel/tracing/events/sched || mount -t tracefs nodev /sys/kernel/tracing; exec "$0" "$@"`
	args := []string{"-n", "--mount", "--propagation", "private", "sh", "-c", prepared, "../../bin/tapio", "--config", "../../distribution/config/tapio.yaml"}
	command := exec.Command("unshare", append(args, more...)...)
	command.Stderr = to
	require.NoError(b, command.Start())
	require.Eventually(b, func() bool {
		text, _ := os.ReadFile(log)
		return strings.Contains(string(text), "Everything is ready")
	}, 2*time.Minute, 50*time.Millisecond, "make bin/tapio builds it")
	return command.Process.Pid, log, func() {
		require.NoError(b, command.Process.Signal(syscall.SIGTERM))
		require.NoError(b, command.Wait())
	}
}
