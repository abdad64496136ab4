// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"iter"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// open returns the series with points in a range, and the catalog to translate them with.
func (q *Queryable) open(ctx context.Context, times model.TimeRange) (query.SeriesSelection, *catalog, error) {
	if q.index != nil {
		return q.index.Select(times), q.catalogOf(ctx), nil
	}
	set, err := q.reader.SelectSeries(ctx, model.SeriesQuery{Filter: model.Filter{Time: times}})
	if err != nil {
		return nil, nil, err
	}
	return &unindexed{SeriesSet: set}, newCatalog(q.catalogOf(ctx).translation), nil
}

// unindexed is the series of a backend without an index. Their references are valid for
// one query.
type unindexed struct {
	query.SeriesSet
	wanted []query.SeriesRef
	buffer []model.Point
}

var _ query.SeriesSelection = (*unindexed)(nil)

// refBlock is the number of series in a block of references.
const refBlock = 4096

// Refs implements query.SeriesSelection.
func (u *unindexed) Refs() iter.Seq[[]query.SeriesRef] {
	return func(yield func([]query.SeriesRef) bool) {
		block := make([]query.SeriesRef, 0, refBlock)
		for i := range u.Len() {
			block = append(block, query.SeriesRef{Born: 1, Slot: uint32(i)})
			if len(block) < refBlock && i+1 < u.Len() {
				continue
			}
			if !yield(block) {
				return
			}
			block = block[:0]
		}
	}
}

// Load implements query.SeriesSelection.
func (u *unindexed) Load(refs []query.SeriesRef) []*model.Series {
	list := make([]*model.Series, len(refs))
	for i, ref := range refs {
		list[i] = u.Series(int(ref.Slot))
	}
	return list
}

// Want implements query.SeriesSelection.
func (u *unindexed) Want(ctx context.Context, refs []query.SeriesRef) ([]bool, error) {
	u.wanted = refs
	return u.Present(ctx, refs)
}

// Present implements query.SeriesSelection.
func (u *unindexed) Present(_ context.Context, refs []query.SeriesRef) ([]bool, error) {
	some := make([]bool, len(refs))
	for i := range some {
		some[i] = true
	}
	return some, nil
}

// Points implements query.SeriesSelection.
func (u *unindexed) Points(_ context.Context, i int, _ bool, use func(*model.Point)) (err error) {
	u.buffer, err = u.SeriesSet.Points(int(u.wanted[i].Slot), u.buffer[:0])
	if err != nil {
		return err
	}
	for j := range u.buffer {
		use(&u.buffer[j])
	}
	return nil
}
