// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
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
	turns   *query.Turns // one for each goroutine that unpacks a block
	Peak    atomic.Int64
	Refused atomic.Uint64 // queries that would have needed more

	mu      sync.Mutex
	clients map[string]*client // with open accounts
}

// client is what the queries of one client hold together.
type client struct {
	rows     atomic.Int64 // bytes
	accounts int
}

// NewBudget makes a budget with the default limit.
func NewBudget() *Budget {
	b := &Budget{turns: query.NewTurns(runtime.GOMAXPROCS(0), 0, 0), clients: map[string]*client{}}
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

// Account opens an account for one query of the context's client. It must be closed.
func (b *Budget) Account(ctx context.Context) *Account {
	a := &Account{budget: b, name: query.ClientOf(ctx)}
	if a.name == "" { // the server's own work
		return a
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.client = b.clients[a.name]; a.client == nil {
		a.client = &client{}
		b.clients[a.name] = a.client
	}
	a.client.accounts++
	return a
}

// OwnAccount opens an account for the server's own work.
func (b *Budget) OwnAccount() *Account { return &Account{budget: b} }

// Enter waits until less than GOMAXPROCS goroutines are at work. A turn lasts
// for one block, half a millisecond or so: then short queries pass long ones,
// those of one client do not hold up another's, and the writers find a processor.
func (b *Budget) Enter(ctx context.Context) error { return b.turns.Enter(ctx) }

// Leave ends a turn of the same context.
func (b *Budget) Leave(ctx context.Context) { b.turns.Leave(ctx) }

// Idle is how many more goroutines could work now.
func (b *Budget) Idle() int { return b.turns.Idle() }

// Account is what one query holds. The goroutines of the query share it.
type Account struct {
	budget *Budget
	name   string       // of the client
	client *client      // nil for the server's own work
	Rows   atomic.Int64 // bytes of rows found so far, which a greedy query piles up
	blocks atomic.Int64 // bytes of blocks being unpacked, which no query can choose
	closed sync.Once
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
	if err := a.takeOfClient(bytes, limit); err != nil {
		a.Rows.Add(-bytes)
		return err
	}
	if err := a.budget.take(bytes); err != nil {
		a.Rows.Add(-bytes)
		a.giveOfClient(bytes)
		return err
	}
	return nil
}

// takeOfClient books rows for the client, whose queries leave one share to others.
func (a *Account) takeOfClient(bytes, limit int64) error {
	if a.client == nil {
		return nil
	}
	if most := limit - limit/queryShare; a.client.rows.Add(bytes) > most {
		a.client.rows.Add(-bytes)
		return a.Refuse("the queries of %s together would hold more than the %d bytes of working memory that one client may take: "+
			"retry when others of them have ended, or raise store::query_memory of the tapio extension", a.name, most)
	}
	return nil
}

func (a *Account) giveOfClient(bytes int64) {
	if a.client != nil {
		a.client.rows.Add(-bytes)
	}
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
	a.giveOfClient(bytes)
	a.budget.Used.Add(-bytes)
}

// Close gives back all. It may be called again.
func (a *Account) Close() {
	rows := a.Rows.Swap(0)
	a.giveOfClient(rows)
	a.budget.Used.Add(-rows - a.blocks.Swap(0))
	if a.client == nil {
		return
	}
	a.closed.Do(func() {
		a.budget.mu.Lock()
		defer a.budget.mu.Unlock()
		if a.client.accounts--; a.client.accounts == 0 {
			delete(a.budget.clients, a.name)
		}
	})
}
