// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/segment"
)

// pager finds the rows of pages in one state of the log.
type pager[R any] struct {
	log       *log[R]
	views     []view[R]
	epoch     uint64
	snapshot  uint64
	ascending bool
	matcher   matcher[R]
	hint      *segment.Hint
	budget    *budget.Budget
	account   *budget.Account
}

// newPager makes a pager; it must be closed.
func newPager[R any](ctx context.Context, s *Store, l *log[R], paging model.Paging, m matcher[R], h *segment.Hint) (*pager[R], error) {
	views, last := l.views()
	p := &pager[R]{
		log: l, views: views, epoch: s.epoch, snapshot: last,
		ascending: paging.Ascending, matcher: m, hint: h,
		budget: s.budget, account: s.budget.Account(ctx),
	}
	if !paging.After.IsZero() {
		if paging.After.Epoch != s.epoch {
			return nil, model.InvalidField("filter.page_token",
				"is of a store that is gone, for the server was restarted: begin again without a token")
		}
		p.snapshot = min(last, paging.After.Snapshot)
	}
	p.sortViews()
	return p, nil
}

// sortViews puts the chunk first that can hold the first row of the order.
func (p *pager[R]) sortViews() {
	slices.SortFunc(p.views, func(a, b view[R]) int {
		if p.ascending {
			return cmp.Compare(a.oldest, b.oldest)
		}
		return cmp.Compare(b.newest, a.newest)
	})
}

func queryPage[R any](ctx context.Context, s *Store, l *log[R], paging model.Paging, m matcher[R], h *segment.Hint) (model.Page[R], error) {
	p, err := newPager(ctx, s, l, paging, m, h)
	if err != nil {
		return model.Page[R]{}, err
	}
	defer p.close()
	limit := max(paging.Limit, 1)
	found, err := p.top(ctx, limit+1, paging.MaxBytes, paging.After) // one more reports whether there is a next page
	if err != nil {
		return model.Page[R]{}, err
	}
	return p.page(found, limit, paging.MaxBytes), nil
}

// page takes rows up to the limits.
func (p *pager[R]) page(found []budget.Entry[R], limit, maxBytes int) model.Page[R] {
	page := model.Page[R]{Rows: make([]R, 0, min(len(found), limit)), Begin: model.BeginOf(p.epoch, p.snapshot, p.ascending)}
	bytes := 0
	for i, e := range found {
		bytes += p.log.signal.answer(e.Row)
		if i == limit || (i > 0 && maxBytes > 0 && bytes > maxBytes) {
			page.Next = p.cursor(found[i-1])
			break
		}
		page.Rows = append(page.Rows, *e.Row)
	}
	return page
}

func (p *pager[R]) close() { p.account.Close() }

func (p *pager[R]) cursor(e budget.Entry[R]) model.Cursor {
	return model.Cursor{Epoch: p.epoch, Snapshot: p.snapshot, Time: e.Time, Seq: e.Seq}
}

// top returns the first n matching rows behind the cursor, in order; fewer where
// those before the last one are MaxBytes already.
func (p *pager[R]) top(ctx context.Context, n, maxBytes int, after model.Cursor) ([]budget.Entry[R], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := search[R]{pager: p, after: after, best: budget.Best[R]{
		N: n, MaxBytes: maxBytes, Size: p.log.signal.answer, Ascending: p.ascending,
	}}
	return s.run(ctx)
}

// precedes reports whether a comes before b in the order.
func (p *pager[R]) precedes(a, b budget.Entry[R]) bool {
	order := budget.Best[R]{Ascending: p.ascending}
	return order.Precedes(a, b)
}

func cursorEntry[R any](c model.Cursor) budget.Entry[R] {
	return budget.Entry[R]{Time: c.Time, Seq: c.Seq}
}

// beyond reports whether all rows of these times come after the time in the
// order.
func (p *pager[R]) beyond(oldest, newest, worst model.Nanos) bool {
	if p.ascending {
		return oldest > worst
	}
	return newest < worst
}

// before reports whether all rows of these times come before the cursor.
func (p *pager[R]) before(oldest, newest model.Nanos, after model.Cursor) bool {
	if after.IsZero() {
		return false
	}
	if p.ascending {
		return newest < after.Time
	}
	return oldest > after.Time
}

// narrow bounds the rows to look at, where they are in the order of time.
func (p *pager[R]) narrow(v *view[R], rows []R, after model.Cursor) (from, to int) {
	if !v.ordered {
		return 0, len(rows)
	}
	times := p.hint.Times
	if !after.IsZero() && p.ascending {
		times.Start = max(times.Start, after.Time)
	}
	from, to = p.firstAt(rows, times.Start), len(rows)
	if times.End != 0 {
		to = p.firstAt(rows, times.End)
	}
	if !after.IsZero() && !p.ascending && after.Time+1 != 0 {
		to = min(to, p.firstAt(rows, after.Time+1))
	}
	return min(from, to), to
}

// firstAt returns the first of the rows at the time or later.
func (p *pager[R]) firstAt(rows []R, t model.Nanos) int {
	return sort.Search(len(rows), func(i int) bool { return p.log.signal.when(&rows[i]) >= t })
}
