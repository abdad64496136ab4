// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// pageBytes ends a page below the 4 MiB that a gRPC client takes by default.
const pageBytes = 3 << 20

// limits are the bounds of Filter.limit: what 0 stands for, and the most.
type limits struct{ unset, most int }

func recordLimits() limits { return limits{unset: 100, most: 10_000} }
func traceLimits() limits  { return limits{unset: 20, most: 1_000} }

func (l limits) of(f *tapiov1.Filter) (int, error) {
	n := f.GetLimit()
	if n == 0 {
		return l.unset, nil
	}
	if uint64(n) > uint64(l.most) {
		return 0, model.InvalidField("limit", "must be 0 to %d, is %d: use page_token for more", l.most, n)
	}
	return int(n), nil
}

// paging reads the page that a request asks for. Paths in its errors start at
// the filter.
func paging(req proto.Message, f *tapiov1.Filter, bounds limits) (model.Paging, error) {
	limit, err := bounds.of(f)
	if err != nil {
		return model.Paging{}, err
	}
	after, err := cursorOf(req, f.GetPageToken())
	if err != nil {
		return model.Paging{}, err
	}
	return model.Paging{Limit: limit, MaxBytes: pageBytes, After: after, Ascending: f.GetAscending()}, nil
}

// notPaged refuses a page token where an answer has no pages.
func notPaged(f *tapiov1.Filter) error {
	if f.GetPageToken() != "" {
		return model.InvalidField("page_token", "must be unset: this answer has no further pages")
	}
	return nil
}

// notForStreams refuses what has no meaning for a stream. One of stored records
// only may have a time range.
func notForStreams(f *tapiov1.Filter, historyOnly bool) error {
	switch {
	case f.GetLimit() != 0:
		return model.InvalidField("limit", "must be unset: a stream has no pages")
	case f.GetPageToken() != "":
		return model.InvalidField("page_token", "must be unset: a stream has no pages; go on with start.after_sequence")
	case f.GetAscending():
		return model.InvalidField("ascending", "must be unset: a stream comes in the order of the store")
	case f.GetTimeRange() != nil && !historyOnly:
		return model.InvalidField("time_range", "must be unset: set start to the position where the stream begins, or set history_only")
	default:
		return nil
	}
}
