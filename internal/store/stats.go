// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"maps"

	"github.com/tapio/tapio/internal/model"
)

func (l *log[R]) stats() Stats {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := Stats{
		Signal:   l.signal.name,
		Rows:     uint64(l.rows),
		Bytes:    uint64(l.bytes),
		Capacity: uint64(l.capacity),
		Appended: l.appended,
		Evicted:  maps.Clone(l.evicted),
		Refused:  maps.Clone(l.refused),
		LastSeq:  l.last,
		Lost:     l.lost.Load(),
	}
	if l.rows > 0 {
		s.FirstSeq = l.firstSeq()
		s.Oldest, s.Newest = l.extent()
	}
	return s
}

func (l *log[R]) extent() (oldest, newest model.Nanos) {
	for _, c := range l.chunks {
		oldest, newest = earlier(oldest, c.dated), max(newest, c.newest)
	}
	return oldest, newest
}

// ends returns the sequences of the oldest and of the newest row; first is
// last+1 where there is none.
func (l *log[R]) ends() (first, last uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.firstSeq(), l.last
}

// QueryStats returns what the queries hold.
type QueryStats struct {
	Used, Peak, Limit uint64 // bytes of working memory
	Refused           uint64 // queries that would have needed more
}

// QueryStats returns the figures of the queries' working memory.
func (s *Store) QueryStats() QueryStats {
	b := s.budget
	return QueryStats{
		Used: uint64(max(b.Used.Load(), 0)), Peak: uint64(b.Peak.Load()), Limit: uint64(b.Limit.Load()), Refused: b.Refused.Load(),
	}
}
