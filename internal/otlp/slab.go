// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

// slab is one allocation that is handed out in parts. Its size is counted
// before it is filled: a batch costs a few allocations, however many records
// it has.
type slab[T any] struct {
	free   []T
	all    []T // of a slab that is used again
	latest []T // the part handed out last
}

func newSlab[T any](size int) slab[T] { return slab[T]{free: make([]T, size)} }

// slabIn makes a slab of the next n elements behind the end of a list, which has
// room for them.
func slabIn[T any](list []T, n int) slab[T] {
	free := list[len(list) : len(list)+n]
	clear(free)
	return slab[T]{free: free}
}

// take returns the next n elements, nil for none. Their capacity ends where the
// neighbour begins, so an append to them cannot write into it.
func (s *slab[T]) take(n int) []T {
	if n == 0 {
		return nil
	}
	part := s.free[:n:n]
	s.free, s.latest = s.free[n:], part
	return part
}

// one returns the next element.
func (s *slab[T]) one() *T { return &s.take(1)[0] }

// again makes room for n elements, in the memory of those before: no one may
// look at them any more.
func (s *slab[T]) again(n int) {
	if n > len(s.all) {
		s.all = make([]T, n)
	}
	clear(s.all[:n])
	s.free, s.latest = s.all[:n], nil
}
