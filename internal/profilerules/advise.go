// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Advice is what rules find in a selection of samples, and what makes it less reliable.
type Advice struct {
	Bottlenecks []Bottleneck
	Warnings    []string
}

// Reader reads the samples of queries, as query.ProfileReader does.
type Reader interface {
	MergeProfiles(ctx context.Context, q model.ProfileQuery) (*model.CallTree, error)
	GroupProfiles(ctx context.Context, q model.ProfileGroupQuery) (model.ProfileGroups, error)
}

// Advise applies the rules to a tree, which is the sum of the samples of a query. Where
// rules need them it reads the samples by thread. Of the samples of the tree some have no
// function name, and some stacks are not complete.
func Advise(ctx context.Context, from Reader, tree *model.CallTree, query model.ProfileQuery, unsymbolized, truncated int64) (Advice, error) {
	var gcThreads *model.CallTree
	var err error
	if NeedsThreads(tree) && !query.Filter.Invert {
		if gcThreads, err = mergedWith(ctx, from, query, semconv.ThreadName, string(model.OpMatches), GCThreads); err != nil {
			return Advice{}, err
		}
	}
	busiest, err := busiestThread(ctx, from, tree, query)
	if err != nil {
		return Advice{}, err
	}
	found := append(Find(tree, gcThreads), busiest...)
	slices.SortStableFunc(found, func(a, b Bottleneck) int { return cmp.Compare(b.Share, a.Share) })
	return Advice{found, Warnings(tree, unsymbolized, truncated)}, nil
}
