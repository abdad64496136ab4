// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package fanout hands stored records to many readers at once: what waits for slow
// ones is bounded together, and a record is encoded once for all.
package fanout

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tapio/tapio/internal/model"
)

const (
	// maxShare is the most bytes of records that a reader is sent at once, so that a
	// message stays well below a client's default limit of 4 MiB; minShare the least.
	maxShare = 1 << 20
	minShare = 16 << 10
	// copies is how often what is sent is in memory: as the message that waits in the
	// transport, and as the one behind it.
	copies = 2
	// turn is how long one reader may keep the others from working: one that does not
	// read keeps its server waiting, not them.
	turn = 5 * time.Millisecond
	// maxMarks is how many marks of a signal are kept.
	maxMarks = 3600
)

// Readers are all readers of live streams. It is safe for concurrent use.
type Readers struct {
	limit  int
	maxLag time.Duration // 0: none
	now    func() time.Time
	large  *semaphore.Weighted // for records larger than a share
	turns  chan struct{}       // one for each reader that works

	mu      sync.Mutex
	open    map[*Reader]struct{}
	marks   map[string][]mark // by signal, the oldest first
	skipped map[string]uint64 // records reported as skipped to readers behind maxLag, by signal
}

// mark is how far a signal had come at some time.
type mark struct {
	at   time.Time
	last uint64
}

// NewReaders makes room of limit bytes for what waits for readers. A live reader may
// be maxLag behind; 0: as far as it likes.
func NewReaders(limit int, maxLag time.Duration, now func() time.Time) *Readers {
	return &Readers{
		limit: limit, maxLag: maxLag, now: now, large: semaphore.NewWeighted(int64(limit)),
		turns: make(chan struct{}, runtime.NumCPU()),
		open:  map[*Reader]struct{}{}, marks: map[string][]mark{}, skipped: map[string]uint64{},
	}
}

// Reader is one of them.
type Reader struct {
	readers  *Readers
	signal   string
	live     bool   // wants what is new, not all there is
	position uint64 // of the last record sent; guarded by readers.mu
}

// Enter adds a reader of a signal. live is one that began with the newest records,
// and would rather miss some than be far behind. Leave must be called.
func (r *Readers) Enter(signal string, live bool, position uint64) *Reader {
	reader := &Reader{readers: r, signal: signal, live: live, position: position}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[reader] = struct{}{}
	return reader
}

// Leave takes the reader out.
func (r *Reader) Leave() {
	r.readers.mu.Lock()
	defer r.readers.mu.Unlock()
	delete(r.readers.open, r)
}

// Turn waits until fewer readers are at work than there are processors but one.
// A thousand of them, woken by each batch, would keep the writers from theirs
// otherwise. leave ends the turn, which ends by itself after a while.
func (r *Reader) Turn(ctx context.Context) (leave func(), err error) {
	select {
	case r.readers.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	end := sync.OnceFunc(func() { <-r.readers.turns })
	over := time.AfterFunc(turn, end)
	return func() {
		over.Stop()
		end()
	}, nil
}

// Share is how many bytes of records the reader may be sent at once.
func (r *Reader) Share() int {
	r.readers.mu.Lock()
	defer r.readers.mu.Unlock()
	return min(max(r.readers.limit/copies/len(r.readers.open), minShare), maxShare)
}

// Hold waits for room for a message that is larger than the share. leave gives it
// back, once the message is sent.
func (r *Reader) Hold(ctx context.Context, bytes int) (leave func(), err error) {
	if bytes <= maxShare && bytes <= r.Share() {
		return func() {}, nil
	}
	n := int64(min(bytes, r.readers.limit))
	if err := r.readers.large.Acquire(ctx, n); err != nil {
		return nil, context.Cause(ctx)
	}
	return func() { r.readers.large.Release(n) }, nil
}

// At notes how far the reader has come.
func (r *Reader) At(position uint64) {
	r.readers.mu.Lock()
	defer r.readers.mu.Unlock()
	r.position = position
}

// Mark notes how far a signal has come. Without regular calls no reader is ever
// found behind.
func (r *Readers) Mark(signal string, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	marks := r.marks[signal]
	if n := len(marks); n > 0 && marks[n-1].last == last {
		return
	}
	if len(marks) == maxMarks {
		marks = append(marks[:0], marks[1:]...)
	}
	r.marks[signal] = append(marks, mark{r.now(), last})
}

// Behind reports whether a live reader is further behind than it may be.
func (r *Reader) Behind() bool {
	if !r.live || r.readers.maxLag == 0 {
		return false
	}
	r.readers.mu.Lock()
	defer r.readers.mu.Unlock()
	return r.readers.lag(r) > r.readers.maxLag
}

// lag is how long ago the record behind the reader's position was stored, at the
// least. The caller holds the lock.
func (r *Readers) lag(reader *Reader) time.Duration {
	for _, m := range r.marks[reader.signal] {
		if m.last > reader.position {
			return r.now().Sub(m.at)
		}
	}
	return 0
}

// Skipped counts the records that a reader missed because it was behind.
func (r *Reader) Skipped(loss model.Loss) {
	r.readers.mu.Lock()
	defer r.readers.mu.Unlock()
	r.readers.skipped[r.signal] += loss.Count
}

// Lag is how far behind the slowest readers of a signal are.
type Lag struct {
	Records uint64
	Time    time.Duration
	Skipped uint64 // records that were reported to them as skipped
}

// Lags returns the lag by signal. last is the newest sequence of each.
func (r *Readers) Lags(last map[string]uint64) map[string]Lag {
	r.mu.Lock()
	defer r.mu.Unlock()
	lags := make(map[string]Lag, len(last))
	for signal := range last {
		lags[signal] = Lag{Skipped: r.skipped[signal]}
	}
	for reader := range r.open {
		lag := lags[reader.signal]
		if newest := last[reader.signal]; newest > reader.position {
			lag.Records = max(lag.Records, newest-reader.position)
		}
		lag.Time = max(lag.Time, r.lag(reader))
		lags[reader.signal] = lag
	}
	return lags
}
