//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// programKey is bpf/program.h's struct program: what the kernel counts by.
type programKey struct {
	Inode  uint64
	Name   uint64
	Cgroup uint64
	Device uint32
	_      uint32
}

// programInfo is bpf/program.h's struct of that name.
type programInfo struct {
	Cgroup uint64
	PID    uint32
	_      uint32
	Name   [64]byte
}

// program is an executable in a place: whose counts belong together.
type program struct {
	place *identity.Place
	name  string
}

// otherName is the executable name of the programs that have no series of their own.
const otherName = "other"

func (k *programKey) program(of *programInfo, table *identity.Table) program {
	name := k.name(of)
	return program{place: table.Shared(table.Place(of.Cgroup, of.PID), name), name: name}
}

func (k *programKey) name(of *programInfo) string {
	name := kernel.Text(of.Name[:])
	if k.Inode == 0 { // a kernel thread: kworker/0:1 and its like are one program
		name, _, _ = strings.Cut(name, "/")
	}
	return name
}

// startPending reports whether the event of the program's start may still be in the ring
// buffer. The counts of such a program are reported by the next collection. Reported now,
// they would go to a series without its service, and later counts to one with it. Most
// of what a short process takes is counted while it exits, without an inode, so that
// kernel threads cannot be distinguished from it and wait as well.
func (k *programKey) startPending(of *programInfo, out *emit.Batch) bool {
	return !out.Final && !out.Table.Runs(out.Table.Place(of.Cgroup, of.PID), k.name(of))
}

func (p *program) put(to pcommon.Map) {
	emit.PutText(to, semconv.ProcessExecutableName, p.name)
}

// others is what all programs without a series of their own are counted by.
func others(table *identity.Table) program { return program{place: table.Host(), name: otherName} }
