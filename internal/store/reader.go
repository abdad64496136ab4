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
	for _, held := range []time.Time{sinceOf(s.events), sinceOf(s.spans), sinceOfPoints(s.points)} {
		if held.After(since) {
			since = held
		}
	}
	return model.Nanos(max(since.UnixNano(), 1))
}

// sinceOf returns the arrival of the oldest row held, and the zero time if nothing was
// evicted.
func sinceOf[R any](l *log[R]) time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case l.evicted[reasonSize]+l.evicted[reasonAge] == 0:
		return time.Time{}
	case len(l.chunks) == 0:
		return l.emptied // nothing that arrived later is missing
	default:
		return l.chunks[0].opened
	}
}

// sinceOfPoints is sinceOf for metric points.
func sinceOfPoints(l *pointLog) time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case l.evicted[reasonSize]+l.evicted[reasonAge] == 0:
		return time.Time{}
	case len(l.chunks) == 0:
		return l.emptied // nothing that arrived later is missing
	default:
		return l.chunks[0].opened
	}
}

// Identify sets the id of a record on its way out.
func (s *Store) Identify(e *model.Event) {
	if e.ID = e.UID(); e.ID == "" {
		e.ID = s.eventID(e.Seq)
	}
}

func (s *Store) eventID(seq uint64) string { return fmt.Sprintf("%08x-%x", uint32(s.epoch), seq) }
