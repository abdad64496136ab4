// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/profile"
)

// placeBytes is about what a place in the call tree of a sum takes, its part of the
// frames included.
const placeBytes = 160

// ListProfiles implements query.ProfileReader.
func (r *Reader) ListProfiles(ctx context.Context, q model.ProfileQuery) (model.Page[model.ProfileInfo], error) {
	return pageOf(ctx, r, q.Paging, new([]uint64), rows[model.ProfileInfo]{
		read: func(ctx context.Context, m *member, paging model.Paging) (model.Page[model.ProfileInfo], error) {
			one := q
			one.Paging = paging
			return m.Reader.ListProfiles(ctx, one)
		},
		place: func(p *model.ProfileInfo) (model.Nanos, uint64) { return p.Time, 0 },
		size:  (*model.ProfileInfo).Size,
	})
}

// MergeProfiles implements query.ProfileReader. Each member adds its profiles up, and
// the sums are added up here as they arrive.
func (r *Reader) MergeProfiles(ctx context.Context, q model.ProfileQuery) (*model.CallTree, error) {
	sum := profile.NewSum(int(r.QueryMemory / placeBytes))
	var adding sync.Mutex
	var failed error // of the sum: what is in it by then is not the answer
	_, err := ask(ctx, r, func(ctx context.Context, m *member) (struct{}, error) {
		tree, err := m.Reader.MergeProfiles(ctx, q)
		if err != nil {
			return struct{}{}, err
		}
		adding.Lock()
		defer adding.Unlock()
		if failed == nil {
			failed = sum.Add(tree)
		}
		return struct{}{}, failed
	})
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	return sum.Tree(), nil
}

// groupKey identifies a group of samples.
type groupKey struct {
	value   string
	noValue bool
	trace   model.TraceID
}

// GroupProfiles implements query.ProfileReader. Groups of several members are added up; of
// such a group the costliest function is that of the member where one costs most.
func (r *Reader) GroupProfiles(ctx context.Context, q model.ProfileGroupQuery) (sum model.ProfileGroups, err error) {
	answers, err := ask(ctx, r, func(ctx context.Context, m *member) (model.ProfileGroups, error) {
		return m.Reader.GroupProfiles(ctx, q)
	})
	if err != nil {
		return sum, err
	}
	places := map[groupKey]int{}
	for _, a := range answers {
		sum.Total += a.value.Total
		for _, g := range a.value.Groups {
			key := groupKey{g.Value, g.NoValue, g.TraceID}
			i, known := places[key]
			if !known {
				places[key] = len(sum.Groups)
				sum.Groups = append(sum.Groups, g)
				continue
			}
			to := &sum.Groups[i]
			to.Total += g.Total
			to.Samples += g.Samples
			if g.TopSelf > to.TopSelf {
				to.TopFunction, to.TopSelf = g.TopFunction, g.TopSelf
			}
		}
	}
	slices.SortFunc(sum.Groups, func(a, b model.ProfileGroup) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Value, b.Value), bytes.Compare(a.TraceID[:], b.TraceID[:]))
	})
	return sum, nil
}
