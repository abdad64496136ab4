// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tapio/tapio/internal/store/budget"
)

// idleSummaries is how many segments are counted at once while few rows come.
const idleSummaries = 16

// idling counts segments that were read from files, which hold no summaries, while few
// records arrive.
type idling struct {
	budget   *budget.Budget
	working  atomic.Bool
	looked   time.Time // guarded by the log's writing, as appended is
	appended uint64    // rows by then
}

// summarizeIdle counts some segments beside the writers, unless rows come fast. The
// caller holds writing.
func (l *log[R]) summarizeIdle(now time.Time) {
	l.mu.RLock()
	appended := l.appended
	l.mu.RUnlock()
	busy := now.Sub(l.idling.looked) < time.Duration(appended-l.idling.appended)*unhurried
	l.idling.looked, l.idling.appended = now, appended
	if busy || l.idling.budget == nil || !l.idling.working.CompareAndSwap(false, true) {
		return
	}
	l.compactor.Go(func() {
		defer l.idling.working.Store(false)
		l.panics.contain(func() { l.summarizeSome(idleSummaries) })
	})
}

func (l *log[R]) summarizeSome(most int) {
	s := scan[R]{budget: l.idling.budget, log: l, of: l.signal.facts}
	views, _ := l.views()
	for i := len(views) - 1; i >= 0 && most > 0; i-- {
		if views[i].segment == nil || views[i].segment.summary.Load() != nil {
			continue
		}
		if l.summaryBytes() >= l.summaryLimit() {
			return
		}
		if _, err := s.summaryOf(context.Background(), &views[i]); err != nil {
			return // of memory: queries go first
		}
		most--
	}
}

// summaryLimit is the most that all summaries may take.
func (l *log[R]) summaryLimit() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.capacity / summaryShare
}

func (l *log[R]) summaryBytes() (bytes int64) {
	views, _ := l.views()
	for i := range views {
		if views[i].segment == nil {
			bytes += views[i].head.held.Load()
			continue
		}
		if known := views[i].segment.summary.Load(); known != nil {
			bytes += known.bytes
		}
	}
	return bytes
}

// compactChunk makes a segment of a chunk that was closed.
func (l *log[R]) compactChunk(c *chunk[R]) {
	rows := c.rows
	s := compact(l.signal.codec, l.packer, c.packing(), rows)
	l.replace(c, s)
	l.summarizeRows(s, rows)
}
