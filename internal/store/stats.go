// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

func (l *log[R]) stats() Stats {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := l.chain.stats(l.signal.name, l.bytes)
	s.Lost = l.lost.Load()
	return s
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
