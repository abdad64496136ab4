// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// queryReader is a Store whose tails are interfaces.
type queryReader struct{ *Store }

var (
	_ query.SeriesIndex = queryReader{}
	_ query.Snapshotter = queryReader{}
)

// Snapshot implements query.Snapshotter.
func (r queryReader) Snapshot() model.Cursor {
	return model.BeginOf(r.epoch, r.Stats()[0].LastSeq, false)
}

// Reader returns the store as the API depends on it.
func (s *Store) Reader() query.Reader { return queryReader{s} }

func (r queryReader) TailEvents(_ context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return r.Store.TailEvents(q, start)
}

func (r queryReader) TailRecords(_ context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return r.Store.TailRecords(q, start)
}

func (r queryReader) TailSpans(_ context.Context, q model.TraceQuery, start model.Start) query.Tail[model.Span] {
	return r.Store.TailSpans(q, start)
}

func (r queryReader) TailPoints(_ context.Context, q model.PointQuery, start model.Start) query.Tail[model.Point] {
	return r.Store.TailPoints(q, start)
}
