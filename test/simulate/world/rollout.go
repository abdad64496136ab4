// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import "fmt"

// roll replaces the replicas of a service one after the other by those of a new
// version.
func (w *World) roll(s *Service, from int64, version string) *effect {
	step, last := 0, int64(0)
	n := len(s.replicas)
	return &effect{
		from: from, to: from + int64(n+1)*25*second,
		begin: func(int64) { s.release++; s.version = version },
		each: func(t int64) {
			if t < last+20*second || step >= n {
				return
			}
			last = t
			for _, on := range s.replicas {
				if !on.gone && on.version != version {
					on.gone = true
					w.start(s, t)
					break
				}
			}
			step++
		},
		end: func(int64) { w.sweep(s) },
	}
}

// sweep forgets replicas that are gone.
func (w *World) sweep(s *Service) {
	left := make([]*Instance, 0, len(s.replicas))
	for _, on := range s.replicas {
		if !on.gone {
			left = append(left, on)
		}
	}
	s.replicas = left
}

func (m *maker) nextVersion() string {
	return fmt.Sprintf("%d.%d.%d", 5+m.IntN(3), m.IntN(20), m.IntN(9))
}

// release rolls out a version that does something, and rolls it back at the end.
func (m *maker) release(s *Service, do func(*outcome)) {
	before, version := s.version, m.nextVersion()
	m.right([]string{"release"}, s.Name)
	m.happen(m.h,
		doing(func(p *place) bool { return runs(s)(p) && p.on.version == version }, func(_ *place, o *outcome) { do(o) }),
		m.roll(s, m.h.Start, version), m.roll(s, m.h.End-2*minute, before))
}
