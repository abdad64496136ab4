// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
)

// reasonDamaged is under which rows are counted whose file was damaged though its
// checksums are right.
const reasonDamaged = "damaged"

// takeDamaged drops the chunks that readers stumbled over, and returns why, by their
// first sequence.
func (l *log[R]) takeDamaged() map[uint64]error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var damaged map[uint64]error
	l.chunks = slices.DeleteFunc(l.chunks, func(c *chunk[R]) bool {
		if c.segment == nil || c.segment.Damage.Load() == nil {
			return false
		}
		if damaged == nil {
			damaged = map[uint64]error{}
		}
		damaged[c.first] = *c.segment.Damage.Load()
		l.rows -= c.count
		l.bytes -= c.size()
		l.evicted[reasonDamaged] += uint64(c.count)
		return true
	})
	return damaged
}

// takeDamaged has nothing to return: points are read as a whole when they are restored.
func (l *pointLog) takeDamaged() map[uint64]error { return nil }

// setDamagedAside sets aside the files that readers stumbled over.
func (d *directory) setDamagedAside() {
	for _, l := range d.logs {
		for first, damage := range l.takeDamaged() {
			name := fileName(l.name(), first)
			d.bytes.Add(-d.sizes[name])
			delete(d.sizes, name)
			d.setAside(name, damage)
			d.forgetCorrupt()
		}
	}
}
