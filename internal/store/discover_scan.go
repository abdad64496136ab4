// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/segment"
)

// scan shows all rows of one signal that a query selects, in no order.
type scan[R any] struct {
	budget  *budget.Budget
	log     *log[R]
	matcher matcher[R]
	hint    *segment.Hint
	account *budget.Account
	of      facts[R]
	whole   bool // all rows of the time range are selected
}

func (s *Store) scanEvents(q model.EventQuery, a *budget.Account) scan[model.Event] {
	return scan[model.Event]{
		budget: s.budget, log: s.events, matcher: eventMatcher(q), hint: segment.EventHint(&q), account: a, of: s.events.signal.facts,
		whole: isWhole(&q.Filter) && q.Kind == model.LogsAndEvents && q.TraceID.IsZero(),
	}
}

func (s *Store) scanSpans(q model.TraceQuery, a *budget.Account) scan[model.Span] {
	return scan[model.Span]{
		budget: s.budget, log: s.spans, matcher: spanMatcher(q), hint: segment.SpanHint(&q), account: a, of: s.spans.signal.facts,
		whole: isWhole(&q.Filter) && len(q.Operations)+len(q.StatusCodes)+len(q.Kinds) == 0 && q.MinDuration <= 0 && q.MaxDuration <= 0,
	}
}

// each calls use with every selected row, the newest chunk first. A row is the
// receiver's only until it returns. An error of use ends the scan.
func (s *scan[R]) each(ctx context.Context, use func(*R) error) error {
	views, _ := s.log.views()
	for i := len(views) - 1; i >= 0; i-- {
		if !s.hint.Times.Overlaps(views[i].oldest, views[i].newest) {
			continue
		}
		if err := s.view(ctx, &views[i], use); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *scan[R]) view(ctx context.Context, v *view[R], use func(*R) error) error {
	if err := s.budget.Enter(ctx); err != nil {
		return err
	}
	r := newReader(v, s.hint)
	s.budget.Leave(ctx)
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
	if err := s.budget.Enter(ctx); err != nil {
		return err
	}
	defer s.budget.Leave(ctx)
	rows := r.load(b)
	if err := r.charge(s.account); err != nil {
		return err
	}
	for i := range rows.Rows {
		if i%checkRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !match(&rows.Rows[i]) {
			continue
		}
		if err := use(&rows.Rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// sampledBlock is a block that may have selected rows.
type sampledBlock[R any] struct {
	view  *view[R]
	block int
}

// eachSampled is eachOr, but looks at no more than about most blocks of the segments
// that add does not take: of more at each so many-th, whose rows stand for n. It
// reports whether it did so.
func (s *scan[R]) eachSampled(
	ctx context.Context, most int, add func(*summary) (bool, error), use func(r *R, n uint64) error,
) (sampled bool, err error) {
	var blocks []sampledBlock[R]
	one := func(r *R) error { return use(r, 1) }
	views, _ := s.log.views()
	for i := range views {
		v := &views[i]
		if !s.hint.Times.Overlaps(v.oldest, v.newest) {
			continue
		}
		rest, err := s.take(ctx, v, add)
		if err == nil && rest != nil && rest.segment == nil {
			err = s.view(ctx, rest, one)
		}
		if err != nil {
			return false, err
		}
		if rest != nil && rest.segment != nil {
			blocks = s.admitted(blocks, rest)
		}
	}
	return len(blocks) > most, s.sample(ctx, blocks, max((len(blocks)+most-1)/most, 1), use)
}

// take gives the summary of a view to add, if the view is selected as a whole, and
// returns the rows that are left; nil if there are none.
func (s *scan[R]) take(ctx context.Context, v *view[R], add func(*summary) (bool, error)) (rest *view[R], err error) {
	if !s.whole || !covers(s.hint.Times, v.oldest, v.newest) {
		return v, nil
	}
	if v.segment == nil {
		return s.takeHead(ctx, v, add)
	}
	known, err := s.summaryOf(ctx, v)
	if err != nil {
		return v, err
	}
	if taken, err := add(known); !taken || err != nil {
		return v, err
	}
	return nil, nil
}

func (s *scan[R]) admitted(blocks []sampledBlock[R], v *view[R]) []sampledBlock[R] {
	r := newReader(v, s.hint)
	for b := range r.blocks() {
		if r.admits(b) {
			blocks = append(blocks, sampledBlock[R]{v, b})
		}
	}
	return blocks
}

// sample looks at one of step blocks.
func (s *scan[R]) sample(ctx context.Context, blocks []sampledBlock[R], step int, use func(r *R, n uint64) error) error {
	var r *reader[R]
	var match func(*R) bool
	defer func() {
		if r != nil {
			r.close(s.account)
		}
	}()
	for i := 0; i < len(blocks); i += step {
		n := uint64(min(step, len(blocks)-i)) // the last stands for fewer
		if r == nil || r.view != blocks[i].view {
			if r != nil {
				r.close(s.account)
			}
			r, match = newReader(blocks[i].view, s.hint), s.matcher()
		}
		if err := s.block(ctx, r, blocks[i].block, match, func(row *R) error { return use(row, n) }); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// isWhole reports whether a filter selects all rows of a time range.
func isWhole(f *model.Filter) bool {
	return len(f.Selectors)+len(f.Severities)+len(f.EventNames)+len(f.Services)+len(f.Namespaces) == 0 &&
		f.MinSeverity == model.SeverityUnspecified && f.Text == "" && !f.Invert
}

// isWholeOfServices reports whether a filter selects all rows of a time range that are of
// its services.
func isWholeOfServices(f *model.Filter) bool {
	rest := *f
	rest.Services = nil
	return isWhole(&rest)
}

// isAmong reports whether a value is one of those selected; none selects all.
func isAmong[T comparable](selected []T, value T) bool {
	return len(selected) == 0 || slices.Contains(selected, value)
}

// covers reports whether all times from oldest to newest are in the range.
func covers(r model.TimeRange, oldest, newest model.Nanos) bool {
	return oldest >= r.Start && (r.End == 0 || newest < r.End)
}

// eachOr calls add with the summary of each segment that is selected as a whole, as
// long as add takes it, and use with the rows of all others.
func (s *scan[R]) eachOr(ctx context.Context, add func(*summary) (bool, error), use func(*R) error) error {
	views, _ := s.log.views()
	for i := len(views) - 1; i >= 0; i-- {
		v := &views[i]
		if !s.hint.Times.Overlaps(v.oldest, v.newest) {
			continue
		}
		rest, err := s.take(ctx, v, add)
		if err == nil && rest != nil {
			err = s.view(ctx, rest, use)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
