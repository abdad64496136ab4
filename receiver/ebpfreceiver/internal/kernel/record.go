//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
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

// Head is bpf/event.h's struct record_head.
type Head struct {
	Kind   uint32
	PID    uint32
	Start  uint64
	Time   uint64
	Cgroup uint64
}

// The faults of records.
var (
	ErrShort       = errors.New("the record is shorter than its kind")
	ErrUnknownKind = errors.New("the probe has no record of that kind")
)

// As reads a record, or its beginning, as the C type that it is.
func As[T any](record []byte) (*T, error) {
	var t T
	if len(record) < int(unsafe.Sizeof(t)) {
		return nil, ErrShort
	}
	first := unsafe.Pointer(unsafe.SliceData(record))
	if uintptr(first)%unsafe.Alignof(t) != 0 {
		return nil, errors.New("the record is not aligned")
	}
	return (*T)(first), nil
}

// KindOf returns the kind of a record and the probe that it is for.
func KindOf(record []byte) (kind uint32, probe Number, err error) {
	h, err := As[Head](record)
	if err != nil {
		return 0, 0, err
	}
	if h.Kind>>8 >= Numbers {
		return 0, 0, fmt.Errorf("no probe sends records of kind %#x", h.Kind)
	}
	return h.Kind, Number(h.Kind >> 8), nil
}

// Text is a C string in a field of fixed size.
func Text(field []byte) string {
	for i, c := range field {
		if c == 0 {
			return string(field[:i])
		}
	}
	return string(field)
}
