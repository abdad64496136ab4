// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/segment"
)

const (
	// checkRows is how many rows are looked at between two looks at the context.
	checkRows = 1000
	// aloneBlocks is how many blocks a query unpacks before it looks for help.
	// Most are done by then, and a goroutine is not worth a handful of blocks.
	aloneBlocks = 8
)

// search finds the first rows of an order. Several goroutines may work at it,
// each at another segment, and share what they have found: so each passes over
// what cannot precede the rows of the others.
type search[R any] struct {
	pager   *pager[R]
	after   model.Cursor
	cancel  context.CancelCauseFunc
	helpers sync.WaitGroup
	blocks  atomic.Int64 // that were unpacked
	called  atomic.Bool  // helpers are at work

	mu   sync.Mutex
	next int // view that no one works at yet
	best budget.Best[R]
}

// errPanicked ends the other goroutines of a search in which one panicked.
var errPanicked = errors.New("a part of the query failed")

// run returns the first matching rows, in order.
func (s *search[R]) run(ctx context.Context) ([]budget.Entry[R], error) {
	ctx, s.cancel = context.WithCancelCause(ctx)
	defer s.cancel(nil)
	defer s.helpers.Wait() // also while a panic passes by
	if err := s.work(ctx); err != nil {
		s.cancel(err)
	}
	s.helpers.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return s.best.Sorted(), nil
}

// work looks into one view after the other until none is left.
func (s *search[R]) work(ctx context.Context) error {
	for v := s.take(); v != nil; v = s.take() {
		if err := s.scan(ctx, v); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// take returns the next view that may hold rows of the answer, nil for none.
func (s *search[R]) take() *view[R] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == len(s.pager.views) {
		return nil
	}
	v := &s.pager.views[s.next]
	if s.best.Full() && s.pager.beyond(v.oldest, v.newest, s.best.Last().Time) {
		return nil // so are all that follow
	}
	s.next++
	return v
}

// callHelp gives the views that are left to further goroutines, as many as find
// a processor idle. A busy store answers each query by one.
func (s *search[R]) callHelp(ctx context.Context) {
	if s.blocks.Add(1) < aloneBlocks || !s.called.CompareAndSwap(false, true) {
		return
	}
	for range s.pager.budget.Idle() {
		s.helpers.Go(func() { s.help(ctx) })
	}
}

func (s *search[R]) help(ctx context.Context) {
	var err error
	if panicked := panics.Catch(func() { err = s.work(ctx) }); panicked != nil {
		err = errors.Join(errPanicked, panicked)
	}
	if err != nil {
		s.cancel(err)
	}
}

// scan looks at the rows of one chunk, in the direction of the order, so that
// the best mostly come first.
func (s *search[R]) scan(ctx context.Context, v *view[R]) error {
	p := s.pager
	if v.first > p.snapshot || !p.hint.Times.Overlaps(v.oldest, v.newest) {
		return nil
	}
	match := p.matcher()
	r, err := s.open(ctx, v)
	if err != nil {
		return err
	}
	defer r.close(p.account)
	for n := range r.blocks() {
		b := n
		if !p.ascending {
			b = r.blocks() - 1 - n
		}
		oldest, newest := r.times(b)
		if !r.admits(b) || p.before(oldest, newest, s.after) || s.hopeless(oldest, newest) {
			continue
		}
		if err := s.scanBlock(ctx, r, b, match); err != nil {
			return err
		}
	}
	return nil
}

// open asks the indexes of a chunk. Conditions on labels are put to all values of
// a segment, which takes as long as a block does.
func (s *search[R]) open(ctx context.Context, v *view[R]) (*reader[R], error) {
	p := s.pager
	if err := ctx.Err(); err != nil || v.segment == nil || len(p.hint.Tests) == 0 {
		return newReader(v, p.hint), err
	}
	if err := p.budget.Enter(ctx); err != nil {
		return nil, err
	}
	defer p.budget.Leave(ctx)
	s.callHelp(ctx)
	r := newReader(v, p.hint)
	return r, r.charge(p.account)
}

// hopeless reports whether all rows of these times come behind those found.
func (s *search[R]) hopeless(oldest, newest model.Nanos) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.best.Full() && s.pager.beyond(oldest, newest, s.best.Last().Time)
}

// scanBlock looks at one block.
func (s *search[R]) scanBlock(ctx context.Context, r *reader[R], b int, match func(*R) bool) error {
	p := s.pager
	if err := p.budget.Enter(ctx); err != nil {
		return err
	}
	defer p.budget.Leave(ctx)
	rows := r.load(b)
	if r.view.segment != nil {
		s.callHelp(ctx)
	}
	if err := r.charge(p.account); err != nil {
		return err
	}
	return s.scanRun(ctx, r.view, rows, match)
}

// scanRun looks at rows that are loaded.
func (s *search[R]) scanRun(ctx context.Context, v *view[R], r segment.Run[R], match func(*R) bool) error {
	p := s.pager
	from, to := p.narrow(v, r.Rows, s.after)
	bound, bounded := s.bound()
	for n := range to - from {
		if n%checkRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		i := to - 1 - n
		if p.ascending {
			i = from + n
		}
		e := budget.Entry[R]{Row: &r.Rows[i], Time: v.signal.when(&r.Rows[i]), Seq: v.first + uint64(r.Place(i))}
		if bounded && !p.precedes(e, bound) {
			if v.ordered {
				return nil // the rest is no better
			}
			continue
		}
		if e.Seq > p.snapshot || !s.after.IsZero() && !p.precedes(cursorEntry[R](s.after), e) || !match(e.Row) {
			continue
		}
		if err := s.keep(v, e); err != nil {
			return err
		}
		bound, bounded = s.bound()
	}
	return nil
}

// bound returns the entry that others must precede, if there is one yet. It may
// be an old one where others find rows meanwhile: they only come nearer.
func (s *search[R]) bound() (last budget.Entry[R], bounded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.best.Full() {
		return last, false
	}
	return s.best.Last(), true
}

// keep adds an entry. Of a block only the row itself is kept, so that a page of
// rows from far apart does not hold all that lies around them.
func (s *search[R]) keep(v *view[R], e budget.Entry[R]) error {
	if v.segment != nil {
		row := *e.Row
		e.Row = &row
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.best.Admits(e) {
		return nil
	}
	before := s.best.Bytes
	s.best.Add(e)
	return s.pager.account.Change(int64(s.best.Bytes - before))
}
