//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Endpoint is an address in a network namespace.
type Endpoint struct {
	Netns uint32
	At    netip.AddrPort
}

// listeners are the processes that listen, by where they do.
type listeners struct {
	known *simplelru.LRU[Endpoint, Key]
}

// has reports whether a process listens somewhere.
func (l *listeners) has(key Key) bool { return slices.Contains(l.known.Values(), key) }

// Listens takes in that a process listens at an endpoint.
func (t *Table) Listens(at Endpoint, key Key) {
	t.listeners.known.Add(at, key)
	if p, ok := t.processes.Peek(key); ok {
		t.Lasts(p)
	}
}

// Listener returns the process that listens there, or did last, nil if none is known.
// An address of loopback is looked for in its namespace. Another may be that of any
// namespace of this host: who listens at all addresses is not found for it.
func (t *Table) Listener(at Endpoint) *Process {
	candidates := []Endpoint{at}
	if at.At.Addr().IsLoopback() {
		candidates = append(candidates, Endpoint{at.Netns, netip.AddrPortFrom(netip.IPv4Unspecified(), at.At.Port())},
			Endpoint{at.Netns, netip.AddrPortFrom(netip.IPv6Unspecified(), at.At.Port())})
	}
	for _, candidate := range candidates {
		if key, ok := t.listeners.known.Peek(candidate); ok {
			if p, ok := t.processes.Peek(key); ok {
				return p
			}
		}
	}
	return nil
}

// exporters are the processes that export to this collector, by where they export from.
type exporters struct {
	known *simplelru.LRU[netip.AddrPort, export]
}

// ExportsFrom takes in that a process exports to this collector from that address.
func (e *exporters) ExportsFrom(at netip.AddrPort, key Key, when time.Time) {
	e.known.Add(at, export{key, when})
}

// export is when a process exported.
type export struct {
	key  Key
	when time.Time
}

// reuse is how soon another process may have the port of one that exported.
const reuse = 5 * time.Second

// Exporter returns the process that exported from there about that time.
func (e *exporters) Exporter(at netip.AddrPort, when time.Time) (Key, bool) {
	of, ok := e.known.Peek(at)
	return of.key, ok && of.when.Sub(when).Abs() < reuse
}

const stateListen = 10

// scanListeners finds who listens now.
func (t *Table) scanListeners(pids []uint32) {
	at := map[uint64]Endpoint{}
	seen := map[uint32]bool{}
	for _, pid := range pids {
		netns := t.proc.netns(pid)
		if netns == 0 || seen[netns] {
			continue
		}
		seen[netns] = true
		for _, s := range t.proc.sockets(pid) {
			if s.state == stateListen {
				at[s.inode] = Endpoint{netns, s.local}
			}
		}
	}
	t.proc.holders(pids, func(pid uint32, inode uint64) {
		endpoint, listens := at[inode]
		if _, taken := t.listeners.known.Peek(endpoint); !listens || taken {
			return
		}
		if stat, err := t.proc.stat(pid); err == nil {
			t.Listens(endpoint, stat.key)
		}
	})
}

const stateEstablished = 1

// Sender returns the process that holds the other end of a connection to this one, by the
// address that the connection comes from. It returns none where the address is not that
// of exactly one connection on this host.
func (t *Table) Sender(from netip.AddrPort) (key Key, ok bool) { return t.proc.sender(from) }

// HasID reports whether that is the id of a process, on the host or in its container.
func (t *Table) HasID(key Key, id int64) bool { return t.proc.hasID(key, id) }
