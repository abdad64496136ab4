// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/dns"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

func onlyDNS(c *Config) {
	c.Probes = probe.Config{TCP: probe.DefaultTCPConfig(), DNS: dns.DefaultConfig()}
	c.Probes.TCP.Enabled = false
	c.Probes.DNS.Timeout = 300 * time.Millisecond
}

// nameServer answers on an address of loopback that no other test has: names
// below missing. do not exist, below broken. it fails, below silent. it does not answer.
func nameServer(t *testing.T) netip.AddrPort {
	pid := os.Getpid()
	return nameServerAt(t, netip.AddrFrom4([4]byte{127, byte(pid >> 16), byte(pid >> 8), byte(pid)}))
}

func nameServerAt(t *testing.T, address netip.Addr) netip.AddrPort {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it listens on port 53")
	}
	at := netip.AddrPortFrom(address, 53)
	packets, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	require.NoError(t, err)
	streams, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = packets.Close(), streams.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := packets.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			if reply := answer(buffer[:n]); reply != nil {
				_, _ = packets.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	go func() {
		for {
			conn, err := streams.Accept()
			if err != nil {
				return
			}
			go answerStream(conn)
		}
	}()
	return at
}

func answerStream(conn net.Conn) {
	defer conn.Close()
	var size [2]byte
	for {
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		reply := answer(question)
		_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	}
}

func answer(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil {
		return nil
	}
	m.Response, m.Additionals = true, nil
	name := m.Questions[0].Name
	switch {
	case strings.HasPrefix(name.String(), "silent."):
		return nil
	case strings.HasPrefix(name.String(), "missing."), strings.HasSuffix(name.String(), ".svc.test."):
		m.RCode = dnsmessage.RCodeNameError
	case strings.HasPrefix(name.String(), "broken."):
		m.RCode = dnsmessage.RCodeServerFailure
	case m.Questions[0].Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}},
		}}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

func lookup(at netip.AddrPort, network, name string) error {
	resolver := net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at.String())
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := resolver.LookupIP(ctx, "ip4", name)
	return err
}

func ofName(name string) func(plog.LogRecord) bool {
	return func(record plog.LogRecord) bool {
		got, _ := record.Attributes().Get("dns.question.name")
		return got.Str() == name
	}
}

func TestLookups(t *testing.T) {
	at := nameServer(t)
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) { lookupsAreReported(t, at, network) })
	}
}

// Of IPv6, loopback has one address only; a name server of this machine may be there.
func TestLookupsOverIPv6(t *testing.T) {
	if taken, err := net.Listen("tcp", "[::1]:53"); err != nil {
		t.Skipf("needs the port of name servers on ::1: %v", err)
	} else {
		require.NoError(t, taken.Close())
	}
	at := nameServerAt(t, netip.IPv6Loopback())
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) { lookupsAreReported(t, at, network) })
	}
}

func lookupsAreReported(t *testing.T, at netip.AddrPort, network string) {
	t.Helper()
	s := onThisKernel(t, onlyDNS)
	require.NoError(t, lookup(at, network, "there.tapio.example."))
	require.Error(t, lookup(at, network, "missing.tapio.example."))
	require.Error(t, lookup(at, network, "broken.tapio.example."))
	s.sum(t, "dns.lookup.duration", 0, "dns.question.name+tapio.dns.question.type", "there.tapio.example+A", 1)
	s.sum(t, "dns.lookup.duration", 0, "dns.question.name+error.type", "missing.tapio.example+NXDOMAIN", 1)
	got := s.event(t, "tapio.dns.lookup_failed", ofName("missing.tapio.example")).Attributes().AsRaw()
	assert.Equal(t, "NXDOMAIN", got["error.type"])
	assert.Equal(t, at.Addr().String(), got["network.peer.address"])
	assert.Equal(t, int64(os.Getpid()), got["process.pid"])
	got = s.event(t, "tapio.dns.lookup_failed", ofName("broken.tapio.example")).Attributes().AsRaw()
	assert.Equal(t, "SERVFAIL", got["error.type"])
}

