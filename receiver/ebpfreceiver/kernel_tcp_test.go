// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/dns"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

func onlyTCP(c *Config) {
	c.Probes = probe.Config{TCP: probe.DefaultTCPConfig(), DNS: dns.DefaultConfig()}
	c.Probes.DNS.Enabled = false
}

func withPeer(port int, more ...string) func(plog.LogRecord) bool {
	return func(record plog.LogRecord) bool {
		peer, _ := record.Attributes().Get("network.peer.port")
		if peer.Int() != int64(port) {
			return false
		}
		for i := 0; i < len(more); i += 2 {
			if got, _ := record.Attributes().Get(more[i]); got.Str() != more[i+1] {
				return false
			}
		}
		return true
	}
}

// pair is a connection over loopback, both ends of it.
func pair(t *testing.T, listenOn string) (client, server *net.TCPConn, port int) {
	t.Helper()
	listener, err := net.Listen("tcp", listenOn)
	require.NoError(t, err)
	defer listener.Close()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = dialed.Close() })
	accepted, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn), listener.Addr().(*net.TCPAddr).Port
}

// overBoth runs a test over IPv4 and over IPv6, on loopback.
func overBoth(t *testing.T, test func(t *testing.T, host, network string)) {
	t.Helper()
	for network, host := range map[string]string{"ipv4": "127.0.0.1", "ipv6": "::1"} {
		t.Run(network, func(t *testing.T) {
			listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
			if err != nil {
				t.Skipf("this machine has no %s on loopback: %v", network, err)
			}
			require.NoError(t, listener.Close())
			test(t, host, network)
		})
	}
}

func TestFailedConnects(t *testing.T) {
	overBoth(t, func(t *testing.T, host, network string) {
		s := onThisKernel(t, onlyTCP)
		listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		require.NoError(t, err)
		port := listener.Addr().(*net.TCPAddr).Port
		require.NoError(t, listener.Close())
		_, err = net.Dial("tcp", listener.Addr().String())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		got := s.event(t, "tapio.tcp.connect_failed", withPeer(port)).Attributes().AsRaw()
		assert.Equal(t, "ECONNREFUSED", got["error.type"])
		assert.Equal(t, host, got["network.peer.address"])
		assert.Equal(t, network, got["network.type"])
		assert.Equal(t, "client", got["tapio.connection.role"])
		assert.Equal(t, int64(os.Getpid()), got["process.pid"])
		assert.NotEmpty(t, got["tapio.process.ancestor_keys"])
		assert.Positive(t, got["network.local.port"], "from where, though the port is given back by now")
		s.sum(t, "tapio.tcp.connect_failures", port, "error.type", "ECONNREFUSED", 1)
	})
}

func TestTrafficByPeer(t *testing.T) {
	overBoth(t, func(t *testing.T, host, _ string) {
		s := onThisKernel(t, onlyTCP)
		client, server, port := pair(t, net.JoinHostPort(host, "0"))
		const size = 1 << 20
		exchange(t, client, server, size)
		for values, want := range map[string]int64{
			"client+transmit": size, "client+receive": 6, "server+receive": size, "server+transmit": 6,
		} {
			s.sum(t, "tapio.tcp.io", port, "network.peer.address+tapio.connection.role+network.io.direction", host+"+"+values, want)
		}
		s.sum(t, "tapio.tcp.connects", port, "network.peer.address+tapio.connection.role", host+"+client", 1)
		s.sum(t, "tapio.tcp.accepts", port, "network.peer.address+tapio.connection.role", host+"+server", 1)
		assert.Positive(t, s.points(port, "tapio.tcp.rtt", "tapio.connection.role", "client"))
	})
}

func exchange(t *testing.T, client, server net.Conn, size int) {
	t.Helper()
	go func() { _, _ = client.Write(make([]byte, size)) }()
	_, err := io.ReadFull(server, make([]byte, size))
	require.NoError(t, err)
	_, err = server.Write([]byte("thanks"))
	require.NoError(t, err)
	_, err = io.ReadFull(client, make([]byte, 6))
	require.NoError(t, err)
}

func TestASpanOfEachConnection(t *testing.T) {
	overBoth(t, func(t *testing.T, host, network string) {
		s := onThisKernel(t, func(c *Config) {
			onlyTCP(c)
			c.Probes.TCP.ConnectionSpans = true
		})
		client, server, port := pair(t, net.JoinHostPort(host, "0"))
		from := client.LocalAddr().(*net.TCPAddr).Port
		exchange(t, client, server, 1000)
		require.NoError(t, client.Close())
		require.NoError(t, server.Close())
		got := s.connection(t, ptrace.SpanKindClient, from, port)
		assert.Equal(t, int64(1000), got["tapio.tcp.sent"])
		assert.Equal(t, int64(6), got["tapio.tcp.received"])
		assert.Equal(t, host, got["network.peer.address"])
		assert.Equal(t, network, got["network.type"])
		got = s.connection(t, ptrace.SpanKindServer, port, from)
		assert.Equal(t, int64(6), got["tapio.tcp.sent"])
		assert.Equal(t, int64(1000), got["tapio.tcp.received"])
	})
}

