//go:build linux && (amd64 || arm64)

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lacking is what the profiler needs and this process does not have; nil if nothing is
// known to be missing. The profiler itself finds that out after a second of work, and
// reports it in other words.
func lacking() error {
	return errors.Join(lackingMemlock(), lackingTracefs())
}

// lackingTracefs looks where the profiler looks for tracepoints.
func lackingTracefs() error {
	for _, folder := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		if _, err := os.Stat(folder + "/events/sched"); err == nil {
			return nil
		}
	}
	return errors.New("tracefs is not mounted or not readable: mount -t tracefs nodev /sys/kernel/tracing")
}

// lackingMemlock tries to raise the limit of locked memory as the profiler does.
func lackingMemlock() error {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &before); err != nil {
		return fmt.Errorf("read RLIMIT_MEMLOCK: %w", err)
	}
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if before == unlimited {
		return nil
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited); err != nil {
		return fmt.Errorf("RLIMIT_MEMLOCK cannot be raised, this process lacks CAP_SYS_RESOURCE: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &before); err != nil {
		return fmt.Errorf("restore RLIMIT_MEMLOCK: %w", err)
	}
	return nil
}
