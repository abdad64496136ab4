// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapio/tapio/internal/tapio"
)

// checkRows is how many rows are looked at between two looks at the context.
const checkRows = 1000

// pager finds the rows of pages in one state of the log.
type pager[R any] struct {
	log       *log[R]
	views     []view[R]
	epoch     uint64
	snapshot  uint64
	ascending bool
	times     tapio.TimeRange
	matcher   matcher[R]
	looked    int
}

func newPager[R any](epoch uint64, l *log[R], paging tapio.Paging, times tapio.TimeRange, m matcher[R]) (*pager[R], error) {
	views, last := l.views()
	p := &pager[R]{
		log: l, views: views, epoch: epoch, snapshot: last,
		ascending: paging.Ascending, times: times, matcher: m,
	}
	if !paging.After.IsZero() {
		if paging.After.Epoch != epoch {
			return nil, tapio.InvalidField("filter.page_token",
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

func queryPage[R any](ctx context.Context, s *Store, l *log[R], paging tapio.Paging, times tapio.TimeRange, m matcher[R]) (tapio.Page[R], error) {
	p, err := newPager(s.epoch, l, paging, times, m)
	if err != nil {
		return tapio.Page[R]{}, err
	}
	limit := max(paging.Limit, 1)
	found, err := p.top(ctx, limit+1, paging.After) // one more tells whether there is a next page
	if err != nil {
		return tapio.Page[R]{}, err
	}
	return p.page(found, limit, paging.MaxBytes), nil
}

// page takes rows up to the limits.
func (p *pager[R]) page(found []entry[R], limit, maxBytes int) tapio.Page[R] {
	page := tapio.Page[R]{Rows: make([]R, 0, min(len(found), limit))}
	bytes := 0
	for i, e := range found {
		bytes += p.log.signal.answer(e.row)
		if i == limit || (i > 0 && maxBytes > 0 && bytes > maxBytes) {
			page.Next = p.cursor(found[i-1])
			break
		}
		page.Rows = append(page.Rows, *e.row)
	}
	return page
}

func (p *pager[R]) cursor(e entry[R]) tapio.Cursor {
	return tapio.Cursor{Epoch: p.epoch, Snapshot: p.snapshot, Time: e.time, Seq: e.seq}
}

// top returns the first n matching rows behind the cursor, in order.
func (p *pager[R]) top(ctx context.Context, n int, after tapio.Cursor) ([]entry[R], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := best[R]{n: n, ascending: p.ascending}
	for i := range p.views {
		v := &p.views[i]
		if found.full() && p.beyond(v, found.entries[0].time) {
			break // so are all that follow
		}
		if err := p.scan(ctx, v, after, &found); err != nil {
			return nil, err
		}
	}
	return found.sorted(), nil
}

// beyond reports whether all rows of the chunk come after the time in the order.
func (p *pager[R]) beyond(v *view[R], worst tapio.Nanos) bool {
	if p.ascending {
		return v.oldest > worst
	}
	return v.newest < worst
}

// scan looks at the rows of one chunk, in the direction of the order, so that
// the best mostly come first.
func (p *pager[R]) scan(ctx context.Context, v *view[R], after tapio.Cursor, found *best[R]) error {
	if v.first > p.snapshot || !p.times.Overlaps(v.oldest, v.newest) {
		return nil
	}
	match := p.matcher()
	cursor := entry[R]{time: after.Time, seq: after.Seq}
	from, to := p.narrow(v, after)
	for n := range to - from {
		if p.looked++; p.looked%checkRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		i := to - 1 - n
		if p.ascending {
			i = from + n
		}
		e := entry[R]{row: &v.rows[i], time: p.log.signal.when(&v.rows[i]), seq: v.first + uint64(i)}
		if !found.admits(e) {
			if v.ordered {
				return nil // the rest is no better
			}
			continue
		}
		if e.seq <= p.snapshot && (after.IsZero() || found.precedes(cursor, e)) && match(e.row) {
			found.add(e)
		}
	}
	return nil
}

// narrow bounds the rows to look at, where they are in the order of time.
func (p *pager[R]) narrow(v *view[R], after tapio.Cursor) (from, to int) {
	if !v.ordered {
		return 0, len(v.rows)
	}
	times := p.times
	if !after.IsZero() && p.ascending {
		times.Start = max(times.Start, after.Time)
	}
	from, to = p.firstAt(v, times.Start), len(v.rows)
	if times.End != 0 {
		to = p.firstAt(v, times.End)
	}
	if !after.IsZero() && !p.ascending && after.Time+1 != 0 {
		to = min(to, p.firstAt(v, after.Time+1))
	}
	return min(from, to), to
}

// firstAt returns the place of the first row at the time or later.
func (p *pager[R]) firstAt(v *view[R], t tapio.Nanos) int {
	i, _ := slices.BinarySearchFunc(v.rows, t, func(row R, t tapio.Nanos) int {
		if p.log.signal.when(&row) < t {
			return -1
		}
		return 1
	})
	return i
}
