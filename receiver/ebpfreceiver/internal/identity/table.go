//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"net/netip"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxProcesses bounds the table to some 10 MB; who is not in it is looked up
	// in /proc again.
	maxProcesses = 16384
	// maxPlaces bounds the cgroups that are remembered.
	maxPlaces = 4096
	// maxListeners bounds the endpoints at which processes listen.
	maxListeners = 8192
	// maxExporters bounds the connections over which processes export to this collector.
	maxExporters = 4096
	// maxInterned bounds the services in all places.
	maxInterned = 16384
	// maxAncestors is how far back a process is traced.
	maxAncestors = 8
)

// Table knows processes and places. It serves one goroutine.
type Table struct {
	*placeTable
	exporters

	proc      *procfs
	processes *simplelru.LRU[Key, *Process]
	// exported are the services that processes send telemetry of; once is the service
	// that a process exported one time, not for certain.
	exported   *simplelru.LRU[Key, Declared]
	once       *simplelru.LRU[Key, string]
	containers containers
	listeners  listeners
	links      links
	young      []young // in the order of their age
	shared     map[executableIn]*Place
	generation uint64
}

// NewTable reads processes from that folder, /proc but for tests.
func NewTable(proc string) *Table {
	return &Table{
		placeTable: newPlaceTable(proc), exporters: exporters{newLRU[netip.AddrPort, export](maxExporters)},
		proc: &procfs{root: proc}, processes: newLRU[Key, *Process](maxProcesses),
		exported: newLRU[Key, Declared](maxProcesses), once: newLRU[Key, string](maxExporters),
		containers: containers{proc, newLRU[string, containerNames](maxPlaces)},
		listeners:  listeners{newLRU[Endpoint, Key](maxListeners)}, links: links{newLRU[string, string](maxPlaces)},
	}
}

func newLRU[K comparable, V any](size int) *simplelru.LRU[K, V] {
	lru, err := simplelru.NewLRU[K, V](size, nil)
	if err != nil {
		panic(err) // a size above zero is never refused
	}
	return lru
}

// Put takes in a process, in place of what was known of it.
func (t *Table) Put(p *Process) {
	if before, ok := t.processes.Peek(p.Key); ok && before != p {
		t.generation++
	}
	t.processes.Add(p.Key, p)
	t.shared = nil
}

// Known returns the process if the table has it.
func (t *Table) Known(key Key) (*Process, bool) { return t.processes.Get(key) }

// Lookup returns the process, from /proc if need be. Of one that has gone before
// anybody asked it returns the key and the place alone.
//
// A key without a start, as kernels give that do not describe their types, stands
// for the process that has the id now.
func (t *Table) Lookup(key Key, cgroup uint64) *Process {
	if key.Start == 0 {
		if stat, err := t.proc.stat(key.PID); err == nil {
			key = stat.key
		}
	}
	if p, ok := t.processes.Get(key); ok {
		return p
	}
	p := t.read(key, cgroup)
	if p == nil {
		p = t.Unknown(key, Key{}, "", 0, cgroup)
	}
	t.Put(p)
	return p
}

// Unknown makes a process of what the kernel says of one that /proc does not have.
func (t *Table) Unknown(key, parent Key, name string, uid uint32, cgroup uint64) *Process {
	p := &Process{Key: key, Parent: parent, Text: key.String(), Name: name, program: name, UID: uid, where: t.Place(cgroup, 0)}
	if up, ok := t.processes.Peek(parent); ok && up.where == p.where {
		p.declared = up.declared
	}
	t.begin(p)
	t.assign(p)
	t.Put(p)
	return p
}

// Named gives a process without a name the one that the kernel has for it.
func (t *Table) Named(of *Process, name string) *Process {
	named := *of
	named.Name, named.program = name, name
	t.assign(&named)
	t.Put(&named)
	return &named
}

// Ancestors returns the parents of a process, the nearest first, as far as they
// are known or still there.
func (t *Table) Ancestors(p *Process) []*Process {
	var line []*Process
	for len(line) < maxAncestors && p.Parent.PID != 0 {
		parent, ok := t.processes.Get(p.Parent)
		if !ok {
			if parent = t.read(p.Parent, 0); parent == nil {
				break
			}
			t.Put(parent)
		}
		line = append(line, parent)
		p = parent
	}
	return line
}

// Move takes in that a process is in that cgroup from now on. One that is not
// known will be asked itself.
func (t *Table) Move(key Key, cgroup uint64) {
	of, known := t.processes.Get(key)
	place := t.Place(cgroup, key.PID)
	if !known || of.where == place {
		return
	}
	moved := *of
	moved.where = place
	t.assign(&moved)
	t.Put(&moved)
}

// Scan takes in all processes that there are now.
func (t *Table) Scan() error {
	entries, err := os.ReadDir(t.proc.root)
	if err != nil {
		return fmt.Errorf("list the processes: %w", err)
	}
	t.proc.denied = 0
	var pids []uint32
	for _, entry := range entries {
		pid, err := strconv.ParseUint(entry.Name(), 10, 32)
		if err != nil {
			continue
		}
		pids = append(pids, uint32(pid))
		if stat, err := t.proc.stat(uint32(pid)); err == nil {
			if p := t.read(stat.key, 0); p != nil {
				t.Put(p)
			}
		}
	}
	t.scanListeners(pids)
	return nil
}

// read returns nil if the process is not there any more.
func (t *Table) read(key Key, cgroup uint64) *Process {
	stat, err := t.proc.stat(key.PID)
	if err != nil || stat.key != key {
		return nil
	}
	exe := t.proc.link(key, "exe") // "" of a kernel thread, or of one that is not ours to see
	parent := Key{}
	if up, err := t.proc.stat(stat.parent); err == nil {
		parent = up.key
	}
	p := &Process{
		Key: key, Parent: parent, Text: key.String(), Name: stat.comm, Path: exe, UID: owner(t.proc.file(key.PID, "")), where: t.Place(cgroup, key.PID),
	}
	args := t.proc.commandLine(key.PID)
	if exe != "" {
		p.Name, p.Path = t.executable(&Start{Key: key, Exe: nameOf(exe), File: exe, Args: args})
	}
	var permitted bool
	if p.declared, permitted = t.proc.environment(key.PID); !permitted {
		if up, ok := t.processes.Peek(parent); ok {
			p.declared = up.declared // which it has from there, unless it runs another program
		}
	}
	t.begin(p)
	t.finish(p, args)
	return p
}

// nameOf keeps the name of what is in memory, which may have slashes in it.
func nameOf(exe string) string {
	if name, ok := strings.CutPrefix(exe, "/memfd:"); ok {
		return "memfd:" + name
	}
	return path.Base(exe)
}
