// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/intern"
	"github.com/tapio/tapio/internal/store/rowcode"
	"github.com/tapio/tapio/internal/store/segment"
)

const (
	// chunksPerLog is how many chunks of rows would fill a log; compacted ones are a
	// fraction. Fewer and larger ones cost less to compact, and collections of garbage more.
	chunksPerLog = 32
	// chunksPerAge is how many chunks a log has at least when its age is bounded.
	chunksPerAge  = 64
	minChunkBytes = 16 << 10
	maxChunkBytes = 16 << 20

	// lockRows is how many rows are stored under one hold of the lock, so that
	// a long batch does not keep readers waiting.
	lockRows = 512
)

// Reasons under which evicted and refused rows are counted.
const (
	reasonSize     = "size"
	reasonAge      = "age"
	reasonTooLarge = "too_large"
	reasonKeys     = "too_many_attributes"
)

// log is the rows of one signal in the order of their arrival.
type log[R any] struct {
	chain[*chunk[R]]
	journal

	signal signal[R]
	now    func() time.Time
	bell   bell
	lost   atomic.Uint64
	packer *colenc.Packer

	// writing is held by anyone who appends or retires, before mu.
	writing    sync.Mutex
	closed     []*chunk[R]    // to be compacted; guarded by writing
	compactor  sync.WaitGroup // the chunks that are being compacted; begun under writing
	compaction chan struct{}  // holds one for each of these

	head *chunk[R] // the last of chunks while it may be written, else nil

	directory *directory // nil: the store is in memory only
	panics    *panicReport
	summaries summaries[R]

	keys intern.KeyCount // of the head
	hash *maphash.Hash   // scratch of the writer
	row  R               // scratch of the writer: the row in hand, kept off the heap
}

func newLog[R any](signal signal[R], packer *colenc.Packer, now func() time.Time) *log[R] {
	hash := new(maphash.Hash)
	hash.SetSeed(maphash.MakeSeed())
	l := &log[R]{
		chain:      newChain[*chunk[R]](),
		signal:     signal,
		now:        now,
		packer:     packer,
		compaction: make(chan struct{}, colenc.Compactors),
		keys:       intern.KeyCount{Seed: maphash.MakeSeed()},
		hash:       hash,
		journal:    journal{number: signal.place},
	}
	l.summaries.log = l
	return l
}

// append stores rows. An error means that none is stored.
func (l *log[R]) append(rows []R) (refused int, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	w := l.ahead.Load()
	if w == nil {
		return l.appendFrom(0, rows, time.Time{}), nil
	}
	arrived := l.now()
	err = l.write(w, len(rows), arrived, func(e *rowcode.Encoder) {
		for i := range rows {
			l.signal.encode(e, &rows[i])
		}
	}, l.newest, func(first uint64) { refused = l.appendFrom(first, rows, arrived) })
	return refused, err
}

// appendFrom stores rows from a sequence on, 0 for the next; they arrived now, or at
// another time.
func (l *log[R]) appendFrom(first uint64, rows []R, arrived time.Time) (refused int) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if first > 0 {
		l.goOn(first - 1)
	}
	for batch := range slices.Chunk(rows, lockRows) {
		refused += l.appendBatch(batch, arrived)
		l.bell.ring()
		l.compactClosed()
	}
	return refused
}

// compactClosed makes segments of the chunks that were closed, beside the writer;
// one that fills a chunk while all compactors are at work waits, so that rows to be
// compacted do not pile up. The caller holds writing; readers see the rows all the
// while.
func (l *log[R]) compactClosed() {
	for _, c := range l.closed {
		l.compaction <- struct{}{}
		l.compactor.Go(func() {
			defer func() { <-l.compaction }()
			l.panics.contain(func() { l.compactChunk(c) })
		})
	}
	clear(l.closed)
	l.closed = l.closed[:0]
}

