// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/rowcode"
)

// append stores the points of a batch. An error means that none is stored.
func (l *pointLog) append(b *model.PointBatch) (refused int, err error) {
	if len(b.Points) == 0 {
		return 0, nil
	}
	w := l.ahead.Load()
	if w == nil {
		return l.appendFrom(0, b, time.Time{}), nil
	}
	arrived := l.now()
	err = l.write(w, len(b.Points), arrived, func(e *rowcode.Encoder) { e.Points(b) },
		l.newest, func(first uint64) { refused = l.appendFrom(first, b, arrived) })
	return refused, err
}

// appendFrom stores points from a sequence on, as appendFrom of other logs does.
func (l *pointLog) appendFrom(first uint64, b *model.PointBatch, arrived time.Time) (refused int) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if first > 0 {
		l.goOn(first - 1)
	}
	for rows := range slices.Chunk(b.Points, lockRows) {
		refused += l.appendRows(b, rows, arrived)
		l.bell.ring()
		l.compactClosed()
	}
	return refused
}

func (l *pointLog) appendRows(b *model.PointBatch, rows []model.PackedPoint, arrived time.Time) (refused int) {
	if arrived.IsZero() {
		arrived = l.now()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.origins.forget(len(b.Origins))
	for i := range rows {
		if !l.add(b, &rows[i], arrived) {
			refused++
		}
	}
	l.refused[reasonTooLarge] += uint64(refused)
	l.see(l.last)
	return refused
}
