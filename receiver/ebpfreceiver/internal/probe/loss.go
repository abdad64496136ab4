//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"maps"
	"sync"

	"github.com/cilium/ebpf"
)

// losses counts by stage what a probe could not make anything of.
type losses struct {
	mu      sync.Mutex
	byStage map[string]uint64
}

func (l *losses) add(stage string, n uint64) {
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

// set takes over a count that is kept elsewhere.
func (l *losses) set(stage string, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byStage == nil {
		l.byStage = map[string]uint64{}
	}
	l.byStage[stage] = n
}

// Lost implements Loser.
func (l *losses) Lost() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.byStage)
}

// sumPerCPU adds up one slot of a map of counters.
func sumPerCPU(m *ebpf.Map, slot uint32) (sum uint64, err error) {
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
