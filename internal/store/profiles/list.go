// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"cmp"
	"context"
	"slices"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// infoBytes is what the list holds for a profile, with its place in a map.
const infoBytes = 2*int64(unsafe.Sizeof(model.ProfileInfo{})) + 17*slotShare/100

// List returns one page of profiles.
func (s *Store) List(ctx context.Context, query model.ProfileQuery, take Take) (model.Page[model.ProfileInfo], error) {
	page := model.Page[model.ProfileInfo]{}
	paging := query.Paging
	views := s.views()
	snapshot := newestSeq(views)
	if !paging.After.IsZero() {
		if paging.After.Epoch != s.epoch {
			return page, model.InvalidField("page_token", "is of an earlier store, whose profiles are gone: start again without it")
		}
		snapshot = paging.After.Snapshot
	}
	infos, err := collect(ctx, views, &query, snapshot, take)
	if err != nil {
		return page, err
	}
	order := func(a, b *model.ProfileInfo) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq))
	}
	slices.SortFunc(infos, func(a, b model.ProfileInfo) int {
		if paging.Ascending {
			return order(&a, &b)
		}
		return order(&b, &a)
	})
	infos = behind(infos, paging)
	bytes := 0
	for i := range infos {
		bytes += infos[i].Size()
		if i == paging.Limit || i > 0 && paging.MaxBytes > 0 && bytes > paging.MaxBytes {
			last := &infos[i-1]
			page.Next = model.Cursor{Epoch: s.epoch, Snapshot: snapshot, Time: last.Time, Seq: last.Seq}
			break
		}
		page.Rows = append(page.Rows, infos[i])
	}
	return page, nil
}

// behind drops what earlier pages had.
func behind(infos []model.ProfileInfo, paging model.Paging) []model.ProfileInfo {
	if paging.After.IsZero() {
		return infos
	}
	first := slices.IndexFunc(infos, func(info model.ProfileInfo) bool {
		place := cmp.Or(cmp.Compare(info.Time, paging.After.Time), cmp.Compare(info.Seq, paging.After.Seq))
		if paging.Ascending {
			return place > 0
		}
		return place < 0
	})
	if first < 0 {
		return nil
	}
	return infos[first:]
}

func newestSeq(views []view) (newest uint64) {
	for i := range views {
		if views[i].count > 0 {
			newest = max(newest, views[i].lastSeq())
		}
	}
	return newest
}

// collect describes the selected profiles up to a sequence, the parts of one together.
func collect(ctx context.Context, views []view, query *model.ProfileQuery, upTo uint64, take Take) ([]model.ProfileInfo, error) {
	var infos []model.ProfileInfo
	var refused error
	place := map[uint64]int{}
	origins := map[seriesKey]origin{}
	err := entries(ctx, views, query, func(s *selection, e *entry) {
		if refused != nil || e.seq > upTo || !s.matchesAny(e) {
			return
		}
		if i, found := place[e.profile]; found {
			infos[i].Samples += e.samples
			infos[i].Total += e.total
			return
		}
		if refused = take(infoBytes); refused != nil {
			return
		}
		place[e.profile] = len(infos)
		of, known := origins[s.series[e.series].key]
		if !known {
			of = s.origin(e.series)
			origins[s.series[e.series].key] = of
			if refused = take(keyValueSize * int64(len(of.resource.Attributes)+len(of.attributes))); refused != nil {
				return
			}
		}
		infos = append(infos, model.ProfileInfo{
			ID: e.id, Seq: e.profile, Resource: of.resource, Scope: of.scope, Attributes: of.attributes, Type: s.kinds[s.series[e.series].kind],
			Time: e.time, Duration: e.duration, Samples: e.samples, Total: e.total,
		})
	})
	if err == nil {
		err = refused
	}
	return infos, err
}
