// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/intern"
	"github.com/tapio/tapio/internal/store/rowcode"
	"github.com/tapio/tapio/internal/store/segment"
	"github.com/tapio/tapio/internal/store/segmentfile"
	"github.com/tapio/tapio/internal/store/wal"
)

// What the header of a file says of its segment, as bits.
const (
	factMixed = 1 << iota // labels.mixed
	factQuick             // packing; never in files of version 1
)

// durable is a log as its directory sees it.
type durable interface {
	name() string
	// pending returns the oldest rows that are to be written, nil for none: those
	// of a compacted chunk or, up to a sequence, any that are in no file yet. What is
	// written is a prefix of the log at any time.
	pending(upTo uint64) *segmentfile.Image
	// written notes that the rows of an image are in the directory. It returns false
	// if they were evicted meanwhile.
	written(first uint64, count int) bool
	// takeDoomed returns the files that are no longer needed since the last call, by
	// their first sequence; some may not be there.
	takeDoomed() []uint64
	// newest is the sequence of the newest row ever stored.
	newest() uint64
	// restore reads a chunk that is older than all those held. It returns false if
	// there is no room for it.
	restore(h *segmentfile.Header, rest *bytes.Reader) (bool, error)
	// goOn continues the sequences behind this one.
	goOn(last uint64)
	// Place is the number of the signal in the write-ahead log.
	Place() uint8
	// setLog has appends written to a write-ahead log first; nil: to none.
	setLog(w *wal.Log)
	// replay stores what a record of the write-ahead log holds and no file.
	replay(h *wal.Header, payload []byte) error
	// filed is a sequence up to which all rows that are held are in files, and
	// unfiled how many are in none.
	filed() uint64
	unfiled() int
	// takeDamaged drops the chunks whose files turned out to be damaged, and returns
	// why, by their first sequence.
	takeDamaged() map[uint64]error
	// unfile notes that all files are gone.
	unfile()
	// compactAll closes the head and waits until all is compacted.
	compactAll()
}

func (l *log[R]) name() string { return l.signal.name }

// pendingRows are rows that are to be written, as they were at one moment.
type pendingRows[R any] struct {
	chunk   chunk[R]         // a copy, without a count where it is a part of the original
	segment *segment.Segment // nil: rows are not compacted
	rows    []R
	first   uint64
}

func (l *log[R]) pending(upTo uint64) *segmentfile.Image {
	p := l.nextPending(upTo)
	if p == nil {
		return nil
	}
	if p.segment == nil {
		p.segment = segment.Compact(l.signal.codec, l.packer, colenc.PackTight, p.rows)
	}
	if p.chunk.count == 0 {
		p.chunk.ordered = true
		for i := range p.rows {
			p.chunk.note(l.signal.when(&p.rows[i]))
			p.chunk.count++
		}
	}
	return p.image(l.signal.name)
}

func (l *log[R]) nextPending(upTo uint64) *pendingRows[R] {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, c := range l.chunks {
		switch {
		case c.files.state == fileKept:
		case c.files.state == fileReady:
			return &pendingRows[R]{chunk: *c, segment: c.segment, rows: c.rows, first: c.first}
		case c.first+uint64(c.files.covered()) > upTo:
			return nil
		case c.files.covered() < c.count:
			from := c.files.nextPiece(c.count)
			return &pendingRows[R]{
				chunk: chunk[R]{span: span{opened: c.opened, arrived: c.arrived}},
				rows:  c.rows[from:c.count:c.count], first: c.first + uint64(from),
			}
		}
	}
	return nil
}

func (p *pendingRows[R]) image(signal string) *segmentfile.Image {
	s, c := p.segment, &p.chunk
	m := &segmentfile.Image{Sections: s.Sections(), Header: segmentfile.Header{
		First: p.first, Count: uint64(c.count), Oldest: uint64(c.oldest), Newest: uint64(c.newest),
		Opened: c.opened.UnixNano(), Arrived: c.arrived.UnixNano(), BlockRows: uint32(s.BlockRows),
	}}
	copy(m.Header.Signal[:], signal)
	if c.ordered {
		m.Header.Ordered = 1
	}
	if s.Labels.Mixed {
		m.Header.Facts |= factMixed
	}
	if s.Packing == colenc.PackQuick {
		m.Header.Facts |= factQuick
	}
	return m
}

func (l *log[R]) restore(h *segmentfile.Header, rest *bytes.Reader) (bool, error) {
	s := &segment.Segment{Packer: l.packer, Restored: true, Rows: int(h.Count), BlockRows: int(h.BlockRows)}
	if h.Facts&factQuick != 0 {
		s.Packing = colenc.PackQuick
	}
	if err := segmentfile.ReadSections(rest, h, s.Sections()); err != nil {
		return false, err
	}
	s.Labels.Mixed = h.Facts&factMixed != 0
	if err := s.Check(); err != nil {
		return false, err
	}
	c := &chunk[R]{
		span: restoredSpan(h), signal: &l.signal, parts: &intern.Parts{}, segment: s, summary: new(atomic.Pointer[summary]),
		content: chunkBytes + s.Size(), ordered: h.Ordered != 0,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.fitsBefore(&c.span) {
		return false, fmt.Errorf("holds the records %d to %d, which another file holds in part",
			c.first, c.lastSeq())
	}
	if l.bytes+c.size() > l.capacity {
		return false, nil
	}
	l.adoptFirst(c, c.size())
	return true, nil
}

func (l *log[R]) goOn(last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last > l.last {
		l.closeHead() // the rows of a chunk follow each other
		l.last = last
	}
}

func (l *log[R]) replay(h *wal.Header, payload []byte) error {
	last := l.newest()
	if h.First+uint64(h.Count)-1 <= last {
		return nil // it is in a file
	}
	rows, err := rowcode.DecodeRows(payload, h.Count, l.signal.decode)
	if err != nil {
		return err
	}
	if h.First <= last {
		rows = rows[last+1-h.First:]
	}
	l.appendFrom(max(h.First, last+1), rows, time.Unix(0, h.Arrived))
	return nil
}

func (l *log[R]) compactAll() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	l.closeHead()
	l.mu.Unlock()
	l.compactClosed()
	l.compactor.Wait()
}
