//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxProcesses bounds the table to some 10 MB; who is not in it is looked up
	// in /proc again.
	maxProcesses = 16384
	// maxPlaces bounds the cgroups that are remembered.
	maxPlaces = 4096
	// maxAncestors is how far back a process is traced.
	maxAncestors = 8
)

// Table knows processes and places. It serves one goroutine.
type Table struct {
	proc      string
	processes *simplelru.LRU[Key, *Process]
	places    *simplelru.LRU[uint64, *Place]
	// interned holds each place once, so that its address stands for it.
	interned *simplelru.LRU[Place, *Place]
	host     *Place
}

// NewTable reads processes from that folder, /proc but for tests.
func NewTable(proc string) *Table {
	processes, err := simplelru.NewLRU[Key, *Process](maxProcesses, nil)
	if err != nil {
		panic(err) // a size above zero is never refused
	}
	places, err := simplelru.NewLRU[uint64, *Place](maxPlaces, nil)
	if err != nil {
		panic(err)
	}
	interned, err := simplelru.NewLRU[Place, *Place](maxPlaces, nil)
	if err != nil {
		panic(err)
	}
	return &Table{proc: proc, processes: processes, places: places, interned: interned, host: &Place{}}
}

// Host is the place of what belongs to no process.
func (t *Table) Host() *Place { return t.host }

// Put takes in a process, in place of what was known of it.
func (t *Table) Put(p *Process) { t.processes.Add(p.Key, p) }

// Known returns the process if the table has it.
func (t *Table) Known(key Key) (*Process, bool) { return t.processes.Get(key) }

// Lookup returns the process, from /proc if need be. Of one that has gone before
// anybody asked it returns the key and the place alone.
//
// A key without a start, as kernels give that do not describe their types, stands
// for the process that has the id now.
func (t *Table) Lookup(key Key, cgroup uint64) *Process {
	if key.Start == 0 {
		if stat, err := t.stat(key.PID); err == nil {
			key = stat.key
		}
	}
	if p, ok := t.processes.Get(key); ok {
		return p
	}
	p := t.read(key, cgroup)
	if p == nil {
		p = NewProcess(key, Key{}, "", "", 0, t.Place(cgroup, 0))
	}
	t.Put(p)
	return p
}

// Executed returns what a program is that a process has begun to run under that name. Of
// one that runs itself anew, as runc and busybox do, the name says nothing; it is what it
// was before, or what its parent is.
func (t *Table) Executed(key, parent Key, file string) string {
	if file != "/proc/self/exe" {
		return file
	}
	for _, who := range []Key{key, parent} {
		if before, ok := t.processes.Get(who); ok && before.Path != "" {
			return before.Path
		}
	}
	return file
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
	if !known || of.Place == place {
		return
	}
	moved := *of
	moved.Place = place
	t.Put(&moved)
}

// Place returns the place with that cgroup id. The process, unless 0, is one
// that was there, and is asked if the place is new; if it has gone, or on to
// another place, the file system of cgroups is searched.
func (t *Table) Place(cgroup uint64, pid uint32) *Place {
	if place, ok := t.places.Get(cgroup); ok {
		return place
	}
	cgroups, err := os.ReadFile(filepath.Join(t.proc, strconv.FormatUint(uint64(pid), 10), "cgroup"))
	asked := pid != 0 && err == nil
	if cgroup == 0 {
		if !asked {
			return t.host
		}
		return t.Intern(PlaceOf(string(cgroups)))
	}
	place := t.Intern(t.newPlace(cgroup, string(cgroups), asked))
	t.places.Add(cgroup, place)
	return place
}

// newPlace believes /proc where the file system of cgroups does not know better,
// as in a container that sees its own part of it only.
func (t *Table) newPlace(cgroup uint64, cgroups string, asked bool) Place {
	mount, mounted := mountOf(t.proc, cgroup)
	if asked && (!mounted || isIn(mount, cgroups, cgroup)) {
		return PlaceOf(cgroups)
	}
	if mounted {
		if path := pathOfCgroup(mount, cgroup); path != "" || !asked {
			return PlaceOfPath(path)
		}
	}
	return PlaceOf(cgroups)
}

// Intern returns the one copy of a place, so that its address stands for it.
func (t *Table) Intern(place Place) *Place {
	if known, ok := t.interned.Get(place); ok {
		return known
	}
	t.interned.Add(place, &place)
	return &place
}

// Scan takes in all processes that there are now.
func (t *Table) Scan() error {
	entries, err := os.ReadDir(t.proc)
	if err != nil {
		return fmt.Errorf("list the processes: %w", err)
	}
	for _, entry := range entries {
		pid, err := strconv.ParseUint(entry.Name(), 10, 32)
		if err != nil {
			continue
		}
		if stat, err := t.stat(uint32(pid)); err == nil {
			if p := t.read(stat.key, 0); p != nil {
				t.Put(p)
			}
		}
	}
	return nil
}

// read returns nil if the process is not there any more.
func (t *Table) read(key Key, cgroup uint64) *Process {
	stat, err := t.stat(key.PID)
	if err != nil || stat.key != key {
		return nil
	}
	folder := filepath.Join(t.proc, strconv.FormatUint(uint64(key.PID), 10))
	exe, err := os.Readlink(filepath.Join(folder, "exe"))
	if err != nil {
		exe = "" // a kernel thread, or not ours to see
	}
	parent := Key{}
	if up, err := t.stat(stat.parent); err == nil {
		parent = up.key
	}
	exe = strings.TrimSuffix(exe, " (deleted)")
	return NewProcess(key, parent, stat.comm, exe, owner(folder), t.Place(cgroup, key.PID))
}

func owner(folder string) uint32 {
	info, err := os.Stat(folder)
	if err != nil {
		return 0
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return stat.Uid
}

type procStat struct {
	key    Key
	parent uint32
	comm   string
}

func (t *Table) stat(pid uint32) (procStat, error) {
	text, err := os.ReadFile(filepath.Join(t.proc, strconv.FormatUint(uint64(pid), 10), "stat"))
	if err != nil {
		return procStat{}, err
	}
	return parseStat(pid, text)
}

// parseStat minds that a program may call itself ") R 1 (".
func parseStat(pid uint32, text []byte) (procStat, error) {
	from, to := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return procStat{}, fmt.Errorf("/proc/%d/stat has no name in brackets", pid)
	}
	fields := bytes.Fields(text[to+1:])
	if len(fields) < 20 {
		return procStat{}, fmt.Errorf("/proc/%d/stat has %d fields after the name, not 20", pid, len(fields))
	}
	parent, err := strconv.ParseUint(string(fields[1]), 10, 32)
	if err != nil {
		return procStat{}, fmt.Errorf("/proc/%d/stat: parent: %w", pid, err)
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return procStat{}, fmt.Errorf("/proc/%d/stat: start: %w", pid, err)
	}
	return procStat{key: Key{PID: pid, Start: start}, parent: uint32(parent), comm: string(text[from+1 : to])}, nil
}
