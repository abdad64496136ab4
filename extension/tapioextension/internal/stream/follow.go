// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package stream sends the tails of a store to its readers, each at its pace.
package stream

import (
	"context"
	"slices"

	"github.com/tapio/tapio/extension/tapioextension/internal/fanout"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	// TailRows is the most rows read from a tail at once.
	TailRows = 512
	// MessageBytes is the size of rows at which a page ends, so that an answer
	// stays well below a client's default limit of 4 MiB.
	MessageBytes = 1 << 20
)

// tail is a store's tail of one signal.
type tail[Row any] interface {
	Ready(ctx context.Context) error
	Poll(limit int) (rows []Row, loss model.Loss, more bool)
	Bound(bytes int)
	Skip() model.Loss
	Position() uint64
}

// Sender sends one message of a stream: rows, or a loss, or both.
type Sender[Row any] func(rows []Row, loss *tapiov1.Loss) error

// Following is how a tail is followed.
type Following[Row any] struct {
	Signal      string
	Live        bool // a reader that would rather miss records than be far behind
	HistoryOnly bool
	Size        func(*Row) int
	Send        Sender[Row]
	// Report sends what is no row.
	Report func(Report) error
	// Positions asks to report once what was stored has been sent.
	Positions bool
	// Sources are the tiers that the tail reads. They are reported once what was stored
	// has been sent, without those that failed.
	Sources *query.Sources
}

// Report is a message of a stream without rows.
type Report struct {
	Notes    []*tapiov1.SourceNote
	Sources  []string
	CaughtUp bool
	Position uint64 // behind which the stream goes on
}

// Follow sends a tail until its context ends or, with HistoryOnly, until it has
// caught up. A reader that is slow makes send block, never the store.
func Follow[Row any](ctx context.Context, readers *fanout.Readers, tail tail[Row], how Following[Row]) error {
	// Positions of a tail of several sources cannot be compared with those of the store.
	_, severalSources := tail.(query.Noted)
	reader := readers.Enter(how.Signal, how.Live && !severalSources, tail.Position())
	defer reader.Leave()
	reported, tiers := !how.Positions, tiersOfStream{sources: how.Sources}
	for more, empty := true, false; more || !how.HistoryOnly; {
		// The place where a stream begins is reported although nothing has come yet.
		if empty || !how.HistoryOnly && reported {
			if err := tail.Ready(ctx); err != nil {
				return err
			}
		}
		var err error
		if more, empty, err = pass(ctx, reader, tail, &how); err != nil {
			return err
		}
		report := Report{Notes: protoconv.Notes(notesOf(tail)), CaughtUp: !more && !reported, Position: tail.Position()}
		report.Sources = tiers.report(report.Notes, more)
		if len(report.Notes) == 0 && len(report.Sources) == 0 && !report.CaughtUp {
			continue
		}
		if reported = reported || report.CaughtUp; how.Report == nil {
			continue
		}
		if err := how.Report(report); err != nil {
			return err
		}
	}
	return nil
}

// WithSources is query.WithSources, for where a query has that name.
func WithSources(ctx context.Context) (context.Context, *query.Sources) {
	return query.WithSources(ctx)
}

// tiersOfStream is which tiers took part in what a stream read of the past.
type tiersOfStream struct {
	sources *query.Sources // nil once they are reported
	missing []string
}

// report returns the tiers once, when all that was stored has been sent.
func (t *tiersOfStream) report(notes []*tapiov1.SourceNote, more bool) (sources []string) {
	if t.sources == nil {
		return nil
	}
	for _, note := range notes {
		if note.GetState() != tapiov1.SourceNote_STATE_INCOMPLETE {
			t.missing = append(t.missing, note.GetSource())
		}
	}
	if more {
		return nil
	}
	sources = slices.DeleteFunc(t.sources.List(), func(name string) bool { return slices.Contains(t.missing, name) })
	t.sources = nil
	return sources
}

// notesOf returns what a tail has to report of its sources.
func notesOf(tail any) []query.Note {
	if noted, ok := tail.(query.Noted); ok {
		return noted.Notes()
	}
	return nil
}

// pass sends what there is, at most a reader's share. It takes a turn for it.
func pass[Row any](ctx context.Context, reader *fanout.Reader, tail tail[Row], how *Following[Row]) (more, empty bool, err error) {
	leave, err := reader.Turn(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	share := reader.Share()
	tail.Bound(share)
	rows, loss, more := tail.Poll(TailRows)
	if err := how.sendInPieces(ctx, reader, share, rows, protoconv.Loss(loss, tapiov1.Loss_REASON_READER_LAPPED)); err != nil {
		return false, false, err
	}
	reader.At(tail.Position())
	if reader.Behind() {
		loss = tail.Skip()
		reader.Skipped(loss)
		err = how.sendInPieces(ctx, reader, share, nil, protoconv.Loss(loss, tapiov1.Loss_REASON_READER_BEHIND))
		reader.At(tail.Position())
	}
	return more, len(rows) == 0, err
}

// sendInPieces keeps each message near the reader's share. A larger one, of a single
// record, waits for room. The loss goes first.
func (f *Following[Row]) sendInPieces(
	ctx context.Context, reader *fanout.Reader, share int, rows []Row, loss *tapiov1.Loss,
) error {
	for len(rows) > 0 || loss != nil {
		n, bytes := PieceLength(rows, f.Size, share)
		leave, err := reader.Hold(ctx, bytes)
		if err != nil {
			return err
		}
		err = f.Send(rows[:n], loss)
		leave()
		if err != nil {
			return err
		}
		rows, loss = rows[n:], nil
	}
	return nil
}

// PieceLength is how many rows fit one message, at least one where there is one,
// and how many bytes they are.
func PieceLength[Row any](rows []Row, sizeOf func(*Row) int, share int) (n, bytes int) {
	for i := range rows {
		size := sizeOf(&rows[i])
		if i > 0 && bytes+size > share {
			return i, bytes
		}
		bytes += size
	}
	return len(rows), bytes
}

// IsLive reports whether a stream begins with what is new.
func IsLive(start model.Start) bool { return start == (model.Start{}) }
