// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// span is what chunks of all signals have alike: which rows they hold, from when, and in
// which files.
type span struct {
	first uint64 // sequence of the first row; the others follow without gaps
	count int    // rows
	files chunkFiles

	oldest, newest model.Nanos
	dated          model.Nanos // the oldest time above 0: 0 is no time but the lack of one

	opened, arrived time.Time // when the chunk was made, and when its last row came
}

func (s *span) rowsAre() *span { return s }

// lastSeq is the sequence of the last row.
func (s *span) lastSeq() uint64 { return s.first + uint64(s.count) - 1 }

// chain is the chunks of a log, the oldest first, and what is known of its rows whatever
// their signal. It is guarded by mu.
type chain[C interface{ rowsAre() *span }] struct {
	mu       sync.RWMutex
	chunks   []C
	capacity int64
	maxAge   time.Duration
	last     uint64 // sequence of the newest row ever stored
	rows     int
	bytes    int64 // of the chunks
	evicted  map[string]uint64
	emptied  time.Time // when the last chunk was evicted
	refused  map[string]uint64
	appended uint64   // rows since the start
	doomed   []uint64 // first sequences of files that are no longer needed
}

func newChain[C interface{ rowsAre() *span }]() chain[C] {
	return chain[C]{
		evicted: map[string]uint64{reasonSize: 0, reasonAge: 0}, // reported from the start on
		refused: map[string]uint64{},
	}
}

// chunkOf finds the chunk that holds a sequence. The caller holds the lock.
func (l *chain[C]) chunkOf(seq uint64) (int, bool) {
	i, exact := slices.BinarySearchFunc(l.chunks, seq, func(c C, seq uint64) int {
		return cmp.Compare(c.rowsAre().first, seq)
	})
	if !exact {
		i--
	}
	if i < 0 {
		return i, false
	}
	c := l.chunks[i].rowsAre()
	return i, seq-c.first < uint64(c.count)
}

// chunkBehind finds the chunk that holds the rows that follow a sequence, and the oldest
// sequence that can be read on from there. gap is set if the sequences between have no
// rows: a crash, or a file that was set aside, took them. A gap may be the end of the
// log, until the first row after the restart. The caller holds the lock.
func (l *chain[C]) chunkBehind(seq uint64) (i int, found bool, oldest uint64, gap bool) {
	oldest = l.firstSeq()
	i, found = l.chunkOf(max(seq+1, oldest))
	if !found && i+1 < len(l.chunks) {
		i, found, gap = i+1, true, true
		oldest = l.chunks[i].rowsAre().first
	} else if !found && len(l.chunks) > 0 && seq < l.last {
		oldest, gap = l.last+1, true
	}
	return i, found, oldest, gap
}

// firstSeq is the sequence of the oldest row held or, of an empty log, the one
// that the next row will get. The caller holds the lock.
func (l *chain[C]) firstSeq() uint64 {
	if len(l.chunks) == 0 {
		return l.last + 1
	}
	return l.chunks[0].rowsAre().first
}

// ends returns the sequences of the oldest and of the newest row; first is
// last+1 where there is none.
func (l *chain[C]) ends() (first, last uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.firstSeq(), l.last
}

// newest is the sequence of the newest row ever stored.
func (l *chain[C]) newest() uint64 {
	_, last := l.ends()
	return last
}

// extent is the times in the rows held, without the rows that have none. The caller
// holds the lock.
func (l *chain[C]) extent() (oldest, newest model.Nanos) {
	for _, c := range l.chunks {
		s := c.rowsAre()
		oldest, newest = earlier(oldest, s.dated), max(newest, s.newest)
	}
	return oldest, newest
}

// since returns the arrival of the oldest row held, and the zero time if nothing was
// evicted.
func (l *chain[C]) since() time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case l.evicted[reasonSize]+l.evicted[reasonAge] == 0:
		return time.Time{}
	case len(l.chunks) == 0:
		return l.emptied // nothing that arrived later is missing
	default:
		return l.chunks[0].rowsAre().opened
	}
}

// stats are the figures of the rows that hold so many bytes. The caller holds the lock.
func (l *chain[C]) stats(signal string, bytes int64) Stats {
	s := Stats{
		Signal:   signal,
		Rows:     uint64(l.rows),
		Bytes:    uint64(bytes),
		Capacity: uint64(l.capacity),
		Appended: l.appended,
		Evicted:  maps.Clone(l.evicted),
		Refused:  maps.Clone(l.refused),
		LastSeq:  l.last,
	}
	if l.rows > 0 {
		s.FirstSeq = l.firstSeq()
		s.Oldest, s.Newest = l.extent()
	}
	return s
}
