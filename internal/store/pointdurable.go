// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/rowcode"
	"github.com/tapio/tapio/internal/store/segmentfile"
	"github.com/tapio/tapio/internal/store/wal"
)

// The packer's output in the file of a point segment, beside its own slices: what
// its slots stand for, since the registry does not outlive the process.
const seriesSection = 8

func (s *pointSegment) sections() []segmentfile.Section {
	return []segmentfile.Section{
		segmentfile.SectionOf(1, &s.timing.moments), segmentfile.SectionOf(2, &s.timing.starts), segmentfile.SectionOf(3, &s.directory),
		segmentfile.SectionOf(4, &s.data), segmentfile.SectionOf(5, &s.extra), segmentfile.SectionOf(6, &s.bounds), segmentfile.SectionOf(7, &s.boundEnds),
	}
}

func (l *pointLog) name() string { return "metrics" }

// encodeSeriesKeys writes series one after the other. What they share with one
// before is known by its place.
func encodeSeriesKeys(series []seriesKeys) []byte {
	var dst []byte
	origins := map[[sharedParts]string]int{}
	for _, keys := range series {
		origin := [sharedParts]string(keys[:sharedParts])
		place, known := origins[origin]
		if !known {
			place = len(origins)
			origins[origin] = place
		}
		dst = binary.AppendUvarint(dst, uint64(place))
		if !known {
			for _, key := range origin {
				dst = colenc.AppendString(dst, key)
			}
		}
		dst = colenc.AppendString(dst, keys[sharedParts])
	}
	return dst
}

// readSeriesKeys reads what encodeSeriesKeys wrote, as a batch without points,
// and the attributes of each series with the place of its origin.
func readSeriesKeys(encoded []byte) (b *model.PointBatch, series []model.PackedPoint) {
	b = &model.PointBatch{}
	take := func(c *colenc.Cursor) model.Packed {
		key := c.Text()
		from := len(b.Bytes)
		b.Bytes = append(b.Bytes, key...)
		return model.Packed{From: uint32(from), To: uint32(len(b.Bytes)), Hash: xxhash.Sum64(key)}
	}
	for c := (colenc.Cursor{Bytes: encoded}); len(c.Bytes) > 0; {
		origin := int(c.Uvarint())
		if origin == len(b.Origins) {
			b.Origins = append(b.Origins, model.PackedOrigin{Metric: take(&c), Resource: take(&c), Scope: take(&c)})
		}
		_ = b.Origins[origin]
		series = append(series, model.PackedPoint{Origin: uint32(origin), Attributes: take(&c)})
	}
	return b, series
}

func (l *pointLog) goOn(last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last > l.last {
		l.closeHead() // the points of a chunk follow each other
		l.last = last
	}
}

func (l *pointLog) replay(h *wal.Header, payload []byte) error {
	last := l.newest()
	if h.First+uint64(h.Count)-1 <= last {
		return nil // it is in a file
	}
	b, err := rowcode.DecodePoints(payload, h.Count)
	if err != nil {
		return err
	}
	if h.First <= last {
		b.Points = b.Points[last+1-h.First:]
	}
	l.appendFrom(max(h.First, last+1), b, time.Unix(0, h.Arrived))
	return nil
}

func (l *pointLog) compactAll() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	l.closeHead()
	l.mu.Unlock()
	l.compactClosed()
	l.compactor.Wait()
}

func (l *pointLog) restore(h *segmentfile.Header, rest *bytes.Reader) (room bool, err error) {
	s, packed := &pointSegment{rows: int(h.Count)}, []byte(nil)
	if err := segmentfile.ReadSections(rest, h, append(s.sections(), segmentfile.SectionOf(seriesSection, &packed))); err != nil {
		return false, err
	}
	if len(s.timing.moments) == 0 {
		s.timing.moments = nil
	}
	c := &pointChunk{segment: s, span: restoredSpan(h)}
	defer func() {
		if fault := recover(); fault != nil {
			room, err = false, fmt.Errorf("contradicts itself: %v", fault)
		}
	}()
	pieces, err := s.pieces()
	if err != nil {
		return false, err
	}
	b, series := readSeriesKeys(l.packer.Unpack(colenc.PackTight, nil, packed))
	s.readAll()
	if len(series) != len(pieces) {
		return false, fmt.Errorf("contradicts itself: it names %d series and holds points of %d", len(series), len(pieces))
	}
	return l.adopt(c, b, series, pieces)
}

// seriesPiece is what a segment holds of one series.
type seriesPiece struct {
	slot        uint32
	count       uint32
	data, extra []byte
}

// pieces takes a segment apart.
func (s *pointSegment) pieces() (pieces []seriesPiece, err error) {
	rows := 0
	var last stretch
	for at := range s.stretches {
		if n := len(pieces); n > 0 {
			pieces[n-1].data = s.data[last.data:at.data]
		}
		pieces = append(pieces, seriesPiece{count: at.count, extra: s.extra[at.extra:at.extraEnd]})
		rows += int(at.count)
		last = at
	}
	if n := len(pieces); n > 0 {
		pieces[n-1].data = s.data[last.data:]
	}
	if rows != s.rows {
		return nil, errors.New("contradicts itself: its series do not have as many points as it")
	}
	return pieces, nil
}

// put puts pieces together, in the order of their slots.
func (s *pointSegment) put(pieces []seriesPiece) {
	slices.SortFunc(pieces, func(a, b seriesPiece) int { return cmp.Compare(a.slot, b.slot) })
	var directory, data, extra []byte
	before := uint32(0)
	for _, p := range pieces {
		directory = colenc.AppendNumbers(directory, uint64(p.slot-before), uint64(p.count), uint64(len(p.data)), uint64(len(p.extra)))
		data, extra = append(data, p.data...), append(extra, p.extra...)
		before = p.slot
	}
	s.directory, s.data, s.extra = colenc.Exactly(directory), colenc.Exactly(data), colenc.Exactly(extra)
}

// adopt puts a chunk before all others, and its series into the registry.
func (l *pointLog) adopt(c *pointChunk, b *model.PointBatch, series []model.PackedPoint, pieces []seriesPiece) (room bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.fitsBefore(&c.span) {
		return false, fmt.Errorf("holds the points %d to %d, which another file holds in part", c.first, c.lastSeq())
	}
	for i := range series {
		o := l.registry.findOrigin(b, &b.Origins[series[i].Origin])
		slot, known := l.registry.find(b, &o, series[i].Attributes)
		if !known {
			slot = l.registry.add(b, &o, series[i].Attributes, 1) // older than any row
		}
		l.registry.series.at(slot).refs++
		pieces[i].slot = slot
	}
	c.segment.put(pieces)
	if l.size()+c.size() > l.capacity {
		for i := range pieces {
			l.registry.release(pieces[i].slot)
		}
		l.registry.shrink()
		return false, nil
	}
	l.number++
	c.number = l.number
	l.adoptFirst(c, c.size())
	return true, nil
}
