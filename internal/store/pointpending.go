// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"github.com/tapio/tapio/internal/store/colenc"

	"github.com/tapio/tapio/internal/store/segmentfile"
)

func (l *pointLog) pending(upTo uint64) *segmentfile.Image {
	p := l.nextPending(upTo)
	if p == nil {
		return nil
	}
	s := p.segment
	if s == nil {
		s = compactPoints(p.rows, p.chunk.extra)
	}
	c := &p.chunk
	if c.count == 0 {
		for i := range p.rows {
			c.note(p.rows[i].time)
			c.count++
		}
	}
	var series []seriesKeys
	for at := range s.stretches {
		series = append(series, p.series[at.series])
	}
	packed := l.packer.Pack(colenc.PackTight, nil, encodeSeriesKeys(series))
	m := &segmentfile.Image{Sections: append(s.sections(), segmentfile.SectionOf(seriesSection, &packed)), Header: segmentfile.Header{
		First: p.first, Count: uint64(c.count), Oldest: uint64(c.oldest), Newest: uint64(c.newest),
		Opened: c.opened.UnixNano(), Arrived: c.arrived.UnixNano(),
	}}
	copy(m.Header.Signal[:], l.name())
	return m
}

// seriesKeys are the packed words of one series: metric, resource, scope and
// attributes.
type seriesKeys [sharedParts + 1]string

// pendingPoints are points that are to be written, as they were at one moment.
type pendingPoints struct {
	chunk   pointChunk    // a copy, without a count where it is a part of the original
	segment *pointSegment // nil: rows are not compacted
	rows    []pointRow
	first   uint64
	series  map[uint32]seriesKeys // by slot, which may stand for another series soon
}

func (l *pointLog) nextPending(upTo uint64) *pendingPoints {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, c := range l.chunks {
		switch {
		case c.files.state == fileKept:
		case c.files.state == fileReady:
			return l.withSeries(&pendingPoints{chunk: *c, segment: c.segment, rows: c.rows, first: c.first})
		case c.first+uint64(c.files.covered()) > upTo:
			return nil
		case c.files.covered() < c.count:
			from := c.files.nextPiece(c.count)
			return l.withSeries(&pendingPoints{
				chunk: pointChunk{span: span{opened: c.opened, arrived: c.arrived}, extra: c.extra},
				rows:  c.rows[from:c.count:c.count], first: c.first + uint64(from),
			})
		}
	}
	return nil
}

// withSeries looks up the series of the points. The caller holds the lock.
func (l *pointLog) withSeries(p *pendingPoints) *pendingPoints {
	p.series = map[uint32]seriesKeys{}
	note := func(slot uint32) {
		if _, known := p.series[slot]; known {
			return
		}
		e := l.registry.series.at(slot)
		keys := seriesKeys{sharedParts: e.key}
		for part, slot := range e.of {
			keys[part] = l.registry.shared[part].at(slot).key
		}
		p.series[slot] = keys
	}
	if p.segment != nil {
		for at := range p.segment.stretches {
			note(at.series)
		}
		return p
	}
	for i := range p.rows {
		note(p.rows[i].series)
	}
	return p
}
