//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnInstanceStaysOrServes(t *testing.T) {
	table := NewTable("/proc")
	declared := Declared{Name: "cart"}
	command := exec.Command("sleep", "60")
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	stat, err := table.proc.stat(uint32(command.Process.Pid))
	require.NoError(t, err)

	stays := table.Executed(&Start{Key: stat.key, Exe: "sleep", File: "/bin/sleep", Declared: declared})
	soon := uint64(ageOf(Key{})/tick) + 1
	gone := table.Executed(&Start{Key: Key{PID: 1 << 30, Start: soon}, Exe: "true", File: "/bin/true", Declared: declared})
	serves := table.Executed(&Start{Key: Key{PID: 1<<30 + 1, Start: soon}, Exe: "httpd", File: "/bin/httpd", Declared: declared})
	for _, p := range []*Process{stays, gone, serves} {
		assert.Empty(t, p.Instance(), p.Name)
		assert.Empty(t, p.Place.Instance, p.Name)
		assert.Equal(t, "cart", p.Place.Service)
	}
	assert.True(t, table.EndedCommand(gone))
	assert.True(t, table.EndedCommand(serves), "not known to serve yet")
	assert.False(t, table.EndedCommand(stays), "it runs")
	serves = table.Lasts(serves)
	assert.False(t, table.EndedCommand(serves))
	assert.Equal(t, serves.Key.String(), serves.Place.Instance, "at once")
	worker := table.Executed(&Start{Key: Key{PID: 1<<30 + 2, Start: soon}, Parent: serves.Key, Exe: "httpd", File: "/bin/httpd", Declared: declared})
	assert.Equal(t, serves.Key.String(), worker.Place.Instance, "a child is of the instance of its parent")

	table.Settle(time.Now())
	known, _ := table.Known(stays.Key)
	assert.Empty(t, known.Place.Instance, "not yet")
	table.Settle(time.Now().Add(stay))
	known, _ = table.Known(stays.Key)
	assert.Equal(t, stays.Key.String(), known.Place.Instance)
	known, _ = table.Known(gone.Key)
	assert.Empty(t, known.Instance(), "it ended before")
	assert.Empty(t, table.young)
	again := table.Executed(&Start{Key: stays.Key, Exe: "sleep", File: "/bin/sleep", Declared: declared})
	assert.Equal(t, stays.Key.String(), again.Place.Instance, "a process that runs another program stays the same")
}

// A resource that neither an SDK nor a process id vouches for names a server from the
// second export on, and a script that sends what it makes up never.
func TestOnlyServersAreNamedByUnverifiedValues(t *testing.T) {
	table := NewTable("/proc")
	start := func(pid uint32, name string) *Process {
		return table.Executed(&Start{Key: Key{PID: 1<<30 + pid, Start: 1}, Exe: name, File: "/bin/" + name})
	}
	server, fake := start(1, "server"), start(2, "script")
	table.Listens(Endpoint{1, netip.MustParseAddrPort("127.0.0.1:80")}, server.Key)
	service := func(p *Process) string {
		known, _ := table.Known(p.Key)
		return known.Place.Service
	}
	for range 2 {
		assert.Equal(t, "server", service(server))
		table.Exports(server.Key, Declared{Name: "cart"}, false)
		table.Exports(fake.Key, Declared{Name: "cart"}, false)
	}
	assert.Equal(t, "cart", service(server))
	assert.Equal(t, "script", service(fake))
	table.Exports(fake.Key, Declared{Name: "cart"}, true)
	assert.Equal(t, "cart", service(fake))
}
