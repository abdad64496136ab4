// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/tapio/tapio/internal/model"
)

// scan shows all rows of one signal that a query selects, in no order.
type scan[R any] struct {
	store   *Store
	log     *log[R]
	matcher matcher[R]
	hint    *hint
	account *account
}

func (s *Store) scanEvents(q model.EventQuery, a *account) scan[model.Event] {
	return scan[model.Event]{store: s, log: s.events, matcher: eventMatcher(q), hint: eventHint(&q), account: a}
}

func (s *Store) scanSpans(q model.TraceQuery, a *account) scan[model.Span] {
	return scan[model.Span]{store: s, log: s.spans, matcher: spanMatcher(q), hint: spanHint(&q), account: a}
}

// each calls use with every selected row, the newest chunk first. A row is the
// receiver's only until it returns. An error of use ends the scan.
func (s *scan[R]) each(ctx context.Context, use func(*R) error) error {
	views, _ := s.log.views()
	for i := len(views) - 1; i >= 0; i-- {
		if !s.hint.times.Overlaps(views[i].oldest, views[i].newest) {
			continue
		}
		if err := s.view(ctx, &views[i], use); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *scan[R]) view(ctx context.Context, v *view[R], use func(*R) error) error {
	if err := s.store.budget.enter(ctx); err != nil {
		return err
	}
	r := newReader(v, s.hint)
	s.store.budget.leave()
	defer r.close(s.account)
	match := s.matcher()
	for b := range r.blocks() {
		if !r.admits(b) {
			continue
		}
		if err := s.block(ctx, r, b, match, use); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan[R]) block(ctx context.Context, r *reader[R], b int, match func(*R) bool, use func(*R) error) error {
	if err := s.store.budget.enter(ctx); err != nil {
		return err
	}
	defer s.store.budget.leave()
	rows := r.load(b)
	if err := r.charge(s.account); err != nil {
		return err
	}
	for i := range rows.rows {
		if i%checkRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !match(&rows.rows[i]) {
			continue
		}
		if err := use(&rows.rows[i]); err != nil {
			return err
		}
	}
	return nil
}
