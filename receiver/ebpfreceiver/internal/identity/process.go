//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import "strconv"

// tick is the unit in which /proc/PID/stat gives the start of a process; the
// kernel keeps it at a hundredth of a second for all programs.
const tick = 10_000_000

// Key names a process for as long as the host runs: pids come again, but not
// with the same start.
type Key struct {
	PID   uint32
	Start uint64 // in hundredths of a second since boot
}

// KeyAt makes a key of the kernel's start_boottime, in nanoseconds.
func KeyAt(pid uint32, start uint64) Key {
	return Key{PID: pid, Start: start / tick}
}

// String is the form in which attributes carry it.
func (k Key) String() string {
	return strconv.FormatUint(uint64(k.PID), 10) + ":" + strconv.FormatUint(k.Start, 10)
}

// Process is what is known of one. It does not change once it is in the table,
// save that an exec puts a new one in its place.
type Process struct {
	Key    Key
	Parent Key
	// Text is Key as text, so that it is made once.
	Text string
	// Name is the executable's file name, or what the kernel calls the task.
	Name string
	// Path is empty for kernel threads and where /proc has none.
	Path string
	UID  uint32
	// Place is where it runs, and as which service.
	Place *Place

	where    *Place // without the service
	declared Declared
	program  string
	root     Key  // of the processes that are one instance
	lasting  bool // it stays, or serves
}
