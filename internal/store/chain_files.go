// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/segmentfile"
)

// restoredSpan is what the header of a file knows of a chunk.
func restoredSpan(h *segmentfile.Header) span {
	return span{
		first: h.First, count: int(h.Count), files: chunkFiles{state: fileKept},
		// A file does not have the oldest time above 0 beside a 0; the newest is not before it.
		dated:  earlier(model.Nanos(h.Oldest), model.Nanos(h.Newest)),
		oldest: model.Nanos(h.Oldest), newest: model.Nanos(h.Newest),
		opened: time.Unix(0, h.Opened), arrived: time.Unix(0, h.Arrived),
	}
}

// written notes that rows are in a file of the directory. It returns false if they were
// evicted meanwhile.
func (l *chain[C]) written(first uint64, count int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, found := l.chunkOf(first)
	if !found {
		return false
	}
	c := l.chunks[i].rowsAre()
	whole := c.files.state == fileReady && c.first == first && c.count == count
	l.doomed = append(l.doomed, c.files.written(filePiece{first, count}, whole)...)
	return true
}

// takeDoomed returns the files that are no longer needed since the last call, by their
// first sequence.
func (l *chain[C]) takeDoomed() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	doomed := l.doomed
	l.doomed = nil
	return doomed
}

// unfiled is how many rows are in no file.
func (l *chain[C]) unfiled() (rows int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, c := range l.chunks {
		if s := c.rowsAre(); s.files.state != fileKept {
			rows += s.count - s.files.covered()
		}
	}
	return rows
}

// unfile notes that all files are gone.
func (l *chain[C]) unfile() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.chunks {
		c.rowsAre().files.gone()
	}
}

// filed is a sequence up to which all rows that are held are in files.
func (l *chain[C]) filed() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, c := range l.chunks {
		if s := c.rowsAre(); s.files.state != fileKept {
			return s.first + uint64(s.files.covered()) - 1
		}
	}
	return l.last
}

// fitsBefore reports whether the rows of a file end before those that are held. The caller
// holds the lock.
func (l *chain[C]) fitsBefore(c *span) bool {
	return len(l.chunks) == 0 || c.first+uint64(c.count) <= l.chunks[0].rowsAre().first
}

// adoptFirst puts a chunk of so many bytes before all others. The caller holds the lock.
func (l *chain[C]) adoptFirst(c C, bytes int64) {
	l.chunks = append([]C{c}, l.chunks...)
	l.bytes += bytes
	l.rows += c.rowsAre().count
	l.last = max(l.last, c.rowsAre().lastSeq())
}
