//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// setSampling sets how many calls the programs may time.
func (c *SyscallConfig) setSampling(to map[string]*ebpf.VariableSpec, tick time.Duration) error {
	return errors.Join(
		to[bpf.SyscallVarTickNs].Set(uint64(tick)),
		to[bpf.SyscallVarPriceNs].Set(c.price()),
		to[bpf.SyscallVarOneIn].Set(c.oneIn(tick)),
	)
}

// price is what one call takes of a budget of a second.
func (c *SyscallConfig) price() uint64 {
	if c.ExactCallsPerSecond == 0 {
		return 2 * uint64(time.Second) // more than there ever is
	}
	return uint64(time.Second) / uint64(c.ExactCallsPerSecond)
}

// oneIn times all calls where the coarse clock is too coarse to find the slow
// ones among those that are not timed.
func (c *SyscallConfig) oneIn(tick time.Duration) uint32 {
	if c.SlowThreshold > 0 && c.SlowThreshold <= kernel.LastingTicks*tick {
		return 1
	}
	return c.SampleOneIn
}

// Sampler is a probe that looks closely at some of what it counts.
type Sampler interface {
	// Sampled returns how many it looked at, and for how many those stood.
	Sampled() (timed, passed uint64, err error)
}

// callBudget is bpf/syscall.bpf.c's struct budget.
type callBudget struct {
	Left   uint64
	Timed  uint64
	Passed uint64
	_      [4]uint32
}

// Sampled implements Sampler.
func (p *syscalls) Sampled() (timed, passed uint64, err error) {
	if p.budgets == nil {
		return 0, 0, nil
	}
	var perCPU []callBudget
	if err := p.budgets.Lookup(uint32(0), &perCPU); err != nil {
		return 0, 0, fmt.Errorf("read how many calls were timed: %w", err)
	}
	for _, one := range perCPU {
		timed += one.Timed
		passed += one.Passed
	}
	return timed, passed, nil
}
