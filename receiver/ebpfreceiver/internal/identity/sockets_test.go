//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhoListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	everywhere, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer everywhere.Close()
	table := NewTable("/proc")
	require.NoError(t, table.Scan())
	netns := table.proc.netns(uint32(os.Getpid()))
	at := func(netns uint32, l net.Listener) Endpoint {
		port := l.Addr().(*net.TCPAddr).AddrPort().Port()
		return Endpoint{netns, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)}
	}
	for _, l := range []net.Listener{listener, everywhere} {
		of := table.Listener(at(netns, l))
		require.NotNil(t, of)
		assert.Equal(t, uint32(os.Getpid()), of.Key.PID)
		assert.Nil(t, table.Listener(at(netns+1, l)), "of another namespace")
	}
}

func FuzzParseSocket(f *testing.F) {
	f.Add("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000000000000000 100 0 0 10 0")
	f.Fuzz(func(t *testing.T, line string) {
		s, ok := parseSocket(line)
		assert.True(t, !ok || s.local.Addr().IsValid())
	})
}

func TestASocketOfTheKernel(t *testing.T) {
	s, ok := parseSocket("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000000000000000 100 0 0 10 0")
	require.True(t, ok)
	assert.Equal(t, socket{local: netip.MustParseAddrPort("127.0.0.1:8080"), remote: netip.MustParseAddrPort("0.0.0.0:0"), state: stateListen, inode: 12345}, s)
	s, ok = parseSocket("   0: 00000000000000000000000001000000:1F90 0000000000000000FFFF00000100007F:0050 01 0:0 00:0 0 0 0 7 1")
	require.True(t, ok)
	assert.Equal(t, netip.MustParseAddrPort("[::1]:8080"), s.local)
	assert.Equal(t, netip.MustParseAddrPort("127.0.0.1:80"), s.remote)
}

func TestTheProcessBehindAConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	client := exec.Command("python3", "-c", "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read()",
		strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	hold, err := client.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, client.Start())
	conn, err := listener.Accept()
	require.NoError(t, err)
	defer conn.Close()
	from := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	table := NewTable("/proc")
	key, ok := table.Sender(from)
	require.True(t, ok)
	assert.Equal(t, uint32(client.Process.Pid), key.PID)
	assert.True(t, table.HasID(key, int64(client.Process.Pid)))
	assert.False(t, table.HasID(key, 1))
	_, ok = table.Sender(netip.MustParseAddrPort("192.0.2.1:4000"))
	assert.False(t, ok, "of another host")
	require.NoError(t, hold.Close())
	require.NoError(t, client.Wait())
	_, ok = table.Sender(from)
	assert.False(t, ok, "the connection is closed")
}
