// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// fileState says whether a chunk is in the directory.
type fileState uint8

const (
	fileNone  fileState = iota
	fileReady           // it is sealed, and to be written
	fileKept            // it is there
)

// What the header of a file says of its segment, as bits.
const (
	factMixed = 1 << iota // labels.mixed
	factQuick             // packing; never in files of version 1
)

// durable is a log as its directory sees it.
type durable interface {
	name() string
	// pending returns the oldest chunk that is to be written, nil for none.
	pending() *image
	// written notes that the chunk is in the directory. It returns false if the
	// chunk was evicted meanwhile.
	written(first uint64) bool
	// takeDoomed returns the chunks that were evicted since the last call and may
	// have a file.
	takeDoomed() []uint64
	// newest is the sequence of the newest row ever stored.
	newest() uint64
	// restore reads a chunk that is older than all those held. It returns false if
	// there is no room for it.
	restore(h *fileHeader, rest *bytes.Reader) (bool, error)
	// goOn continues the sequences behind this one.
	goOn(last uint64)
	// sealAll closes the head and waits until all is sealed.
	sealAll()
}

func (l *log[R]) name() string { return l.signal.name }

func (l *log[R]) newest() uint64 {
	_, last := l.ends()
	return last
}

func (l *log[R]) pending() *image {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, c := range l.chunks {
		if c.file == fileReady {
			return l.image(c)
		}
	}
	return nil
}

// image describes a sealed chunk. One that was not worth sealing in memory is
// sealed for its file.
func (l *log[R]) image(c *chunk[R]) *image {
	s := c.segment
	if s == nil {
		s = seal(l.signal.codec, l.packer, packTight, c.rows)
	}
	m := &image{sections: s.sections(), header: fileHeader{
		First: c.first, Count: uint64(c.count), Oldest: uint64(c.oldest), Newest: uint64(c.newest),
		Opened: c.opened.UnixNano(), Arrived: c.arrived.UnixNano(), BlockRows: uint32(s.blockRows),
	}}
	copy(m.header.Signal[:], l.signal.name)
	if c.ordered {
		m.header.Ordered = 1
	}
	if s.labels.mixed {
		m.header.Facts |= factMixed
	}
	if s.packing == packQuick {
		m.header.Facts |= factQuick
	}
	return m
}

func (l *log[R]) written(first uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, found := l.chunkOf(first)
	if !found || l.chunks[i].first != first {
		return false
	}
	l.chunks[i].file = fileKept
	return true
}

func (l *log[R]) takeDoomed() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	doomed := l.doomed
	l.doomed = nil
	return doomed
}

func (l *log[R]) restore(h *fileHeader, rest *bytes.Reader) (bool, error) {
	s := &segment{packer: l.packer, rows: int(h.Count), blockRows: int(h.BlockRows)}
	if h.Facts&factQuick != 0 {
		s.packing = packQuick
	}
	if err := readSections(rest, h, s.sections()); err != nil {
		return false, err
	}
	s.labels.mixed = h.Facts&factMixed != 0
	if err := s.check(); err != nil {
		return false, err
	}
	c := &chunk[R]{
		signal: &l.signal, parts: &parts{}, segment: s, first: h.First, count: s.rows,
		content: chunkBytes + s.size(), file: fileKept,
		// A file does not tell the oldest time above 0 beside a 0; the newest is not before it.
		dated:  earlier(model.Nanos(h.Oldest), model.Nanos(h.Newest)),
		oldest: model.Nanos(h.Oldest), newest: model.Nanos(h.Newest), ordered: h.Ordered != 0,
		opened: time.Unix(0, h.Opened), arrived: time.Unix(0, h.Arrived),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.chunks) > 0 && c.first+uint64(c.count) > l.chunks[0].first {
		return false, fmt.Errorf("holds the records %d to %d, which another file holds in part",
			c.first, c.first+uint64(c.count)-1)
	}
	if l.bytes+c.size() > l.capacity {
		return false, nil
	}
	l.chunks = append([]*chunk[R]{c}, l.chunks...)
	l.bytes += c.size()
	l.rows += c.count
	l.last = max(l.last, c.first+uint64(c.count)-1)
	return true, nil
}

func (l *log[R]) goOn(last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = max(l.last, last)
}

func (l *log[R]) sealAll() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	l.closeHead()
	l.mu.Unlock()
	l.sealClosed()
	l.sealer.Wait()
}
