// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package probe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

func TestAThresholdThatTheCoarseClockCannotSeeTimesAll(t *testing.T) {
	const tick = 4 * time.Millisecond
	c := DefaultSyscallConfig()
	assert.Equal(t, uint32(16), c.oneIn(tick))
	c.SlowThreshold = 0 // no events, so none can be missed
	assert.Equal(t, uint32(16), c.oneIn(tick))
	c.SlowThreshold = kernel.LastingTicks * tick
	assert.Equal(t, uint32(1), c.oneIn(tick))
	c.SlowThreshold++
	assert.Equal(t, uint32(16), c.oneIn(tick))
}

func TestTheBudgetIsASecondOfCalls(t *testing.T) {
	const budget = uint64(time.Second) // bpf/syscall.bpf.c's BUDGET_NS
	for _, calls := range []uint32{1, 10_000, 10_000_000} {
		c := SyscallConfig{ExactCallsPerSecond: calls}
		assert.Equal(t, uint64(calls), budget/c.price())
	}
	none := SyscallConfig{}
	assert.Greater(t, none.price(), budget)
}
