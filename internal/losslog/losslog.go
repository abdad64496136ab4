// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package losslog logs lost records: the first loss of each reason at once, further
// ones at most once an interval, with their number. Exact figures are in metrics.
package losslog

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// Interval is the least time between two messages of one reason.
const Interval = time.Minute

// Log is the log of the losses of one component. It is safe for concurrent use.
type Log struct {
	logger        *zap.Logger
	message, unit string
	now           func() time.Time

	mu      sync.Mutex
	reasons map[string]*losses
}

// losses are those of one reason.
type losses struct {
	total   uint64
	pending uint64 // since the last message
	logged  time.Time
}

// New returns a log whose messages have that text, and the numbers as fields that are
// named after the unit, for example "records".
func New(logger *zap.Logger, message, unit string, now func() time.Time) *Log {
	return &Log{logger: logger, message: message, unit: unit, now: now, reasons: map[string]*losses{}}
}

// Add counts a loss. The reasons are a small fixed set: memory is kept for each. The
// error may be nil.
func (l *Log) Add(reason string, n uint64, err error) {
	if n == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(reason, n, err)
}

// Total is Add for losses that are counted elsewhere, by their number since the start.
func (l *Log) Total(reason string, total uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := uint64(0)
	if of := l.reasons[reason]; of != nil {
		known = of.total
	}
	if total > known {
		l.add(reason, total-known, err)
	}
}

func (l *Log) add(reason string, n uint64, err error) {
	of := l.reasons[reason]
	first := of == nil
	if first {
		of = &losses{}
		l.reasons[reason] = of
	}
	of.total += n
	of.pending += n
	now := l.now()
	over := now.Sub(of.logged)
	if !first && over < Interval {
		return
	}
	fields := []zap.Field{zap.String("reason", reason), zap.Uint64(l.unit, of.pending), zap.Uint64("total_"+l.unit, of.total)}
	if !first {
		fields = append(fields, zap.Duration("since_last_message", over))
	}
	if err != nil {
		fields = append(fields, zap.Error(err))
	}
	of.pending, of.logged = 0, now
	l.logger.Warn(l.message, fields...)
}
