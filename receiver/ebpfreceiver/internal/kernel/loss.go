//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"maps"
	"sync"

	"github.com/cilium/ebpf"
)

// Losses counts by stage what a probe could not make anything of.
type Losses struct {
	mu      sync.Mutex
	byStage map[string]uint64
}

// Add counts losses of a stage.
func (l *Losses) Add(stage string, n uint64) {
	if n == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byStage == nil {
		l.byStage = map[string]uint64{}
	}
	l.byStage[stage] += n
}

// Set takes over a count that is kept elsewhere.
func (l *Losses) Set(stage string, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byStage == nil {
		l.byStage = map[string]uint64{}
	}
	l.byStage[stage] = n
}

// Lost implements Loser.
func (l *Losses) Lost() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.byStage)
}

// SumPerCPU adds up one slot of a map of counters.
func SumPerCPU(m *ebpf.Map, slot uint32) (sum uint64, err error) {
	if m == nil {
		return 0, nil // the probe is off
	}
	var perCPU []uint64
	err = m.Lookup(slot, &perCPU)
	for _, n := range perCPU {
		sum += n
	}
	return sum, err
}
