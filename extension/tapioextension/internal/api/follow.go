// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

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
	// tailRows is the most rows read from a tail at once.
	tailRows = 512
	// messageBytes is the size of rows at which a page ends, so that an answer
	// stays well below a client's default limit of 4 MiB.
	messageBytes = 1 << 20
)

// tail is a store's tail of one signal.
type tail[Row any] interface {
	Ready(ctx context.Context) error
	Poll(max int) (rows []Row, loss model.Loss, more bool)
	Bound(bytes int)
	Skip() model.Loss
	Position() uint64
}

// sender sends one message of a stream: rows, or a loss, or both.
type sender[Row any] func(rows []Row, loss *tapiov1.Loss) error

// following is how a tail is followed.
type following[Row any] struct {
	signal      string
	live        bool // a reader that would rather miss records than be far behind
	historyOnly bool
	size        func(*Row) int
	send        sender[Row]
	// report sends what is no row.
	report func(streamReport) error
	// positions asks to report once what was stored has been sent.
	positions bool
	// sources are the tiers that the tail reads. They are reported once what was stored
	// has been sent, without those that failed.
	sources *query.Sources
}

// streamReport is a message of a stream without rows.
type streamReport struct {
	notes    []*tapiov1.SourceNote
	sources  []string
	caughtUp bool
	position uint64 // behind which the stream goes on
}

// follow sends a tail until its context ends or, with historyOnly, until it has
// caught up. A reader that is slow makes send block, never the store.
func follow[Row any](ctx context.Context, s *Server, tail tail[Row], how following[Row]) error {
	// Positions of a tail of several sources cannot be compared with those of the store.
	_, severalSources := tail.(query.Noted)
	reader := s.readers.Enter(how.signal, how.live && !severalSources, tail.Position())
	defer reader.Leave()
	reported, tiers := !how.positions, tiersOfStream{sources: how.sources}
	for more, empty := true, false; more || !how.historyOnly; {
		// The place where a stream begins is reported although nothing has come yet.
		if empty || !how.historyOnly && reported {
			if err := tail.Ready(ctx); err != nil {
				return err
			}
		}
		var err error
		if more, empty, err = pass(ctx, reader, tail, &how); err != nil {
			return err
		}
		report := streamReport{notes: protoconv.Notes(notesOf(tail)), caughtUp: !more && !reported, position: tail.Position()}
		report.sources = tiers.report(report.notes, more)
		if len(report.notes) == 0 && len(report.sources) == 0 && !report.caughtUp {
			continue
		}
		if reported = reported || report.caughtUp; how.report == nil {
			continue
		}
		if err := how.report(report); err != nil {
			return err
		}
	}
	return nil
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
func pass[Row any](ctx context.Context, reader *fanout.Reader, tail tail[Row], how *following[Row]) (more, empty bool, err error) {
	leave, err := reader.Turn(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	share := reader.Share()
	tail.Bound(share)
	rows, loss, more := tail.Poll(tailRows)
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
func (f *following[Row]) sendInPieces(
	ctx context.Context, reader *fanout.Reader, share int, rows []Row, loss *tapiov1.Loss,
) error {
	for len(rows) > 0 || loss != nil {
		n, bytes := pieceLength(rows, f.size, share)
		leave, err := reader.Hold(ctx, bytes)
		if err != nil {
			return err
		}
		err = f.send(rows[:n], loss)
		leave()
		if err != nil {
			return err
		}
		rows, loss = rows[n:], nil
	}
	return nil
}

// pieceLength is how many rows fit one message, at least one where there is one,
// and how many bytes they are.
func pieceLength[Row any](rows []Row, sizeOf func(*Row) int, share int) (n, bytes int) {
	for i := range rows {
		size := sizeOf(&rows[i])
		if i > 0 && bytes+size > share {
			return i, bytes
		}
		bytes += size
	}
	return len(rows), bytes
}

// isLive reports whether a stream begins with what is new.
func isLive(start model.Start) bool { return start == (model.Start{}) }
