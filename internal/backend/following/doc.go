// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package following follows rows of servers that cannot push them: a tail polls by the time
// of arrival, looks at the latest rows again, for rows may become visible in another order
// than they arrived in, and drops those that it has returned before.
package following

import (
	"context"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Options are what all tails of one reader share.
type Options struct {
	// ServerNow returns the time of the server.
	ServerNow func(ctx context.Context) (model.Nanos, error)
	Now       func() time.Time
	Interval  time.Duration // between two looks
	Epoch     uint64        // of the reader's cursors
	Places    *Places
}

// Key is the place of a row in the order of arrival.
type Key struct {
	Arrival, At model.Nanos
	Seq         uint64
}

// Arrived is a row and its place.
type Arrived[Row any] struct {
	Row Row
	Key
}

// How is how rows of one kind are read.
type How[Row any] struct {
	// Late returns how late rows may be.
	Late func(ctx context.Context) (model.Nanos, error)
	// Page reads a page of the rows that had arrived until some time, from an event time
	// on.
	Page func(ctx context.Context, paging model.Paging, since, until model.Nanos) (model.Page[Row], error)
	// Arrivals calls use with rows behind a place, in the order of their arrival: at most
	// limit, and those of the same place as the last of them. It returns how many.
	Arrivals func(ctx context.Context, behind Key, limit int, use func(Arrived[Row])) (int, error)
	Place    func(*Row) (model.Nanos, uint64)
	Size     func(*Row) int
}
