// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
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

// Merge returns the sum of the samples of a query.
type Merge func(ctx context.Context, q model.ProfileQuery) (*model.CallTree, error)

// Advise applies the rules to a tree, which is the sum of the samples of a query. It merges
// those of the JVM's threads for garbage collection, where rules need them. Of the samples
// of the tree some have no function name, and some stacks are not complete.
func Advise(ctx context.Context, merge Merge, tree *model.CallTree, query model.ProfileQuery, unsymbolized, truncated int64) (Advice, error) {
	var gcThreads *model.CallTree
	if NeedsThreads(tree) && !query.Filter.Invert {
		selector, err := model.NewSelector(semconv.ThreadName, string(model.OpMatches), []string{GCThreads})
		if err != nil {
			return Advice{}, err
		}
		query.Filter.Selectors = append(slices.Clone(query.Filter.Selectors), selector)
		if gcThreads, err = merge(ctx, query); err != nil {
			return Advice{}, err
		}
	}
	return Advice{Find(tree, gcThreads), Warnings(tree, unsymbolized, truncated)}, nil
}
