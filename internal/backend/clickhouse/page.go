// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"math"
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

// order is the order of rows of one table.
type order struct {
	*source
	ascending bool
}

// by is the list behind ORDER BY. Log records are kept by stretches of five minutes, so
// that the server reads only those that it needs.
func (o order) by(columns ...string) string {
	direction := " DESC"
	if o.ascending {
		direction = " ASC"
	}
	list := ""
	if o.signal == model.SignalLogs {
		list = "toStartOfFiveMinutes(" + o.at + ")" + direction + ", "
	}
	list += o.at + direction
	for _, column := range columns {
		list += ", " + column + direction
	}
	return " ORDER BY " + list
}

// bound returns the condition that a row is not behind the first n of those that the
// conditions select, so that only the columns of these conditions are read of the others.
func (s *statement) bound(o order, conditions []string, n int) string {
	extreme, compare := "min", " >= "
	if o.ascending {
		extreme, compare = "max", " <= "
	}
	return o.at + compare + "(SELECT " + extreme + "(" + o.at + ") FROM (SELECT " + o.at + " FROM " + o.from(s.reader) +
		" WHERE " + all(conditions) + o.by() + " LIMIT " + s.limit(n) + "))"
}

// behind returns the conditions that rows are behind a place and not newer than its
// snapshot, and how many rows at the place were returned before.
func (s *statement) behind(o order, after model.Cursor) (conditions []string, skip int) {
	if o.inserted && after.Snapshot != 0 {
		conditions = append(conditions, insertedAt+" <= "+s.time(model.Nanos(after.Snapshot)))
	}
	if after.Seq == 0 || after.Time == math.MaxUint64 {
		return conditions, 0
	}
	at, seq := s.time(after.Time), s.unsigned(after.Seq)
	compare := func(op string) string {
		return "(" + o.at + " " + op + " " + at + " OR " + o.at + " = " + at + " AND " + o.seq + " " + op + "= " + seq + ")"
	}
	skip, _ = strconv.Atoi(after.State) // 0 for none
	if o.ascending {
		return append(conditions, o.at+" >= "+at, compare(">")), max(skip, 0)
	}
	return append(conditions, o.at+" <= "+at, compare("<")), max(skip, 0)
}

// snapshot returns the time up to which rows that are stored belong to the pages of a
// query: that of the first page. 0 where the tables do not know when rows came.
func (r *connection) snapshot(ctx context.Context, after model.Cursor, inserted bool) (uint64, error) {
	if !inserted || after.Snapshot != 0 {
		return after.Snapshot, nil
	}
	at, err := r.now(ctx)
	return uint64(at), err
}

// pager cuts a page out of rows that come in order.
type pager[Row any] struct {
	page     model.Page[Row]
	paging   model.Paging
	snapshot uint64
	epoch    uint64
	place    func(*Row) (model.Nanos, uint64)
	size     func(*Row) int
	skip     int // rows that were returned before
	bytes    int
	next     model.Cursor
	full     bool
}

// add adds a row. It returns false once the page is full.
func (p *pager[Row]) add(row *Row) bool {
	at, seq := p.place(row)
	same := at == p.next.Time && seq == p.next.Seq
	if p.skip > 0 && at == p.paging.After.Time && seq == p.paging.After.Seq {
		p.skip--
		p.pass(at, seq, same)
		return true
	}
	size := p.size(row)
	if n := len(p.page.Rows); n > 0 && (n >= max(p.paging.Limit, 1) || p.paging.MaxBytes > 0 && p.bytes+size > p.paging.MaxBytes) {
		p.full = true
		return false
	}
	p.page.Rows = append(p.page.Rows, *row)
	p.bytes += size
	p.pass(at, seq, same)
	return true
}

// pass moves the place of the next page behind a row, counting rows of one place.
func (p *pager[Row]) pass(at model.Nanos, seq uint64, same bool) {
	passed := 1
	if same {
		n, _ := strconv.Atoi(p.next.State)
		passed += n
	}
	p.next = model.Cursor{Epoch: p.epoch, Snapshot: p.snapshot, Time: at, Seq: seq, State: strconv.Itoa(passed)}
}

// result returns the page.
func (p *pager[Row]) result() model.Page[Row] {
	if p.full {
		p.page.Next = p.next
	}
	p.page.Begin = model.BeginOf(p.epoch, p.snapshot, p.paging.Ascending)
	return p.page
}
