//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock turns the kernel's times into those of a calendar.
type Clock struct {
	monotonic, boot int64 // to add for nanoseconds since 1970
}

// Wall converts bpf_ktime_get_ns.
func (c Clock) Wall(ktime uint64) time.Time { return time.Unix(0, int64(ktime)+c.monotonic) }

// Boot converts start_boottime.
func (c Clock) Boot(ns uint64) time.Time { return time.Unix(0, int64(ns)+c.boot) }

const (
	// LastingTicks is bpf/syscall.bpf.c's LASTING.
	LastingTicks = 4
	// longestTick is that of a kernel with 100 steps of its coarse clock a second.
	longestTick = 10 * time.Millisecond
)

// Tick is the step of the kernel's coarse clock.
func Tick() time.Duration {
	var step unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &step); err != nil {
		return longestTick
	}
	return time.Duration(step.Nano())
}
