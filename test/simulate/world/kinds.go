// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind is a kind of fault or of planned change.
type Kind struct {
	Name     string
	Harmless bool
	// Lasts is how long it goes on, in nanoseconds.
	Lasts int64
	// Long ones take hours and are played by themselves.
	Long bool
	make func(*maker) bool
}

// Kinds returns all there are.
func Kinds() []Kind {
	return slices.Concat(dependencyFaults(), serviceFaults(), placeFaults(), flowFaults(), changes(), noises())
}

// Plan lets a kind happen from start on. It returns nil where the system has no
// place for it.
func (w *World) Plan(k Kind, start int64) *Happening {
	m := &maker{World: w, chance: w.shape, uses: w.uses(), h: &Happening{Kind: k.Name, Harmless: k.Harmless, Start: start, End: start + k.Lasts}}
	if !k.make(m) {
		return nil
	}
	return m.h
}

// maker draws what a kind does to a system.
type maker struct {
	*World
	chance
	uses *uses
	h    *Happening
}

// names of a replica, a node or a zone.
func (m *maker) narrow(mechanisms []string, names ...string) {
	m.h.Narrow = true
	m.right(mechanisms, names...)
}

func (m *maker) right(mechanisms []string, names ...string) {
	m.h.Mechanisms = mechanisms
	for _, name := range names {
		if name != "" {
			m.h.Entities = append(m.h.Entities, name)
		}
	}
}

func (m *maker) detail(format string, values ...any) { m.h.Detail = fmt.Sprintf(format, values...) }

// enough is the share of requests that must reach a place, so that a fault there
// affects users.
const enough = 0.08

// aService draws a service that is used.
func (m *maker) aService(is func(*Service) bool) *Service {
	return m.someService(func(s *Service) bool {
		return !s.consumer && m.uses.service(s) >= enough && m.alive(s) > 0 && (is == nil || is(s))
	})
}

func (m *maker) someService(is func(*Service) bool) *Service {
	var fit []*Service
	for _, s := range m.Services {
		if is(s) && !m.taken(s.Name) {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return pick(m.chance, fit)
}

// taken reports whether something else happens there at the time.
func (m *maker) taken(name string) bool {
	return slices.ContainsFunc(m.Happenings, func(h *Happening) bool {
		return h.Start < m.h.End+10*minute && m.h.Start < h.End+10*minute && slices.Contains(h.Entities, name)
	})
}

func (m *maker) alive(s *Service) (n int) {
	for _, on := range s.replicas {
		if !on.gone {
			n++
		}
	}
	return n
}

func (m *maker) aBackend(kind backendKind) *Backend {
	var fit []*Backend
	for _, b := range m.Backends {
		if b.kind == kind && m.uses.backend(b) >= enough && !m.taken(b.Host) {
			fit = append(fit, b)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return pick(m.chance, fit)
}

// busiest returns a service's operation that is used most.
func (m *maker) busiest(s *Service) *Operation {
	return slices.MaxFunc(s.ops, func(a, b *Operation) int { return cmp.Compare(m.uses.ops[a], m.uses.ops[b]) })
}

// names under which a backend is right: as callers name it, short, with its port.
func (b *Backend) names() []string {
	return []string{b.Host, b.Name, fmt.Sprintf("%s:%d", b.Host, b.port), b.service}
}

func calls(b *Backend) func(*place) bool {
	return func(p *place) bool { return p.call != nil && p.call.backend != nil && p.call.backend.Host == b.Host }
}

func runs(s *Service) func(*place) bool {
	return func(p *place) bool { return p.call == nil && p.op.Service == s }
}

// doing makes an effect on requests at some places.
func doing(is func(*place) bool, do func(*place, *outcome)) *effect {
	return &effect{request: func(p *place, o *outcome) {
		if is(p) {
			do(p, o)
		}
	}}
}

// ramp rises from 0 to 1 between two times.
func ramp(t, from, to int64) float64 {
	return max(0, min(1, float64(t-from)/float64(max(to-from, 1))))
}

func usual() int64 { return 8 * minute }

func fault(name string, build func(*maker) bool) Kind {
	return Kind{Name: name, Lasts: usual(), make: build}
}

func change(name string, lasts int64, build func(*maker) bool) Kind {
	return Kind{Name: name, Harmless: true, Lasts: lasts, make: build}
}
