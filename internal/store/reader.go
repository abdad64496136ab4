// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

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

// Since returns the arrival of the oldest row of which everything later is still held, of
// every signal: what is older may have been evicted.
func Since(s *Store) model.Nanos {
	since := s.started
	for _, held := range []time.Time{s.events.since(), s.spans.since(), s.points.since()} {
		if held.After(since) {
			since = held
		}
	}
	return model.Nanos(max(since.UnixNano(), 1))
}

// Identify sets the id of a record on its way out.
func (s *Store) Identify(e *model.Event) {
	if e.ID = e.UID(); e.ID == "" {
		e.ID = s.eventID(e.Seq)
	}
}

func (s *Store) eventID(seq uint64) string { return fmt.Sprintf("%08x-%x", uint32(s.epoch), seq) }