// replace puts the segment in the place of the chunk's rows, if the chunk was
// not evicted meanwhile.
func (l *log[R]) replace(c *chunk[R], s *segment.Segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, found := l.chunkOf(c.first); found && l.chunks[i] == c {
		l.bytes -= c.replace(s)
		if l.directory != nil {
			c.files.state = fileReady
		}
	}
	l.directory.wakeUp()
}

func (l *log[R]) appendBatch(rows []R, arrived time.Time) (refused int) {
	if arrived.IsZero() {
		arrived = l.now()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range rows {
		l.row = rows[i]
		l.signal.complete(&l.row)
		if reason := l.add(&l.row, arrived); reason != "" {
			l.refused[reason]++
			refused++
		}
	}
	var none R
	l.row = none // it must not outlive its eviction here
	if l.head != nil {
		l.head.parts.Forget()
	}
	l.see(l.last)
	return refused
}

// add stores one row, or returns why it is refused. The oldest rows make room
// before, so that the bound holds at every moment.
func (l *log[R]) add(row *R, arrived time.Time) (refused string) {
	attributes := l.signal.attributes(row)
	if len(attributes) > model.MaxAttributes {
		return reasonKeys
	}
	weight, ok := l.openFor(row, arrived)
	if !ok {
		return reasonTooLarge
	}
	l.keys.Note(attributes)
	cost := l.head.cost(weight)
	l.evictUntil(l.capacity-cost, reasonSize)
	l.last++
	l.signal.number(row, l.last)
	l.head.put(row, weight, arrived)
	l.bytes += cost
	l.rows++
	l.appended++
	return ""
}

// openFor makes sure that the head has room for the row, and weighs it there. A
// row larger than a chunk should be gets a chunk of its own.
func (l *log[R]) openFor(row *R, arrived time.Time) (weight int64, ok bool) {
	limit := l.chunkLimit()
	if l.head != nil && !l.keys.Full() {
		weight = l.head.weigh(row)
		if l.head.count < segment.SegmentRows && l.head.size()+l.head.cost(weight) <= limit {
			return weight, true
		}
	}
	fresh := newChunk(&l.signal, l.last+1, arrived, intern.NewParts(l.hash), l.head.roomOfNext(l.chunkLimit()))
	weight = fresh.weigh(row)
	if fresh.size()+fresh.cost(weight) > l.capacity {
		return 0, false
	}
	l.closeHead()
	l.evictUntil(l.capacity-fresh.size(), reasonSize)
	l.chunks = append(l.chunks, fresh)
	l.head = fresh
	l.keys.Reset()
	l.bytes += fresh.size()
	return weight, true
}

func (l *log[R]) chunkLimit() int64 {
	return min(max(l.capacity/chunksPerLog, minChunkBytes), maxChunkBytes, l.capacity)
}

func (l *log[R]) closeHead() {
	if l.head != nil {
		l.bytes -= l.head.close()
		l.keys.Before = nil
		l.closed = append(l.closed, l.head)
		l.head = nil
	}
}

// evictUntil drops the oldest chunks until at most so many bytes are held.
func (l *log[R]) evictUntil(bytes int64, reason string) {
	for l.bytes > bytes && len(l.chunks) > 0 {
		l.dropOldest(reason)
	}
}

func (l *log[R]) dropOldest(reason string) {
	oldest := l.chunks[0]
	if oldest == l.head {
		l.head, l.keys.Before = nil, nil
	}
	l.chunks[0] = nil // the array outlives the chunk
	l.chunks = l.chunks[1:]
	l.rows -= oldest.count
	l.bytes -= oldest.size()
	l.evicted[reason] += uint64(oldest.count)
	if len(l.chunks) == 0 {
		l.emptied = l.now()
	}
	if files := oldest.files.all(oldest.first); len(files) > 0 {
		l.doomed = append(l.doomed, files...)
		l.directory.wakeUp()
	}
}

func (l *log[R]) setLimits(capacity int64, maxAge time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.capacity, l.maxAge = max(capacity, 0), maxAge
	l.evictUntil(l.capacity, reasonSize)
}
