//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Reader reads a ring buffer. It serves one goroutine.
type Reader interface {
	// Drain hands every record that is there to the function, which must not
	// keep it, until there is none or the function returns false. It does not
	// wait.
	Drain(take func(record []byte) bool) (taken int)
	Close() error
}

// ring reads the kernel's ring buffer where it lies, without a call into the
// kernel: the pages of the producer are mapped here, read only. The kernel would
// let the data be mapped twice in a row, so that no record wraps, but counts both
// as memory of this process; one record in a round of the ring is copied instead.
type ring struct {
	control  []byte // our position, one page that we may write
	shared   []byte // the producer's position, one page, then the data
	consumer *uint64
	producer *uint64
	data     []byte
	mask     uint64
	whole    []byte // the record that goes over the end, put together
}

// The first word of a record's own head in the ring: its length and two marks.
const (
	ringHead    = 8
	ringBusy    = 1 << 31
	ringDiscard = 1 << 30
)

// NewReader maps the ring buffer.
func NewReader(m *ebpf.Map) (Reader, error) {
	page, size := os.Getpagesize(), int(m.MaxEntries())
	control, err := unix.Mmap(m.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the position of the ring buffer: %w", err)
	}
	shared, err := unix.Mmap(m.FD(), int64(page), page+size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("map the ring buffer: %w", err), unix.Munmap(control))
	}
	return &ring{
		control:  control,
		shared:   shared,
		consumer: (*uint64)(unsafe.Pointer(&control[0])),
		producer: (*uint64)(unsafe.Pointer(&shared[0])),
		data:     shared[page:],
		mask:     uint64(size - 1),
	}, nil
}

// Drain implements Reader. The loads are atomic, and so ordered: a record's
// words are not read before its length reports that it is complete.
func (r *ring) Drain(take func(record []byte) bool) (taken int) {
	at := atomic.LoadUint64(r.consumer)
	for at < atomic.LoadUint64(r.producer) {
		offset := at & r.mask
		length := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[offset])))
		if length&ringBusy != 0 {
			return taken
		}
		size := uint64(length &^ (ringBusy | ringDiscard))
		more := true
		if length&ringDiscard == 0 {
			more = take(r.record(offset+ringHead, size))
			taken++
		}
		at += ringHead + (size+7)&^7
		atomic.StoreUint64(r.consumer, at)
		if !more {
			return taken
		}
	}
	return taken
}

// record returns one in a piece.
func (r *ring) record(from, size uint64) []byte {
	end, length := from+size, uint64(len(r.data))
	if end <= length {
		return r.data[from:end:end]
	}
	r.whole = append(append(r.whole[:0], r.data[from:]...), r.data[:end-length]...)
	return r.whole
}

// Close implements Reader.
func (r *ring) Close() error {
	return errors.Join(unix.Munmap(r.control), unix.Munmap(r.shared))
}
