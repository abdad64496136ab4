// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"time"

	"github.com/tapio/tapio/internal/panics"
)

// run writes until the log is closed.
func (l *Log) run() {
	defer close(l.done)
	for {
		select {
		case <-l.wake:
		case <-l.files.syncDue:
			_ = l.syncFiles() // it is counted and reported
			continue
		}
		if !l.options.Sync {
			l.gather()
		}
		if closed := l.commit(); closed {
			return
		}
	}
}

// gather waits for more records, for a moment.
func (l *Log) gather() {
	timer := time.NewTimer(writeEvery)
	defer timer.Stop()
	for !l.enough() {
		select {
		case <-l.wake:
		case <-timer.C:
			return
		}
	}
}

// enough reports whether there is no use in waiting for more records.
func (l *Log) enough() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed || len(l.buffer) >= writeAt
}

// commit writes all that was appended, and wakes those that wait.
func (l *Log) commit() (closed bool) {
	l.mu.Lock()
	buffer, starts, g := l.buffer, l.starts, l.group
	closed = l.closed
	l.buffer, l.starts, l.group = l.spare.buffer[:0], l.spare.starts[:0], &group{done: make(chan struct{})}
	l.changed.Broadcast()
	l.mu.Unlock()
	if panicked := panics.Catch(func() { g.err = l.write(buffer, starts, l.options.Sync || closed) }); panicked != nil {
		g.err = l.files.giveUp(panicked) // no one waits for ever
		l.fail(panicked)
	}
	close(g.done)
	if cap(buffer) <= 2*maxBuffer {
		l.spare.buffer, l.spare.starts = buffer, starts
	}
	if closed {
		l.files.close()
	}
	return closed
}

// write brings records to the files and, if that is wanted or due, to the disk.
func (l *Log) write(buffer []byte, starts []span, sync bool) error {
	var rows uint32
	for i := range starts {
		rows += starts[i].header.Count
	}
	bytes, err := l.files.write(buffer, starts)
	if err == nil {
		l.stats.bytes.Add(uint64(bytes))
		if sync || l.files.overdue() {
			err = l.syncFiles()
		}
	} else {
		l.drop(rows, err)
	}
	if l.files.size() >= l.options.MaxBytes/2 {
		l.options.Half()
	}
	if err == nil && len(starts) > 0 && l.failing.Swap(false) {
		l.options.Report(nil)
	}
	return err
}

// syncFiles brings what was written to the disk.
func (l *Log) syncFiles() error {
	rows, synced, err := l.files.sync()
	if synced {
		l.stats.syncs.Add(1)
	}
	if err != nil {
		l.drop(rows, err)
	}
	return err
}

// Trim removes the files whose rows the store has in files of its own: those of each
// signal up to a sequence. A damaged file is set aside by aside.
func (l *Log) Trim(safe [Signals]uint64, aside func(name string, damage error) error) error {
	err := l.files.trim(safe, aside)
	l.mu.Lock()
	l.changed.Broadcast()
	l.mu.Unlock()
	return err
}

// Abandon forgets the files, which someone removed. The next record begins another.
func (l *Log) Abandon() {
	l.files.abandon()
	l.mu.Lock()
	l.changed.Broadcast()
	l.mu.Unlock()
}
