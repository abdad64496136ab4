// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
)

// QueryPoints returns one page of metric points; for errors see QueryEvents.
func (s *Store) QueryPoints(ctx context.Context, q model.PointQuery) (model.Page[model.Point], error) {
	p := pointPager{
		query: &q, epoch: s.epoch, budget: s.budget, account: s.budget.Account(ctx),
		book: newSeriesBook(s.points, q.Names, &q.Filter),
	}
	defer p.account.Close()
	p.book.steady = true
	p.views, p.snapshot = s.points.views()
	if after := q.Paging.After; !after.IsZero() {
		if after.Epoch != s.epoch {
			return model.Page[model.Point]{}, model.InvalidField("filter.page_token",
				"is of a store that is gone, for the server was restarted: begin again without a token")
		}
		p.snapshot = min(p.snapshot, after.Snapshot)
	}
	limit := max(q.Paging.Limit, 1)
	p.found = budget.Best[model.Point]{
		N:        limit + 1, // one more shows whether there is a next page
		MaxBytes: q.Paging.MaxBytes, Size: (*model.Point).AnswerSize, Ascending: q.Paging.Ascending,
	}
	if err := p.scan(ctx); err != nil {
		return model.Page[model.Point]{}, err
	}
	return p.page(p.found.Sorted(), limit), nil
}

// pointPager finds the points of a page in one state of the log.
type pointPager struct {
	query    *model.PointQuery
	epoch    uint64
	snapshot uint64
	budget   *budget.Budget
	account  *budget.Account
	book     *seriesBook
	views    []pointView
	found    budget.Best[model.Point]
}

// scan looks at the chunks, the ones first that can hold the first rows.
func (p *pointPager) scan(ctx context.Context) error {
	slices.SortFunc(p.views, func(a, b pointView) int {
		if p.query.Paging.Ascending {
			return cmp.Compare(a.oldest, b.oldest)
		}
		return cmp.Compare(b.newest, a.newest)
	})
	for i := range p.views {
		v := &p.views[i]
		if p.found.Full() && p.beyond(v) {
			break // so are all that follow
		}
		if v.first > p.snapshot || !p.query.Filter.Time.Overlaps(v.oldest, v.newest) || p.before(v) {
			continue
		}
		if err := p.scanView(ctx, v); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (p *pointPager) scanView(ctx context.Context, v *pointView) (err error) {
	if err := p.budget.Enter(ctx); err != nil {
		return err
	}
	defer p.budget.Leave(ctx)
	if !p.book.learnView(v) {
		return nil // evicted since: gone, as its rows are
	}
	looked := 0
	admit := func(t model.Nanos, seq uint64) bool {
		if looked++; looked%checkRows == 0 && err == nil {
			err = ctx.Err()
		}
		return err == nil && p.admits(t, seq)
	}
	v.eachPoint(p.book, !p.query.Paging.Ascending, admit, func(point *model.Point) bool {
		kept, before := *point, p.found.Bytes
		p.found.Add(budget.Entry[model.Point]{Row: &kept, Time: kept.Time, Seq: kept.Seq})
		err = p.account.Change(int64(p.found.Bytes - before))
		return err == nil
	})
	return err
}

// admits reports whether a point belongs to the page, as far as is known.
func (p *pointPager) admits(t model.Nanos, seq uint64) bool {
	e := budget.Entry[model.Point]{Time: t, Seq: seq}
	after := p.query.Paging.After
	return seq <= p.snapshot && p.query.Filter.Time.Contains(t) && p.found.Admits(e) &&
		(after.IsZero() || p.found.Precedes(cursorEntry[model.Point](after), e))
}

// beyond reports whether all rows of a chunk come after those that were found.
func (p *pointPager) beyond(v *pointView) bool {
	worst := p.found.Last().Time
	if p.query.Paging.Ascending {
		return v.oldest > worst
	}
	return v.newest < worst
}

// before reports whether all rows of a chunk come before the cursor.
func (p *pointPager) before(v *pointView) bool {
	after := p.query.Paging.After
	switch {
	case after.IsZero():
		return false
	case p.query.Paging.Ascending:
		return v.newest < after.Time
	default:
		return v.oldest > after.Time
	}
}

// page takes rows up to the limits.
func (p *pointPager) page(found []budget.Entry[model.Point], limit int) model.Page[model.Point] {
	page := model.Page[model.Point]{
		Rows: make([]model.Point, 0, min(len(found), limit)), Begin: model.BeginOf(p.epoch, p.snapshot, p.query.Paging.Ascending),
	}
	bytes, most := 0, p.query.Paging.MaxBytes
	for i, e := range found {
		bytes += e.Row.AnswerSize()
		if i == limit || (i > 0 && most > 0 && bytes > most) {
			last := found[i-1]
			page.Next = model.Cursor{Epoch: p.epoch, Snapshot: p.snapshot, Time: last.Time, Seq: last.Seq}
			break
		}
		page.Rows = append(page.Rows, *e.Row)
	}
	return page
}
