// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/intern"
	"github.com/tapio/tapio/internal/store/segment"
)

const (
	// summaryValues is how many values of a label a summary counts. Labels with more
	// are looked up in the rows.
	summaryValues = segment.MaxLabelValues
	// fullValues is how many values are kept of a label that has more than a summary
	// counts: the most frequent of those that it counts.
	fullValues = 16
	// rareFactor is the least number of records for each value that is counted. The
	// values of a label with too many values and fewer records rarely repeat; they are
	// not counted any further.
	rareFactor = 4
	// maxBlockCounts bounds the bytes that the counts by block take for each label,
	// except service.name and severity, which most queries group by.
	maxBlockCounts = 4 << 10
)

// labelSummary counts the values of one label in a segment.
type labelSummary struct {
	records uint64
	full    bool     // values were left out
	texts   string   // the values, one after the other
	ends    []uint32 // where each ends in texts
	counts  []uint32 // records with each
	// blocks are the records of each block by value: the place of each value that
	// occurs, after the one before, and how many records have it. nil: not known.
	blocks    []byte
	blockEnds []uint32
}

func (l *labelSummary) value(i int) string {
	from := uint32(0)
	if i > 0 {
		from = l.ends[i-1]
	}
	return l.texts[from:l.ends[i]]
}

// each calls use with every value.
func (l *labelSummary) each(use func(value string, n uint64) error) error {
	for i, n := range l.counts {
		if err := use(l.value(i), uint64(n)); err != nil {
			return err
		}
	}
	return nil
}

// without is how many records have a value that was left out.
func (l *labelSummary) without() uint64 {
	left := l.records
	for _, n := range l.counts {
		left -= uint64(n)
	}
	return left
}

// inBlock calls use with the place of every value that occurs in a block.
func (l *labelSummary) inBlock(b int, use func(place int, n uint64)) {
	if b >= len(l.blockEnds) {
		return // none from here on
	}
	from := uint32(0)
	if b > 0 {
		from = l.blockEnds[b-1]
	}
	place := -1
	for c := (colenc.Cursor{Bytes: l.blocks[from:l.blockEnds[b]]}); len(c.Bytes) > 0; {
		place += int(c.Uvarint()) + 1
		use(place, c.Uvarint())
	}
}

func (l *labelSummary) bytes() int64 {
	return int64(int(unsafe.Sizeof(*l)) + len(l.texts) + colenc.SliceBytes(l.ends) + colenc.SliceBytes(l.counts) + colenc.SliceBytes(l.blocks) + colenc.SliceBytes(l.blockEnds))
}

// labelCounter makes the summary of one label.
type labelCounter struct {
	name    string
	records uint64
	values  []string
	counts  []uint32
	counted []uint32 // counts up to the last block that ended
	byText  map[string]int
	byInt   map[int64]int
	latest  int // place of the value counted last
	full    bool
	rare    bool // its values rarely repeat

	always    bool // count by block however many bytes that takes
	byBlock   bool
	blocks    []byte
	blockEnds []uint32
}

func newLabelCounter(name string, block int) *labelCounter {
	return &labelCounter{
		name: name, byText: map[string]int{}, byBlock: true, blockEnds: make([]uint32, block, segment.MaxBlocks),
		always: name == semconv.ServiceName || name == dimensionMark+model.DimensionSeverity,
	}
}

// add counts a value and returns the memory that it takes, 0 for one that is known.
func (c *labelCounter) add(v model.Value) (bytes int64) {
	if v.Kind() == model.KindString {
		return c.addText(v.Str(), 1)
	}
	if v.Kind() != model.KindInt || c.rare {
		return c.addText(v.Text(), 1)
	}
	if place, known := c.byInt[v.Int()]; known {
		c.records++
		c.counts[place]++
		return 0
	}
	bytes = c.addText(v.Text(), 1)
	if place, known := c.byText[v.Text()]; known {
		if c.byInt == nil {
			c.byInt = map[int64]int{}
		}
		c.byInt[v.Int()] = place
	}
	return bytes
}

// addText counts n records with a value.
func (c *labelCounter) addText(value string, n uint64) (bytes int64) {
	c.records += n
	if c.rare {
		return 0
	}
	if c.latest < len(c.values) && colenc.SameText(c.values[c.latest], value) {
		c.counts[c.latest] += uint32(n)
		return 0
	}
	place, known := c.byText[value]
	if !known {
		if len(c.values) >= summaryValues || len(value) > segment.MaxLabelBytes {
			c.fill()
			return 0
		}
		value = strings.Clone(value) // the row is not kept
		place = len(c.values)
		c.byText[value] = place
		c.values, c.counts, c.counted = append(c.values, value), append(c.counts, 0), append(c.counted, 0)
		bytes = int64(intern.InternBytes + len(value))
	}
	c.latest = place
	c.counts[place] += uint32(n)
	return bytes
}

// fill notes that values are left out.
func (c *labelCounter) fill() {
	if !c.full && len(c.values) >= summaryValues {
		c.rare = c.records < summaryValues*rareFactor
	}
	c.full, c.byBlock = true, false
}

// endBlock notes the counts of a block.
func (c *labelCounter) endBlock() {
	if !c.byBlock {
		return
	}
	last := -1
	for i, n := range c.counts {
		if n == c.counted[i] {
			continue
		}
		c.blocks = binary.AppendUvarint(binary.AppendUvarint(c.blocks, uint64(i-last-1)), uint64(n-c.counted[i]))
		last, c.counted[i] = i, n
	}
	c.blockEnds = append(c.blockEnds, uint32(len(c.blocks)))
	c.byBlock = c.always || len(c.blocks) <= maxBlockCounts
}

// summary returns what was counted.
func (c *labelCounter) summary() *labelSummary {
	s := &labelSummary{records: c.records, full: c.full}
	places := make([]int, len(c.values))
	for i := range places {
		places[i] = i
	}
	if c.full {
		slices.SortFunc(places, func(a, b int) int {
			return cmp.Or(cmp.Compare(c.counts[b], c.counts[a]), cmp.Compare(c.values[a], c.values[b]))
		})
		places = places[:min(len(places), fullValues)]
	}
	s.ends, s.counts = make([]uint32, len(places)), make([]uint32, len(places))
	var texts strings.Builder
	for i, place := range places {
		texts.WriteString(c.values[place])
		s.ends[i], s.counts[i] = uint32(texts.Len()), c.counts[place]
	}
	s.texts = strings.Clone(texts.String())
	if c.byBlock {
		s.blocks, s.blockEnds = slices.Clip(slices.Clone(c.blocks)), slices.Clip(slices.Clone(c.blockEnds))
	}
	return s
}
