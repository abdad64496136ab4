// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
)

// reasonDamaged is under which rows are counted whose file was damaged though its
// checksums are right.
const reasonDamaged = "damaged"

// contain reads a segment. If one that was restored from a file makes read panic, its
// content is damaged: contain notes it, for the directory to set the file aside, and
// returns false. Readers go on without it. Others are never damaged, so that their
// panics go on.
func (s *segment) contain(read func()) bool {
	if !s.restored {
		read()
		return true
	}
	if damage := panics.Catch(read); damage != nil {
		s.damage.CompareAndSwap(nil, &damage)
		return false
	}
	return true
}

// takeDamaged drops the chunks that readers stumbled over, and returns why, by their
// first sequence.
func (l *log[R]) takeDamaged() map[uint64]error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var damaged map[uint64]error
	l.chunks = slices.DeleteFunc(l.chunks, func(c *chunk[R]) bool {
		if c.segment == nil || c.segment.damage.Load() == nil {
			return false
		}
		if damaged == nil {
			damaged = map[uint64]error{}
		}
		damaged[c.first] = *c.segment.damage.Load()
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

// readAll reads every point of a segment, so that one that is damaged panics now.
func (s *pointSegment) readAll() {
	seen := make([]bool, s.rows)
	var r seriesReader
	var p model.Point
	for at := range s.stretches {
		r.open(s, at, true)
		for range at.count {
			place := r.Read(&p)
			if seen[place] {
				panic("store: a segment is broken: two points have one place")
			}
			seen[place] = true
		}
	}
}
