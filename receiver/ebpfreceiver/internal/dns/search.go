//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// A resolver tries a name with each domain of its search path, and by itself. These
// questions are one lookup with one result: that of the last.

const (
	// searchPatience is how long the next question of a lookup may take to come.
	searchPatience = time.Second
	// maxSearches bounds the lookups that wait for it.
	maxSearches = 4096
)

// searchID is whose lookup it is. No two of a process are alike for long.
type searchID struct {
	process identity.Key
	kind    string
	name    string // of the last question
}

// search is a lookup of which a question was answered with NXDOMAIN.
type search struct {
	lookup
	id       lookupID
	answered time.Time
	// base is the name that was asked for, once two questions show it.
	base string
}

type searches struct {
	waiting *simplelru.LRU[searchID, *search]
	// byProcess counts those that wait, so that few questions need be compared.
	byProcess map[identity.Key][]searchID
}

func newSearches() searches {
	return searches{waiting: emit.NewRecent[searchID, *search](maxSearches), byProcess: map[identity.Key][]searchID{}}
}

// next takes out the lookup that a question goes on with, nil if it begins one.
func (s *searches) next(process identity.Key, q *dnsQuestion) *search {
	for _, id := range s.byProcess[process] {
		if id.kind != q.kind {
			continue
		}
		one, ok := s.waiting.Peek(id)
		if !ok {
			continue
		}
		if base, goesOn := baseOf(one.id.question.name, q.name, one.base); goesOn {
			one.base = base
			s.remove(id)
			return one
		}
	}
	return nil
}

// wait keeps a lookup until its next question comes. It returns the lookup that had to
// go for it.
func (s *searches) wait(one *search) (given *search) {
	id := searchID{process: one.of.Key, kind: one.id.question.kind, name: one.id.question.name}
	if before, ok := s.waiting.Peek(id); ok {
		s.remove(id)
		given = before
	} else if s.waiting.Len() >= maxSearches {
		oldest, eldest, _ := s.waiting.GetOldest()
		s.remove(oldest)
		given = eldest
	}
	s.waiting.Add(id, one)
	s.byProcess[id.process] = append(s.byProcess[id.process], id)
	return given
}

func (s *searches) remove(id searchID) {
	s.waiting.Remove(id)
	kept := s.byProcess[id.process][:0]
	for _, other := range s.byProcess[id.process] {
		if other != id {
			kept = append(kept, other)
		}
	}
	if len(kept) == 0 {
		delete(s.byProcess, id.process)
		return
	}
	s.byProcess[id.process] = kept
}

// over returns a lookup whose next question did not come, nil for none.
func (s *searches) over(now time.Time, last bool) *search {
	id, eldest, ok := s.waiting.GetOldest()
	if !ok || !last && now.Sub(eldest.answered) < searchPatience {
		return nil
	}
	s.remove(id)
	return eldest
}

// baseOf reports whether a resolver asks for one name after the other in the same
// lookup, and for what: api.example.svc.cluster.local and then api.example.cluster.local,
// or api.example itself.
func baseOf(before, after, known string) (base string, goesOn bool) {
	switch {
	case before == after:
		return "", false
	case known != "":
		return known, after == known || strings.HasPrefix(after, known+".")
	case strings.HasPrefix(after, before+"."): // the name itself came first
		return before, true
	case strings.HasPrefix(before, after+"."): // or comes last
		return after, true
	}
	common := 0
	for i := 0; i < len(before) && i < len(after) && before[i] == after[i]; i++ {
		if before[i] == '.' {
			common = i
		}
	}
	if common == 0 {
		return "", false
	}
	x, y := before[common+1:], after[common+1:]
	return before[:common], strings.HasSuffix(x, "."+y) || strings.HasSuffix(y, "."+x)
}
