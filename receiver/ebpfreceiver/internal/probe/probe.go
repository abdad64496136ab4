//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package probe watches the kernel: each file with a probe's name loads that
// probe's programs, reads what they send or count, and makes log records, spans
// and metric points of it.
package probe

import (
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// Number is a probe's slot in the account of the ring buffer, and the high byte
// of the kinds of its records; bpf/event.h has the same.
type Number uint8

// The probes, in the order of bpf/event.h.
const (
	NumberTest Number = iota
	NumberProcess
	NumberSyscall
	NumberCPU
	NumberBlock
	NumberFile
	NumberTCP
	NumberHTTP
	NumberDNS
	NumberTLS
	NumberRedis
	NumberPostgreSQL
	NumberProfile
	Numbers = 16
)

// Probe is one thing to watch. All methods are called from one goroutine.
type Probe interface {
	// Name is its key in the configuration, its name in logs and metrics.
	Name() string
	Number() Number
	// Attach loads the programs and attaches them. What the kernel does not let
	// it do it leaves off and returns; the rest must work without.
	Attach(k *Kernel) []Gap
	// Decode makes of a record of the ring buffer what the pipelines take. The
	// record is valid until Decode returns. An error is counted as a loss.
	Decode(kind uint32, record []byte, out *Batch) error
	// Collect adds what the kernel has counted, every collection interval.
	Collect(out *Batch) error
}

// Settler is a probe that holds back what later records may complete.
type Settler interface {
	// Settle adds what has waited long enough, or with last all of it. It is
	// called before a batch goes on.
	Settle(out *Batch, last bool)
}

// Loser is a probe that loses what the account of the ring buffer cannot tell.
type Loser interface {
	// Lost counts by stage. It is called from any goroutine.
	Lost() map[string]uint64
}

// head is bpf/event.h's struct record_head.
type head struct {
	Kind   uint32
	PID    uint32
	Start  uint64
	Time   uint64
	Cgroup uint64
}

var (
	errShort       = errors.New("the record is shorter than its kind")
	errUnknownKind = errors.New("the probe has no record of that kind")
)

// as reads a record, or its beginning, as the C type that it is.
func as[T any](record []byte) (*T, error) {
	var t T
	if len(record) < int(unsafe.Sizeof(t)) {
		return nil, errShort
	}
	first := unsafe.Pointer(unsafe.SliceData(record))
	if uintptr(first)%unsafe.Alignof(t) != 0 {
		return nil, errors.New("the record is not aligned")
	}
	return (*T)(first), nil
}

// KindOf returns the kind of a record and the probe that it is for.
func KindOf(record []byte) (kind uint32, probe Number, err error) {
	h, err := as[head](record)
	if err != nil {
		return 0, 0, err
	}
	if h.Kind>>8 >= Numbers {
		return 0, 0, fmt.Errorf("no probe sends records of kind %#x", h.Kind)
	}
	return h.Kind, Number(h.Kind >> 8), nil
}

// text is a C string in a field of fixed size.
func text(field []byte) string {
	for i, c := range field {
		if c == 0 {
			return string(field[:i])
		}
	}
	return string(field)
}

// Clock turns the kernel's times into those of a calendar.
type Clock struct {
	monotonic, boot int64 // to add for nanoseconds since 1970
}

// Wall converts bpf_ktime_get_ns.
func (c Clock) Wall(ktime uint64) time.Time { return time.Unix(0, int64(ktime)+c.monotonic) }

// Boot converts start_boottime.
func (c Clock) Boot(ns uint64) time.Time { return time.Unix(0, int64(ns)+c.boot) }
