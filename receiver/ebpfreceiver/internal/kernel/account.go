//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/bpf"
)

// Account is what one probe's programs put into the ring buffer.
type Account struct {
	Sent uint64
	Lost uint64
}

// Account adds up what all CPUs counted.
func (k *Kernel) Account(n Number) (Account, error) {
	var perCPU []Account
	if err := k.shared[bpf.ProcessMapAccounts].Lookup(uint32(n), &perCPU); err != nil {
		return Account{}, fmt.Errorf("read the account of the ring buffer: %w", err)
	}
	var sum Account
	for _, one := range perCPU {
		sum.Sent += one.Sent
		sum.Lost += one.Lost
	}
	return sum, nil
}

// Cost is what a probe takes of the kernel.
type Cost struct {
	MapBytes uint64
	Runs     uint64
	RunTime  time.Duration // 0 unless the kernel is asked to measure
	Missed   uint64        // runs left out by the kernel, for the program ran on that CPU already
}

// Cost adds up a probe's own maps and programs; that of "" the shared maps.
func (k *Kernel) Cost(probe string) (Cost, error) {
	maps, programs := k.shared, []*ebpf.Program(nil)
	if probe != "" {
		p, ok := k.loaded[probe]
		if !ok {
			return Cost{}, nil
		}
		maps, programs = p.Maps, p.programs
	}
	var cost Cost
	for name, m := range maps {
		info, err := m.Info()
		if err != nil {
			return cost, fmt.Errorf("read the size of the map %s: %w", name, err)
		}
		bytes, _ := info.Memlock()
		cost.MapBytes += bytes
	}
	for _, program := range programs {
		stats, err := program.Stats()
		if err != nil {
			return cost, fmt.Errorf("read the runs of %s: %w", program, err)
		}
		cost.Runs += stats.RunCount
		cost.RunTime += stats.Runtime
		cost.Missed += stats.RecursionMisses
	}
	return cost, nil
}

// Measure makes the kernel measure its programs, all of them, until Close.
func (k *Kernel) Measure() error {
	var err error
	if k.measuring, err = ebpf.EnableStats(unix.BPF_STATS_RUN_TIME); err != nil {
		return fmt.Errorf("enable the statistics of programs: %w", err)
	}
	return nil
}
