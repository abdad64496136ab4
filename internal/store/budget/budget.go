// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package budget

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

// Budget bounds what all queries together hold and how many work at once.
type Budget struct {
	Limit   atomic.Int64 // bytes of all queries
	Used    atomic.Int64
	turns   chan struct{} // one for each goroutine that unpacks a block
	Peak    atomic.Int64
	Refused atomic.Uint64 // queries that would have needed more
}

// NewBudget makes a budget with the default limit.
func NewBudget() *Budget {
	b := &Budget{turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
	b.SetLimit(0)
	return b
}

// SetLimit sets the bytes of all queries; 0 is the default.
func (b *Budget) SetLimit(bytes int64) {
	if bytes <= 0 {
		bytes = defaultQueryMemory
	}
	b.Limit.Store(bytes)
}

// Account opens an account for one query. It must be closed.
func (b *Budget) Account() *Account { return &Account{budget: b} }

// Enter waits until less than GOMAXPROCS goroutines are at work. A turn lasts
// for one block, half a millisecond or so: then short queries pass long ones,
// and the writers find a processor.
func (b *Budget) Enter(ctx context.Context) error {
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

// Leave ends a turn.
func (b *Budget) Leave() { <-b.turns }

// Idle is how many more goroutines could work now.
func (b *Budget) Idle() int { return cap(b.turns) - len(b.turns) }

// Account is what one query holds. The goroutines of the query share it.
type Account struct {
	budget *Budget
	Rows   atomic.Int64 // bytes of rows found so far, which a greedy query piles up
	blocks atomic.Int64 // bytes of blocks being unpacked, which no query can choose
}

// Take books rows, or nothing and an error if that is too much for this query or
// for all together.
func (a *Account) Take(bytes int64) error {
	limit := a.budget.Limit.Load()
	if a.Rows.Add(bytes) > limit/queryShare {
		a.Rows.Add(-bytes)
		return a.Refuse("the query would hold more than the %d bytes of working memory that one query may take: narrow its time range, "+
			"its labels or its limit, or raise store::query_memory of the tapio extension, of which it is a quarter", limit/queryShare)
	}
	if err := a.budget.take(bytes); err != nil {
		a.Rows.Add(-bytes)
		return err
	}
	return nil
}

// TakeBlock books what a block takes more than the one before.
func (a *Account) TakeBlock(bytes int64) error {
	if err := a.budget.take(bytes); err != nil {
		return err
	}
	a.blocks.Add(bytes)
	return nil
}

// take books bytes that may be less than 0.
func (b *Budget) take(bytes int64) error {
	limit, used := b.Limit.Load(), b.Used.Add(bytes)
	if bytes > 0 && used > limit {
		b.Used.Add(-bytes)
		return b.refuse("all queries together would hold more than the %d bytes of store::query_memory of the tapio extension: "+
			"retry in a moment, narrow the query's time range, its labels or its limit, or raise it", limit)
	}
	for peak := b.Peak.Load(); used > peak; peak = b.Peak.Load() {
		if b.Peak.CompareAndSwap(peak, used) {
			break
		}
	}
	return nil
}

func (b *Budget) refuse(problem string, args ...any) error {
	b.Refused.Add(1)
	return model.Exhausted(problem, args...)
}

// Refuse counts the query as refused and returns the error.
func (a *Account) Refuse(problem string, args ...any) error { return a.budget.refuse(problem, args...) }

// Change takes what an owner holds more than before, or gives back what less.
func (a *Account) Change(bytes int64) error {
	if bytes > 0 {
		return a.Take(bytes)
	}
	a.Give(-bytes)
	return nil
}

// Give takes rows back off the account.
func (a *Account) Give(bytes int64) {
	a.Rows.Add(-bytes)
	a.budget.Used.Add(-bytes)
}

// Close gives back all.
func (a *Account) Close() {
	a.budget.Used.Add(-a.Rows.Swap(0) - a.blocks.Swap(0))
}
