// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	// tailRows is the most rows read from a tail at once.
	tailRows = 512
	// messageBytes is the size of rows at which a message is sent, so that it
	// stays well below a client's default limit of 4 MiB.
	messageBytes = 1 << 20
)

// tail is a store's tail of one signal.
type tail[Row any] interface {
	Next(ctx context.Context, max int) ([]Row, model.Loss, error)
	Poll(max int) (rows []Row, loss model.Loss, more bool)
}

// sender sends one message of a stream: rows, or a loss, or both.
type sender[Row any] func(rows []Row, loss *tapiov1.Loss) error

// follow sends a tail until its context ends or, with historyOnly, until it has
// caught up. A reader that is slow makes send block, never the store.
func follow[Row any](
	ctx context.Context, tail tail[Row], historyOnly bool, size func(*Row) int, send sender[Row],
) error {
	for more := true; more; {
		rows, loss, err := read(ctx, tail, historyOnly, &more)
		if err != nil {
			return err
		}
		if err := sendInPieces(rows, protoconv.Loss(loss, tapiov1.Loss_REASON_READER_LAPPED), size, send); err != nil {
			return err
		}
	}
	return nil
}

func read[Row any](ctx context.Context, tail tail[Row], historyOnly bool, more *bool) ([]Row, model.Loss, error) {
	if !historyOnly {
		return tail.Next(ctx, tailRows)
	}
	var (
		rows []Row
		loss model.Loss
	)
	rows, loss, *more = tail.Poll(tailRows)
	return rows, loss, ctx.Err()
}

// sendInPieces keeps each message near messageBytes. The loss goes first.
func sendInPieces[Row any](rows []Row, loss *tapiov1.Loss, size func(*Row) int, send sender[Row]) error {
	for len(rows) > 0 || loss != nil {
		n := pieceLength(rows, size)
		if err := send(rows[:n], loss); err != nil {
			return err
		}
		rows, loss = rows[n:], nil
	}
	return nil
}

// pieceLength is how many rows fit one message, at least one where there is one.
func pieceLength[Row any](rows []Row, size func(*Row) int) int {
	total := 0
	for i := range rows {
		total += size(&rows[i])
		if total > messageBytes {
			return max(i, 1)
		}
	}
	return len(rows)
}
