// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"iter"

	"github.com/tapio/tapio/internal/model"
)

// SeriesRef identifies a series of a backend as long as the backend holds a point of
// it. A Slot that is used again has a different Born. Born is never 0.
type SeriesRef struct {
	Born uint64
	Slot uint32
}

// SeriesIndex is an interface that a MetricReader MAY implement too. Its series have
// references, so that callers can cache what they derive from a series, such as its
// labels in Prometheus, across queries. Callers MUST work without it.
type SeriesIndex interface {
	// Select opens a selection of points of a range of time. It MUST be closed.
	Select(ctx context.Context, times model.TimeRange) SeriesSelection
}

// SeriesSelection reads the points of some series, one series after the other. It sees
// the backend as it was when it was made, less what is evicted meanwhile. It is for one
// goroutine at a time.
type SeriesSelection interface {
	Account
	// Refs returns all series, block by block. A block is the caller's only until it
	// asks for the next one.
	Refs() iter.Seq[[]SeriesRef]
	// Load returns the series of the references, nil for one that was evicted.
	Load(refs []SeriesRef) []*model.Series
	// Want locates the points of the series and returns, for each, whether there may be
	// some in the range. Points counts series as refs does. Want MUST be called once.
	Want(ctx context.Context, refs []SeriesRef) ([]bool, error)
	// Present returns, for each series, whether there may be points in the range, for
	// callers that need no points.
	Present(ctx context.Context, refs []SeriesRef) ([]bool, error)
	// Points calls use with the points of series i within the range, in no order.
	// Distributions and exemplars are restored only if extras is set. The point is the
	// receiver's only until it returns.
	Points(ctx context.Context, i int, extras bool, use func(*model.Point)) error
}

// Account is the working memory of one query.
type Account interface {
	// Take charges bytes that the caller holds, or fails with a *model.ExhaustedError.
	Take(bytes int64) error
	// Give takes bytes back off the account.
	Give(bytes int64)
	// Close gives back all that is charged. More calls of it do nothing.
	Close()
}
