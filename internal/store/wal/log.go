// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapio/tapio/internal/store/disk"
)

const (
	// writeEvery is how long records wait until they are written where no one waits
	// for them, and syncEvery how long until they are on the disk: with what both take,
	// less than a second.
	writeEvery = 100 * time.Millisecond
	syncEvery  = 500 * time.Millisecond
	// retryAfter is how long a log that cannot be written fails at once before it is
	// tried again.
	retryAfter = 500 * time.Millisecond
	// maxBuffer is the most bytes of records that wait to be written; one that is
	// larger waits alone.
	maxBuffer = 4 << 20
	// writeAt is how many bytes are written at once however short they wait.
	writeAt = 1 << 20
)

// Options are those of a log.
type Options struct {
	FS   disk.FS
	Path string // of the folder
	// Sync has Append wait until the record is on the disk.
	Sync bool
	// FileBytes is the size at which a file is ended.
	FileBytes int64
	// MaxBytes bounds the files together.
	MaxBytes int64
	// Half is called when the files have half of MaxBytes: the store should write
	// its rows to files of its own.
	Half func()
	// Report is called when the log begins to fail, and with nil when it works again.
	Report func(error)
}

// Log is the log while it is written. Its methods are safe for concurrent use.
type Log struct {
	options Options
	wake    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	changed sync.Cond // the buffer was taken, or files are gone
	buffer  []byte    // records without their markers
	starts  []span    // of these
	group   *group    // those who wait for the buffer
	closed  bool
	stuck   bool // the store cannot write its files, so that none of the log's go

	files files
	spare struct { // of the writer: the memory of what was written before
		buffer []byte
		starts []span
	}

	size    atomic.Int64
	failing atomic.Bool
	stats   struct{ bytes, syncs, failures, dropped atomic.Uint64 }
}

// span is a record in the buffer.
type span struct {
	at     int
	header Header
}

// group is the records that are written together.
type group struct {
	done chan struct{}
	err  error // set before done is closed
}

// Stats are the figures of a log.
type Stats struct {
	Bytes        int64  // of the files
	WrittenBytes uint64 // since the start
	Syncs        uint64 // since the start
	Failures     uint64 // writes and syncs that failed
	Dropped      uint64 // rows that are not in the log because it failed; with Sync they were refused
	Failing      bool   // the latest write failed
}

// Errors of Append.
var (
	errClosed = errors.New("the write-ahead log is closed")
	errFull   = errors.New("the write-ahead log has reached its bound, and the store cannot write its rows to files")
)

// Start makes a log that writes into a folder. older are the files that are there
// already, the oldest first; Trim removes them, too.
func Start(o Options, older []OldFile) *Log {
	l := &Log{
		options: o, wake: make(chan struct{}, 1), done: make(chan struct{}),
		group: &group{done: make(chan struct{})},
	}
	l.changed.L = &l.mu
	l.files.start(l, older)
	go l.run()
	return l
}

// Ticket is a record that was appended.
type Ticket struct {
	group *group
	sync  bool
}

// Wait returns when the record is on the disk; without Sync at once.
func (t Ticket) Wait() error {
	if t.group == nil || !t.sync {
		return nil
	}
	<-t.group.done
	return t.group.err
}

// Append adds a record to those that are written next. It waits while too many wait
// already. Records are written in the order of the calls.
func (l *Log) Append(h Header, payload []byte) (Ticket, error) {
	if len(payload) > MaxPayload {
		return Ticket{}, fmt.Errorf("a batch has %d bytes, the write-ahead log takes at most %d", len(payload), MaxPayload)
	}
	sum := Checksum(payload)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.await(int64(headerBytes + len(payload))); err != nil {
		l.drop(h.Count, err)
		return Ticket{}, l.refusal(err)
	}
	l.starts = append(l.starts, span{len(l.buffer), h})
	l.buffer = append(appendHeader(l.buffer, &h, payload, sum), payload...)
	if l.options.Sync || len(l.starts) == 1 || len(l.buffer) >= writeAt {
		l.wakeUp()
	}
	return Ticket{l.group, l.options.Sync}, nil
}

// refusal is the error of those who append: without Sync a failing log stops no one.
func (l *Log) refusal(err error) error {
	if !l.options.Sync && !errors.Is(err, errClosed) {
		return nil
	}
	return err
}

// await waits until there is space for so many bytes. The caller holds the lock.
func (l *Log) await(bytes int64) error {
	for {
		size := l.size.Load() + int64(len(l.buffer))
		switch {
		case l.closed:
			return errClosed
		case size > 0 && size+bytes > l.options.MaxBytes && l.stuck:
			return errFull
		case size > 0 && size+bytes > l.options.MaxBytes && l.size.Load() > 0:
			l.options.Half()
		case len(l.buffer) == 0 || int64(len(l.buffer))+bytes <= maxBuffer:
			return nil
		}
		l.changed.Wait()
	}
}

func (l *Log) drop(rows uint32, err error) {
	l.stats.dropped.Add(uint64(rows))
	l.fail(err)
}

// fail notes a failure, and reports the first.
func (l *Log) fail(err error) {
	l.stats.failures.Add(1)
	if !l.failing.Swap(true) {
		l.options.Report(err)
	}
}

func (l *Log) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// SetStuck reports whether the store can write its files.
func (l *Log) SetStuck(stuck bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stuck = stuck
	l.changed.Broadcast()
}

// Stats returns the figures.
func (l *Log) Stats() Stats {
	return Stats{
		Bytes: l.size.Load(), WrittenBytes: l.stats.bytes.Load(), Syncs: l.stats.syncs.Load(),
		Failures: l.stats.failures.Load(), Dropped: l.stats.dropped.Load(), Failing: l.failing.Load(),
	}
}

// Files returns the files of a log that is closed.
func (l *Log) Files() []OldFile {
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	return l.files.list
}

// Close writes and syncs what waits, and ends the log. It returns the error of that.
func (l *Log) Close() error {
	l.mu.Lock()
	last := l.group
	l.closed = true
	l.changed.Broadcast()
	l.mu.Unlock()
	l.wakeUp()
	<-l.done
	return last.err
}