// A name that is tried with the domains of a search path is one lookup, which fails if
// all of them do.
func TestASearchPathIsOneLookup(t *testing.T) {
	at := nameServer(t)
	s := onThisKernel(t, onlyDNS)
	for _, name := range []string{"there.tapio.one", "missing.tapio.two"} {
		require.Error(t, lookup(at, "udp", name+".shop.svc.test."))
		require.Error(t, lookup(at, "udp", name+".svc.test."))
		_ = lookup(at, "udp", name+".")
	}
	s.sum(t, "dns.lookup.duration", 0, "dns.question.name+tapio.dns.question.type", "there.tapio.one+A", 1)
	s.sum(t, "dns.lookup.duration", 0, "dns.question.name+error.type", "missing.tapio.two+NXDOMAIN", 1)
	got := s.event(t, "tapio.dns.lookup_failed", ofName("missing.tapio.two")).Attributes().AsRaw()
	assert.Equal(t, "NXDOMAIN", got["error.type"])
	s.eachEvent(func(_ map[string]any, record plog.LogRecord) {
		name, _ := record.Attributes().Get("dns.question.name")
		assert.False(t, strings.HasSuffix(name.Str(), ".svc.test") || name.Str() == "there.tapio.one", name.Str())
	})
}

// The C library's resolver asks for both kinds of address with one sendmmsg;
// others use a socket that is not connected.
func TestLookupsWithoutAConnection(t *testing.T) {
	at := nameServer(t)
	s := onThisKernel(t, onlyDNS)
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer socket.Close()
	ask := func(id uint16, name string, kind dnsmessage.Type) []byte {
		m := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
			Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
		}
		text, err := m.Pack()
		require.NoError(t, err)
		return text
	}
	_, err = socket.WriteToUDPAddrPort(ask(1, "Single.tapio.example.", dnsmessage.TypeA), at)
	require.NoError(t, err)
	_, err = ipv4.NewPacketConn(socket).WriteBatch([]ipv4.Message{
		{Buffers: [][]byte{ask(2, "double.tapio.example.", dnsmessage.TypeA)}, Addr: net.UDPAddrFromAddrPort(at)},
		{Buffers: [][]byte{ask(3, "double.tapio.example.", dnsmessage.TypeAAAA)}, Addr: net.UDPAddrFromAddrPort(at)},
	}, 0)
	require.NoError(t, err)
	for range 3 {
		_, _, err = socket.ReadFromUDPAddrPort(make([]byte, 1500))
		require.NoError(t, err)
	}
	s.sum(t, "dns.lookup.duration", 0, "dns.question.name+tapio.dns.question.type", "single.tapio.example+A", 1)
	s.sum(t, "dns.lookup.duration", 0, "dns.question.name+tapio.dns.question.type", "double.tapio.example+A", 1)
	s.sum(t, "dns.lookup.duration", 0, "dns.question.name+tapio.dns.question.type", "double.tapio.example+AAAA", 1)
}

func TestLookupWithoutAnAnswer(t *testing.T) {
	at := nameServer(t)
	s := onThisKernel(t, onlyDNS)
	socket, err := net.Dial("udp", at.String())
	require.NoError(t, err)
	defer socket.Close()
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("silent.x."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	text, err := m.Pack()
	require.NoError(t, err)
	_, err = socket.Write(text)
	require.NoError(t, err)
	got := s.event(t, "tapio.dns.lookup_failed", ofName("silent.x")).Attributes().AsRaw()
	assert.Equal(t, "timeout", got["error.type"])
	assert.Equal(t, int64(1), got["tapio.dns.attempts"])
	assert.InDelta(t, 0.3, got["tapio.dns.duration"], 1e-9, "the configured time, no measured one")
}
