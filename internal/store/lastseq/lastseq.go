// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package lastseq keeps the last sequences of a store exactly, over the death of its process.
// They are in memory that is mapped from a file: what a process wrote there is in the page cache
// when it is killed, and costs a writer no system call. After a restart of the host it may be
// older, so that it is valid for the boot in which it was written only.
package lastseq

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"unsafe"
)

// Counter holds a sequence.
type Counter = atomic.Uint64

const (
	// signals is how many sequences there is a place for.
	signals = 8
	bootAt  = 8  // the boot, after the mark of the format
	usedAt  = 64 // whether a sequence is kept, a byte each
	// reservedAt is up to which sequence the store had reserved when it wrote its state: a
	// state that another release wrote since has another.
	reservedAt = 128
	lastAt     = 256
	size       = 4096

	format = "tapiosq1"
	bootID = "/proc/sys/kernel/random/boot_id"
)

// File is a file of sequences. The zero value of *File, nil, keeps none.
type File struct {
	mapped []byte
	before []byte // as it was found, nil for nothing that is valid
}

// Open opens the file, or makes it. The caller makes sure that no other process has it open. It
// fails where files cannot be mapped.
func Open(path string) (*File, error) {
	boot, err := os.ReadFile(bootID)
	if err != nil {
		return nil, fmt.Errorf("read the id of the boot: %w", err)
	}
	mapped, err := mapFile(path, size)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	header := append([]byte(format), strings.TrimSpace(string(boot))...)
	if len(header) > usedAt {
		return nil, errors.New("the id of the boot is too long")
	}
	f := &File{mapped: mapped}
	if bytes.HasPrefix(mapped, header) {
		f.before = bytes.Clone(mapped)
	}
	clear(mapped)
	copy(mapped, header)
	return f, nil
}

// Last returns the last sequence of a signal that the process before gave, if that is known:
// the boot is the same, and the store has reserved the same sequences.
func (f *File) Last(signal uint8, reserved uint64) (last uint64, known bool) {
	if f == nil || f.before == nil || signal >= signals || f.before[usedAt+int(signal)] == 0 {
		return 0, false
	}
	return counter(f.before, lastAt, signal).Load(), counter(f.before, reservedAt, signal).Load() == reserved
}

// Keep returns the counter of a signal, which its writer sets before anyone sees a row; nil if
// none is kept. It stays valid, for it may be set by a writer that does not know of an end.
func (f *File) Keep(signal uint8, last uint64) *Counter {
	if f == nil || signal >= signals {
		return nil
	}
	kept := counter(f.mapped, lastAt, signal)
	kept.Store(last)
	f.mapped[usedAt+int(signal)] = 1
	return kept
}

// Reserve notes what the state of the store has reserved of a signal.
func (f *File) Reserve(signal uint8, reserved uint64) {
	if f != nil && signal < signals {
		counter(f.mapped, reservedAt, signal).Store(reserved)
	}
}

func counter(in []byte, at int, signal uint8) *Counter {
	return (*Counter)(unsafe.Pointer(&in[at+8*int(signal)]))
}
