// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"cmp"
	"context"

	"github.com/tapio/tapio/internal/model"
)

// minRows is the least number of rows that a member is asked for at once.
const minRows = 16

// rows is how rows of one kind are merged.
type rows[Row any] struct {
	// read reads a page of one member.
	read func(ctx context.Context, m *member, paging model.Paging) (model.Page[Row], error)
	// place is where a row stands in the order: by time, then by a number.
	place func(row *Row) (model.Nanos, uint64)
	size  func(row *Row) int
	// accept, unless nil, decides at its turn whether a row is returned.
	accept func(m *member, row *Row) bool
}

// merge is one page in the making.
type merge[Row any] struct {
	rows[Row]
	reader  *Reader
	paging  model.Paging
	atOnce  int // rows that a member is asked for
	sources []*mergeSource[Row]
	bytes   int64 // held of rows
}

// mergeSource is the rows of one member that wait for their turn.
type mergeSource[Row any] struct {
	member *member
	progress
	skipAt uint64 // rows of the time of progress that are still to be passed over
	list   []Row
	next   model.Cursor // page behind the list
	more   bool         // there is such a page
}

// pageOf returns a page of rows of all members.
func pageOf[Row any](ctx context.Context, r *Reader, paging model.Paging, seen *[]uint64, how rows[Row]) (page model.Page[Row], err error) {
	m := &merge[Row]{rows: how, reader: r, paging: paging}
	if err := m.begin(ctx, seen); err != nil {
		return page, err
	}
	limit, bytes := max(paging.Limit, 1), 0
	for len(page.Rows) < limit {
		if err := m.fill(ctx); err != nil {
			return page, err
		}
		s := m.first()
		if s == nil {
			break
		}
		row := &s.list[0]
		size := m.size(row)
		if len(page.Rows) > 0 && paging.MaxBytes > 0 && bytes+size > paging.MaxBytes {
			break
		}
		if m.accept == nil || m.accept(s.member, row) {
			page.Rows = append(page.Rows, *row)
			bytes += size
		}
		m.pass(s)
	}
	if m.left() && len(page.Rows) > 0 {
		page.Next = m.cursor(*seen)
	}
	return page, nil
}

// begin goes on from the cursor of the page before.
func (m *merge[Row]) begin(ctx context.Context, seen *[]uint64) error {
	after := m.paging.After
	var before *state
	if !after.IsZero() {
		if after.Epoch != m.reader.Epoch() {
			return model.InvalidField("filter.page_token", "is of a server that was started again: start again without a token")
		}
		var err error
		if before, err = decodeState(after.State); err != nil {
			return err
		}
		*seen = before.seen
	}
	members := m.reader.all()
	for _, one := range members {
		s := &mergeSource[Row]{member: one, more: true}
		if before != nil {
			last, known := before.members[nameHash(one.Name)]
			if !known {
				incomplete(ctx, one, "is left out of this and the following pages, for it was missing from an earlier one")
				continue
			}
			s.progress, s.next, s.more, s.skipAt = last, last.page, !last.ended, last.at
		}
		m.sources = append(m.sources, s)
	}
	limit := max(m.paging.Limit, 1)
	m.atOnce = min(limit, max(2*limit/max(len(members), 1)+1, minRows))
	return nil
}

// fill reads on with every member whose rows are used up.
func (m *merge[Row]) fill(ctx context.Context) error {
	var members []*member
	sources := map[*member]*mergeSource[Row]{}
	for _, s := range m.sources {
		if len(s.list) == 0 && s.more {
			members = append(members, s.member)
			sources[s.member] = s
		}
	}
	if len(members) == 0 {
		return nil
	}
	_, err := askSome(ctx, m.reader, members, func(ctx context.Context, one *member) (struct{}, error) {
		return struct{}{}, m.readOn(ctx, sources[one])
	})
	if err != nil && (len(members) == len(m.sources) || ctx.Err() != nil || isFault(err)) {
		return err
	}
	// Who did not answer is left out from here on.
	kept := m.sources[:0]
	for _, s := range m.sources {
		if len(s.list) > 0 || !s.more {
			kept = append(kept, s)
		}
	}
	m.sources = kept
	for _, s := range sources {
		for i := range s.list {
			m.bytes += int64(m.size(&s.list[i]))
		}
	}
	if m.bytes > m.reader.QueryMemory {
		return model.Exhausted("the rows of %d members take more memory than a query may hold: set a lower filter.limit, "+
			"or raise store::query_memory of the tapio extension", len(m.sources))
	}
	return nil
}

// readOn reads pages of one member until there is a row that was not returned yet.
func (m *merge[Row]) readOn(ctx context.Context, s *mergeSource[Row]) error {
	next, more, skipping, skipAt, list := s.next, s.more, s.any, s.skipAt, []Row(nil)
	begin := next
	for len(list) == 0 && more {
		paging := model.Paging{Limit: m.atOnce, MaxBytes: m.paging.MaxBytes, Ascending: m.paging.Ascending, After: next}
		page, err := m.read(ctx, s.member, paging)
		if err != nil {
			return err
		}
		if begin, list = next, page.Rows; begin.IsZero() {
			begin = page.Begin
		}
		for skipping && len(list) > 0 {
			at, _ := m.place(&list[0])
			switch {
			case m.order(at, s.time) < 0:
			case at == s.time && skipAt > 0:
				skipAt--
			default:
				skipping = false
				continue
			}
			list = list[1:]
		}
		next, more = page.Next, !page.Next.IsZero()
	}
	if begin != s.page { // another page begins
		s.at, s.any = 0, false
	}
	s.page, s.list, s.next, s.more, s.skipAt = begin, list, next, more, 0
	return nil
}

// order compares times in the order of the page.
func (m *merge[Row]) order(a, b model.Nanos) int {
	if m.paging.Ascending {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}

// first returns the member whose row comes next, nil if there are no more rows.
func (m *merge[Row]) first() (first *mergeSource[Row]) {
	for _, s := range m.sources {
		if len(s.list) == 0 {
			continue
		}
		if first == nil || m.comesBefore(&s.list[0], &first.list[0]) {
			first = s
		}
	}
	return first
}

func (m *merge[Row]) comesBefore(a, b *Row) bool {
	at, number := m.place(a)
	otherTime, otherNumber := m.place(b)
	if by := m.order(at, otherTime); by != 0 {
		return by < 0
	}
	return m.order(model.Nanos(number), model.Nanos(otherNumber)) < 0
}

// pass goes on behind the first row of a member.
func (m *merge[Row]) pass(s *mergeSource[Row]) {
	at, _ := m.place(&s.list[0])
	if s.any && at == s.time {
		s.at++
	} else {
		s.time, s.at, s.any = at, 1, true
	}
	m.bytes -= int64(m.size(&s.list[0]))
	s.list = s.list[1:]
}

// left reports whether a member has more rows.
func (m *merge[Row]) left() bool {
	for _, s := range m.sources {
		if len(s.list) > 0 || s.more {
			return true
		}
	}
	return false
}

// cursor is where the next page goes on.
func (m *merge[Row]) cursor(seen []uint64) model.Cursor {
	state := state{members: map[uint64]progress{}, seen: seen}
	for _, s := range m.sources {
		p := s.progress
		if len(s.list) == 0 { // the page of the member is used up
			p = progress{page: s.next, ended: !s.more}
		}
		state.members[nameHash(s.member.Name)] = p
	}
	return model.Cursor{Epoch: m.reader.Epoch(), State: state.encode()}
}
