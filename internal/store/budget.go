// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/tapio/tapio/internal/model"
)

const (
	// defaultQueryMemory is the working memory of all queries where no limit is
	// set.
	defaultQueryMemory = 128 << 20
	// queryShare is the part of it that one query may take: one of so many, so
	// that a greedy one leaves room for others.
	queryShare = 4
)

// budget bounds what all queries together hold and how many work at once.
type budget struct {
	limit   atomic.Int64 // bytes of all queries
	used    atomic.Int64
	turns   chan struct{} // one for each goroutine that unpacks a block
	peak    atomic.Int64
	refused atomic.Uint64 // queries that would have needed more
}

func newBudget() *budget {
	b := &budget{turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
	b.setLimit(0)
	return b
}

func (b *budget) setLimit(bytes int64) {
	if bytes <= 0 {
		bytes = defaultQueryMemory
	}
	b.limit.Store(bytes)
}

// account opens an account for one query. It must be closed.
func (b *budget) account() *account { return &account{budget: b} }

// enter waits until less than GOMAXPROCS goroutines are at work. A turn lasts
// for one block, half a millisecond or so: then short queries pass long ones,
// and the writers find a processor.
func (b *budget) enter(ctx context.Context) error {
	select {
	case b.turns <- struct{}{}:
		return nil
	default:
	}
	select {
	case b.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *budget) leave() { <-b.turns }

// idle is how many more goroutines could work now.
func (b *budget) idle() int { return cap(b.turns) - len(b.turns) }

// account is what one query holds. The goroutines of the query share it.
type account struct {
	budget *budget
	rows   atomic.Int64 // bytes of rows found so far, which a greedy query piles up
	blocks atomic.Int64 // bytes of blocks being unpacked, which no query can choose
}

// take books rows, or nothing and an error if that is too much for this query or
// for all together.
func (a *account) take(bytes int64) error {
	limit := a.budget.limit.Load()
	if a.rows.Add(bytes) > limit/queryShare {
		a.rows.Add(-bytes)
		return a.refuse("the query would hold more than the %d bytes of working memory that one query may take: narrow its time range, "+
			"its labels or its limit, or raise store::query_memory of the tapio extension, of which it is a quarter", limit/queryShare)
	}
	if err := a.budget.take(bytes); err != nil {
		a.rows.Add(-bytes)
		return err
	}
	return nil
}

// takeBlock books what a block takes more than the one before.
func (a *account) takeBlock(bytes int64) error {
	if err := a.budget.take(bytes); err != nil {
		return err
	}
	a.blocks.Add(bytes)
	return nil
}

// take books bytes that may be less than 0.
func (b *budget) take(bytes int64) error {
	limit, used := b.limit.Load(), b.used.Add(bytes)
	if bytes > 0 && used > limit {
		b.used.Add(-bytes)
		return b.refuse("all queries together would hold more than the %d bytes of store::query_memory of the tapio extension: "+
			"ask again in a moment, narrow the query's time range, its labels or its limit, or raise it", limit)
	}
	for peak := b.peak.Load(); used > peak; peak = b.peak.Load() {
		if b.peak.CompareAndSwap(peak, used) {
			break
		}
	}
	return nil
}

func (b *budget) refuse(problem string, args ...any) error {
	b.refused.Add(1)
	return model.Exhausted(problem, args...)
}

func (a *account) refuse(problem string, args ...any) error { return a.budget.refuse(problem, args...) }

// change takes what an owner holds more than before, or gives back what less.
func (a *account) change(bytes int64) error {
	if bytes > 0 {
		return a.take(bytes)
	}
	a.give(-bytes)
	return nil
}

// give takes rows back off the account.
func (a *account) give(bytes int64) {
	a.rows.Add(-bytes)
	a.budget.used.Add(-bytes)
}

// close gives back all.
func (a *account) close() {
	a.budget.used.Add(-a.rows.Swap(0) - a.blocks.Swap(0))
}

// QueryStats tells what the queries hold.
type QueryStats struct {
	Used, Peak, Limit uint64 // bytes of working memory
	Refused           uint64 // queries that would have needed more
}

// QueryStats returns the figures of the queries' working memory.
func (s *Store) QueryStats() QueryStats {
	b := s.budget
	return QueryStats{
		Used: uint64(max(b.used.Load(), 0)), Peak: uint64(b.peak.Load()), Limit: uint64(b.limit.Load()), Refused: b.refused.Load(),
	}
}
