// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/segment"
)

// countView adds what the summary of a segment knows, and looks at the rows of the
// blocks that lie in more than one bucket or partly outside the range.
func countView[R any](ctx context.Context, c *recordCounter, rows *scan[R], v *view[R], use func(*R) error) error {
	if v.segment == nil {
		return countHead(ctx, c, rows, v, use)
	}
	known, err := rows.summaryOf(ctx, v)
	if err != nil {
		return err
	}
	m := newSegmentMerger(c, known)
	if c.inOne(rows.hint.Times, v.oldest, v.newest) && m.known {
		return m.segment(c.bucket(v.oldest))
	}
	return countBlocks(ctx, m, rows, v, use)
}

func countBlocks[R any](ctx context.Context, m *segmentMerger, rows *scan[R], v *view[R], use func(*R) error) (err error) {
	c := m.counter
	r, match := newReader(v, rows.hint), rows.matcher()
	defer r.close(rows.account)
	columns := newGroupColumns(c, v.segment, rows.of.signal)
	for b := range r.blocks() {
		oldest, newest := r.times(b)
		switch {
		case !rows.hint.Times.Overlaps(oldest, newest):
			continue
		case m.byBlock && c.inOne(rows.hint.Times, oldest, newest):
			from, to := v.segment.RowsOf(b)
			err = m.block(b, uint64(to-from), c.bucket(oldest))
		case columns.decide():
			err = rows.inTurn(ctx, func() error { return countColumns(c, rows, columns, v, b) })
		default:
			err = rows.block(ctx, r, b, match, use)
		}
		if err != nil {
			return err
		}
	}
	return m.flush()
}

// inTurn runs work that unpacks a block when the budget admits it.
func (s *scan[R]) inTurn(ctx context.Context, work func() error) error {
	if err := s.budget.Enter(ctx); err != nil {
		return err
	}
	defer s.budget.Leave(ctx)
	return work()
}

// segmentMerger adds the summary of one segment to counts over time.
type segmentMerger struct {
	counter *recordCounter
	labels  []*labelSummary // that the counts are grouped by
	total   uint64
	known   bool // the summary knows all values
	byBlock bool // and of each block
	// What is counted of the current bucket: by label and value, and without a value.
	bucket model.Nanos
	some   bool
	counts [][]uint64
	rest   uint64
}

func newSegmentMerger(c *recordCounter, s *summary) *segmentMerger {
	m := &segmentMerger{counter: c, total: s.labels.total, known: true, byBlock: true}
	if c.query.GroupBy == "" {
		return m
	}
	if c.query.GroupBy == model.DimensionDuration { // no summary counts it
		m.known, m.byBlock = false, false
		return m
	}
	m.labels, m.known = s.labels.find(c.key)
	m.byBlock = m.known
	for _, l := range m.labels {
		m.byBlock = m.byBlock && l.blockEnds != nil
		m.counts = append(m.counts, make([]uint64, len(l.counts)))
	}
	return m
}

// segment adds all rows of the segment to one bucket.
func (m *segmentMerger) segment(bucket model.Nanos) error {
	m.bucket, m.some, m.rest = bucket, true, m.total
	for i, l := range m.labels {
		for place, n := range l.counts {
			m.counts[i][place] = uint64(n)
			m.rest -= uint64(n)
		}
	}
	return m.flush()
}

// block adds a block of so many rows.
func (m *segmentMerger) block(b int, rows uint64, bucket model.Nanos) error {
	if m.some && m.bucket != bucket {
		if err := m.flush(); err != nil {
			return err
		}
	}
	m.bucket, m.some = bucket, true
	m.rest += rows
	for i, l := range m.labels {
		counts := m.counts[i]
		l.inBlock(b, func(place int, n uint64) {
			counts[place] += n
			m.rest -= n
		})
	}
	return nil
}

// flush adds what is counted of the current bucket to the counts over time.
func (m *segmentMerger) flush() error {
	if !m.some {
		return nil
	}
	m.some = false
	for i, l := range m.labels {
		for place, n := range m.counts[i] {
			if n == 0 {
				continue
			}
			m.counts[i][place] = 0
			if err := m.counter.add(l.value(place), m.bucket, n); err != nil {
				return err
			}
		}
	}
	rest := m.rest
	m.rest = 0
	if rest == 0 {
		return nil
	}
	return m.counter.add("", m.bucket, rest)
}

// groupColumns finds the group of a row in the columns of its block, without restoring
// the row.
type groupColumns struct {
	loader   segment.Loader
	by       groupedBy
	resource []string // the group of each resource
}

// groupedBy is where the group of a row is.
type groupedBy uint8

const (
	byRow groupedBy = iota // in the restored row
	byNothing
	bySeverity
	byResource
)

func newGroupColumns(c *recordCounter, s *segment.Segment, signal model.Signal) *groupColumns {
	g := &groupColumns{loader: segment.Loader{Segment: s}}
	if !s.Contain(func() { g.find(c, signal) }) {
		g.by = byRow
	}
	return g
}

func (g *groupColumns) decide() bool { return g.by != byRow }

func (g *groupColumns) find(c *recordCounter, signal model.Signal) {
	if c.query.GroupBy == "" {
		g.by = byNothing
		return
	}
	if c.query.GroupBy == segment.ScopeKey {
		return
	}
	names, d := namesOf(c.key), g.loader.Dictionary()
	for _, f := range d.Fields {
		if names[d.Strings[f.Key]] {
			return
		}
	}
	for _, scope := range d.Scopes {
		if _, found := (model.Labels{Scope: scope}).Get(c.key); found {
			return
		}
	}
	some := false
	for _, resource := range d.Resources {
		value, found := (model.Labels{Resource: resource}).Get(c.key)
		some = some || found
		g.resource = append(g.resource, value.Text())
	}
	switch c.query.GroupBy {
	case model.DimensionSeverity:
		if signal == model.SignalLogs && !some {
			g.by = bySeverity
		}
	case model.DimensionName, model.DimensionKind, model.DimensionStatus, model.DimensionDuration:
	default:
		g.by = byResource
	}
}

// countColumns counts the rows of a block that are in the range.
func countColumns[R any](c *recordCounter, rows *scan[R], g *groupColumns, v *view[R], b int) (err error) {
	codec := v.signal.codec
	v.segment.Contain(func() {
		l := &g.loader
		segment.OpenBlock(l, codec, b)
		l.ReadColumn(segment.ColumnTime)
		switch g.by {
		case bySeverity:
			l.ReadColumn(segment.ColumnSeverity)
		case byResource:
			l.ReadColumn(segment.ColumnResource)
		case byRow, byNothing: // no column besides the time
		}
		for i := range l.Count {
			at := model.Nanos(l.Number(segment.ColumnTime, i))
			if !rows.hint.Times.Contains(at) {
				continue
			}
			if err = c.add(g.groupOf(i), c.bucket(at), 1); err != nil {
				return
			}
		}
	})
	return err
}

func (g *groupColumns) groupOf(i int) string {
	l := &g.loader
	switch g.by {
	case byResource:
		return g.resource[l.Number(segment.ColumnResource, i)]
	case bySeverity:
		e := model.Event{SeverityNumber: int32(colenc.Unzigzag(l.Number(segment.ColumnSeverity, i)))}
		if e.SeverityNumber <= 0 {
			l.ReadColumn(segment.ColumnSeverityText)
			e.SeverityText = l.Text(segment.ColumnSeverityText, i)
		}
		return severityName(e.Severity())
	default:
		return ""
	}
}
