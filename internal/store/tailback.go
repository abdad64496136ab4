// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import "context"

// goBack moves the position before the last matching rows, the first time it is
// called. It stands by the rows that are still there.
func (t *Tail[R]) goBack(ctx context.Context) error {
	if t.last <= 0 {
		return nil
	}
	views, _ := t.log.views()
	back := walk{left: t.last, position: t.history, history: t.history}
	for i := len(views) - 1; i >= 0 && back.left > 0; i-- {
		if err := t.goBackIn(ctx, &views[i], &back); err != nil {
			return err
		}
	}
	t.last, t.position = 0, back.position
	return nil
}

// walk is how far goBack has come.
type walk struct {
	left              int
	position, history uint64
	looked            int
}

func (t *Tail[R]) goBackIn(ctx context.Context, v *view[R], back *walk) error {
	r, match := newReader(v, t.hint), t.matcher()
	for b := r.blocks() - 1; b >= 0 && back.left > 0; b-- {
		if !r.admits(b) {
			continue
		}
		rows := r.load(b)
		for n := len(rows.Rows) - 1; n >= 0 && back.left > 0; n-- {
			if back.looked++; back.looked%checkRows == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			seq := v.first + uint64(rows.Place(n))
			if seq <= back.history && match(&rows.Rows[n]) {
				back.left--
				back.position = seq - 1
			}
		}
	}
	return nil
}