// connection waits for the span of one end; other programs of this host have
// connections too.
func (s *seen) connection(t *testing.T, kind ptrace.SpanKind, local, peer int) (found map[string]any) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, span := range s.spans(kind, "") {
			got := span.Attributes().AsRaw()
			if got["network.local.port"] == int64(local) && got["network.peer.port"] == int64(peer) {
				found = got
				return span.StartTimestamp() < span.EndTimestamp()
			}
		}
		return false
	}, 10*time.Second, 20*time.Millisecond, "no span from port %d to %d", local, peer)
	return found
}

func TestResets(t *testing.T) {
	overBoth(t, func(t *testing.T, host, network string) {
		s := onThisKernel(t, onlyTCP)
		client, server, port := pair(t, net.JoinHostPort(host, "0"))
		for _, end := range []*net.TCPConn{client, server} { // a connection is whose who used it
			_, err := end.Write([]byte("x"))
			require.NoError(t, err)
		}
		require.NoError(t, client.SetLinger(0))
		require.NoError(t, client.Close())
		reset := s.event(t, "tapio.tcp.reset", withPeer(port, "network.io.direction", "transmit"))
		assert.Equal(t, "connection with "+net.JoinHostPort(host, strconv.Itoa(port))+" was reset by this end", reset.Body().Str())
		sent := reset.Attributes().AsRaw()
		received := s.event(t, "tapio.tcp.reset", withPeer(client.LocalAddr().(*net.TCPAddr).Port, "network.io.direction", "receive")).Attributes().AsRaw()
		assert.Equal(t, "client", sent["tapio.connection.role"])
		assert.Equal(t, "server", received["tapio.connection.role"])
		for _, end := range []map[string]any{sent, received} {
			assert.Equal(t, host, end["network.peer.address"])
			assert.Equal(t, host, end["network.local.address"])
			assert.Equal(t, network, end["network.type"])
		}
		s.sum(t, "tapio.tcp.resets", port, "network.peer.address+network.io.direction", host+"+transmit", 1)
	})
}

// The receiving socket drops everything, so nothing is acknowledged.
func TestRetransmitBurst(t *testing.T) {
	overBoth(t, func(t *testing.T, host, network string) {
		s := onThisKernel(t, func(c *Config) {
			onlyTCP(c)
			c.Probes.TCP.RetransmitBurst = 2
		})
		client, server, port := pair(t, net.JoinHostPort(host, "0"))
		raw, err := server.SyscallConn()
		require.NoError(t, err)
		dropAll := unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}}
		require.NoError(t, raw.Control(func(fd uintptr) {
			require.NoError(t, unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &dropAll))
		}))
		_, err = client.Write([]byte("into the void"))
		require.NoError(t, err)
		burst := s.event(t, "tapio.tcp.retransmit_burst", withPeer(port, "tapio.connection.role", "client")).Attributes().AsRaw()
		assert.Equal(t, host, burst["network.peer.address"])
		assert.Equal(t, network, burst["network.type"])
		assert.GreaterOrEqual(t, burst["tapio.tcp.retransmits"], int64(2))
	})
}

// sum waits for the newest points of that server's port, with those values of
// those labels, to add up so.
func (s *seen) sum(t *testing.T, name string, port int, labels, values string, want int64) {
	t.Helper()
	assert.Eventually(t, func() bool { return s.points(port, name, labels, values) == want },
		10*time.Second, 50*time.Millisecond, "%s{%s=%s} is not %d but %d", name, labels, values, want, s.points(port, name, labels, values))
}

// points adds up the newest points; of a histogram, its counts.
func (s *seen) points(port int, name, labels, values string) (sum int64) {
	all := s.metrics.AllMetrics()
	for i := len(all) - 1; i >= 0 && sum == 0; i-- {
		eachMetric(all[i], func(m pmetric.Metric) {
			if m.Name() != name {
				return
			}
			if m.Type() == pmetric.MetricTypeHistogram {
				for _, point := range m.Histogram().DataPoints().All() {
					if matches(point.Attributes().AsRaw(), port, labels, values) {
						sum += int64(point.Count())
					}
				}
				return
			}
			for _, point := range m.Sum().DataPoints().All() {
				if matches(point.Attributes().AsRaw(), port, labels, values) {
					sum += point.IntValue()
				}
			}
		})
	}
	return sum
}

func matches(attributes map[string]any, port int, labels, values string) bool {
	if port != 0 && attributes["server.port"] != int64(port) {
		return false
	}
	wanted := strings.Split(values, "+")
	for i, label := range strings.Split(labels, "+") {
		if attributes[label] != wanted[i] {
			return false
		}
	}
	return true
}
