//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Commands that a program runs inherit its environment, and with it the name of its
// service: what ends after moments is no instance of the service. An instance is a
// process that stays, or that serves.

// stay is how long a process must have run.
const stay = 5 * time.Second

// maxYoung bounds the processes that are looked at when they have stayed.
const maxYoung = maxProcesses

// young is a process that may end soon.
type young struct {
	key   Key
	since time.Time
}

// begin notes a process that is new to the table.
func (t *Table) begin(p *Process) {
	if before, ok := t.processes.Peek(p.Key); ok && before.lasting || ageOf(p.Key) >= stay {
		p.lasting = true
		return
	}
	if len(t.young) < maxYoung {
		t.young = append(t.young, young{p.Key, time.Now()})
	}
}

// ageOf is how long the process has run, if it runs still.
func ageOf(key Key) time.Duration {
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return 0
	}
	return time.Duration(boot.Nano() - int64(key.Start)*tick)
}

// Settle finds the processes that have stayed until now.
func (t *Table) Settle(now time.Time) {
	due := 0
	for ; due < len(t.young) && now.Sub(t.young[due].since) >= stay; due++ {
		key := t.young[due].key
		p, known := t.processes.Peek(key)
		if !known || p.lasting {
			continue
		}
		if stat, err := t.proc.stat(key.PID); err == nil && stat.key == key {
			t.Lasts(p)
		}
	}
	t.young = append(t.young[:0], t.young[due:]...)
}

// Lasts takes in that a process is an instance, as it stays or serves, and returns what
// is known of it from here on.
func (t *Table) Lasts(p *Process) *Process {
	if known, ok := t.processes.Peek(p.Key); ok {
		p = known
	}
	if p.lasting {
		return p
	}
	lasting := *p
	lasting.lasting = true
	t.assign(&lasting)
	t.Put(&lasting)
	return &lasting
}

// EndedCommand reports whether the process has ended, and neither stayed nor served.
func (t *Table) EndedCommand(p *Process) bool {
	if known, ok := t.processes.Peek(p.Key); ok {
		p = known
	}
	if p.lasting {
		return false
	}
	stat, err := t.proc.stat(p.Key.PID)
	return err != nil || stat.key != p.Key
}

// HasThread reports whether a process has that thread still.
func HasThread(t *Table, pid, thread uint32) bool {
	return unix.Access(t.proc.file(pid, "task/"+strconv.FormatUint(uint64(thread), 10)), unix.F_OK) == nil
}

// isInstance reports whether the process, or the first of those that it belongs to,
// stays or serves.
func (t *Table) isInstance(p *Process) bool {
	if p.lasting {
		return true
	}
	first, ok := t.processes.Peek(p.root)
	return ok && first.lasting
}

// Instance is what distinguishes processes of one service: the container's id, or the
// first of the processes that belong together. It is empty for a command.
func (p *Process) Instance() string {
	switch {
	case p.Place != nil && p.Place.Instance != "":
		return p.Place.Instance
	case p.lasting:
		return p.root.String()
	}
	return ""
}
