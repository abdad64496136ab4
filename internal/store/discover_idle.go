// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/segment"
)

// idleSummaries is how many segments are counted at once while few rows come.
const idleSummaries = 16

// summaries counts the rows of a log's segments: when they are compacted or, of those
// that were read from files, which hold no summaries, while few records arrive.
type summaries[R any] struct {
	log      *log[R]
	budget   *budget.Budget
	working  atomic.Bool
	looked   time.Time // guarded by the log's writing, as appended is
	appended uint64    // rows by then
}

// idle counts some segments beside the writers, unless rows come fast. The
// caller holds writing.
func (m *summaries[R]) idle(now time.Time) {
	m.log.mu.RLock()
	appended := m.log.appended
	m.log.mu.RUnlock()
	busy := now.Sub(m.looked) < time.Duration(appended-m.appended)*unhurried
	m.looked, m.appended = now, appended
	if busy || m.budget == nil || !m.working.CompareAndSwap(false, true) {
		return
	}
	m.log.compactor.Go(func() {
		defer m.working.Store(false)
		m.log.panics.contain(func() { m.some(idleSummaries) })
	})
}

func (m *summaries[R]) some(most int) {
	s := scan[R]{budget: m.budget, log: m.log, of: m.log.signal.facts}
	views, _ := m.log.views()
	for i := len(views) - 1; i >= 0 && most > 0; i-- {
		if views[i].segment == nil || views[i].summary.Load() != nil {
			continue
		}
		if m.full() {
			return
		}
		if _, err := s.summaryOf(context.Background(), &views[i]); err != nil {
			return // of memory: queries go first
		}
		most--
	}
}

// full reports whether there is no memory for another summary.
func (m *summaries[R]) full() bool { return m.bytes() >= m.limit() }

// limit is the most that all summaries may take.
func (m *summaries[R]) limit() int64 {
	m.log.mu.RLock()
	defer m.log.mu.RUnlock()
	return m.log.capacity / summaryShare
}

func (m *summaries[R]) bytes() (bytes int64) {
	views, _ := m.log.views()
	for i := range views {
		if views[i].segment == nil {
			bytes += views[i].head.held.Load()
			continue
		}
		if known := views[i].summary.Load(); known != nil {
			bytes += known.bytes
		}
	}
	return bytes
}

// compactChunk makes a segment of a chunk that was closed.
func (l *log[R]) compactChunk(c *chunk[R]) {
	rows := c.rows
	s := segment.Compact(l.signal.codec, l.packer, c.packing(), rows)
	l.replace(c, s)
	l.summaries.ofRows(c.summary, s.BlockRows, rows)
}
