// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

// uses is how often each operation and call runs for one request of a user, on
// average.
type uses struct {
	ops   map[*Operation]float64
	calls map[*Call]float64
	by    map[*Call]*Operation
}

func (w *World) uses() *uses {
	u := &uses{ops: map[*Operation]float64{}, calls: map[*Call]float64{}, by: map[*Call]*Operation{}}
	w.eachEntry(func(o *Operation) { u.walk(o, o.weight, 0) })
	return u
}

func (u *uses) walk(o *Operation, n float64, depth int) {
	if n < 1e-4 || depth > maxDepth {
		return
	}
	u.ops[o] += n
	for _, c := range o.calls {
		u.calls[c] += n * c.chance
		u.by[c] = o
		switch {
		case c.op != nil:
			u.walk(c.op, n*c.chance, depth+1)
		case c.backend.consumer != nil:
			u.walk(c.backend.consumer, n*c.chance, depth+1)
		}
	}
}

func (u *uses) service(s *Service) (n float64) {
	for _, o := range s.ops {
		n += u.ops[o]
	}
	return n
}

func (u *uses) backend(b *Backend) (n float64) {
	for c, calls := range u.calls {
		if c.backend != nil && c.backend.Host == b.Host && !c.optional {
			n += calls
		}
	}
	return n
}
