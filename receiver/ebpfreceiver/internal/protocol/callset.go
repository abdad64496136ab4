//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

// callSet remembers the latest calls: at least maxCalls of them, at most twice as
// many. It holds no pointers, so that the collector of garbage passes it by.
type callSet struct {
	young, old map[uint64]struct{}
}

func newCallSet() callSet {
	return callSet{young: make(map[uint64]struct{}, maxCalls), old: make(map[uint64]struct{}, maxCalls)}
}

func (s *callSet) add(call uint64) {
	if len(s.young) >= maxCalls {
		s.young, s.old = s.old, s.young
		clear(s.young)
	}
	s.young[call] = struct{}{}
}

func (s *callSet) contains(call uint64) bool {
	if _, ok := s.young[call]; ok {
		return true
	}
	_, ok := s.old[call]
	return ok
}
