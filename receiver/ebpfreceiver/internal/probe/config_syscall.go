// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// SyscallConfig is what to report of system calls.
type SyscallConfig struct {
	// Enabled runs the probe.
	Enabled bool `mapstructure:"enabled"`
	// SlowThreshold is the duration above which a call is reported as an event. Accepted: 0 for never, or
	// more.
	SlowThreshold time.Duration `mapstructure:"slow_threshold"`
	// Waiting lists calls that wait by design (futex, poll, read, ...), for which no event is created.
	// Calls that other architectures have may be listed.
	Waiting []string `mapstructure:"waiting"`
	// ExactCallsPerSecond is the rate of calls per CPU up to which each call is timed; unused calls of one
	// second are saved for bursts. Accepted: 0 or more.
	ExactCallsPerSecond uint32 `mapstructure:"exact_calls_per_second"`
	// SampleOneIn is the number of calls that one timed call represents above that rate; 1 times all.
	// Calls that fail or take longer than about 20 ms are always counted individually. Accepted: a power
	// of two, 1 to 1024.
	SampleOneIn uint32 `mapstructure:"sample_one_in"`
	// MaxPrograms is the number of programs with series of their own, those that make most calls. Others
	// are counted together as `other`. Accepted: 1 to 1000.
	MaxPrograms int `mapstructure:"max_programs"`
}

// callsOfProgram is how many calls a program has series of, on average.
const callsOfProgram = 32

// maxSeries bounds the pairs of program and call that are reported, those of the
// other programs not included.
func (c *SyscallConfig) maxSeries() int { return c.MaxPrograms * callsOfProgram }

// DefaultSyscallConfig counts calls, and reports those that should not take half a
// second.
func DefaultSyscallConfig() SyscallConfig {
	return SyscallConfig{
		Enabled:       true,
		SlowThreshold: 500 * time.Millisecond,

		ExactCallsPerSecond: 5_000,
		SampleOneIn:         16,
		MaxPrograms:         defaultMaxPrograms,

		Waiting: []string{
			"accept", "accept4", "clock_nanosleep", "connect", "epoll_pwait", "epoll_pwait2", "epoll_wait", "flock", "futex",
			"io_getevents", "io_pgetevents", "io_uring_enter", "msgrcv", "nanosleep", "pause", "poll", "ppoll", "pselect6",
			"ptrace", "read", "readv", "recvfrom", "recvmmsg", "recvmsg", "restart_syscall", "rt_sigsuspend", "rt_sigtimedwait",
			"select", "semop", "semtimedop", "sendmsg", "sendto", "vfork", "clone", "clone3", "wait4", "waitid", "write", "writev",
		},
	}
}

// maxOneIn bounds how much a single call may count.
const maxOneIn = 1024

// Validate checks the threshold, the names and, of a probe that is on, the share.
func (c *SyscallConfig) Validate() error {
	errs := []error{c.validNames()}
	if c.SlowThreshold < 0 {
		errs = append(errs, fmt.Errorf("slow_threshold: must be 0 for no events, or more, is %s", c.SlowThreshold))
	}
	if c.Enabled && (c.SampleOneIn > maxOneIn || bits.OnesCount32(c.SampleOneIn) != 1) {
		errs = append(errs, fmt.Errorf("sample_one_in: must be a power of two from 1, for all, to %d, is %d", maxOneIn, c.SampleOneIn))
	}
	if c.Enabled {
		errs = append(errs, validMaxPrograms(c.MaxPrograms))
	}
	return errors.Join(errs...)
}

// The bounds of max_programs.
const (
	defaultMaxPrograms = 30
	maxMaxPrograms     = 1000
)

func validMaxPrograms(n int) error {
	if n < 1 || n > maxMaxPrograms {
		return fmt.Errorf("max_programs: must be from 1 to %d, is %d", maxMaxPrograms, n)
	}
	return nil
}

// CPUConfig is what to report of the time on CPUs.
type CPUConfig struct {
	// Enabled runs the probe.
	Enabled bool `mapstructure:"enabled"`
	// MaxPrograms is the number of programs with series of their own, those that use most CPU time. Others
	// are counted together as `other`. Accepted: 1 to 1000.
	MaxPrograms int `mapstructure:"max_programs"`
}

// DefaultCPUConfig reports the programs that run most.
func DefaultCPUConfig() CPUConfig { return CPUConfig{Enabled: true, MaxPrograms: defaultMaxPrograms} }

// Validate checks the bound.
func (c *CPUConfig) Validate() error {
	if !c.Enabled {
		return nil
	}
	return validMaxPrograms(c.MaxPrograms)
}

// validNames refuses a name that would never stand for a call.
func (c *SyscallConfig) validNames() error {
	known := kernel.KnownSyscalls()
	for i, name := range c.Waiting {
		if !known[name] {
			return fmt.Errorf("waiting[%d]: must be the name of a system call, such as read or epoll_wait, is %q", i, name)
		}
	}
	return nil
}
