// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/tapio/tapio/internal/model"
)

const (
	// summaryValues is how many values of a label a summary counts. Labels with more
	// are looked up in the rows.
	summaryValues = maxLabelValues
	// summaryShare is the share of a signal's memory that summaries may take on top:
	// one in so many. Segments above that are looked at row by row.
	summaryShare = 64
	// dimensionMark begins the names under which dimensions are counted, apart from
	// labels of the same name.
	dimensionMark = "\x00"
)

// summary is what discovery asks of a segment, counted once over all its rows.
// Queries that select a whole segment add it up instead of looking at the rows.
type summary struct {
	labels     *facetTallies
	services   *serviceTallies
	operations *operationTallies
	lives      *lifeTallies
	groups     []groupKey
	blocks     [][]groupCount // of each block
	bytes      int64
}

// groupKey is what counts over time are mostly grouped by.
type groupKey struct{ service, severity string }

// groupCount is how many rows of a block are of a group.
type groupCount struct{ group, rows uint16 }

// summarizer counts the rows of a segment.
type summarizer[R any] struct {
	summary *summary
	of      facts[R]
	service model.LabelKey
	places  map[groupKey]uint16
	block   map[uint16]uint16
}

func newSummarizer[R any](of facts[R], a *account) *summarizer[R] {
	labels := &facetTallies{account: a, byName: map[string]*facetTally{}, most: summaryValues}
	return &summarizer[R]{
		summary: &summary{labels: labels, services: newServiceTallies(a), operations: newOperationTallies(a), lives: newLifeTallies(a)},
		of:      of, service: model.NewLabelKey(serviceKey), places: map[groupKey]uint16{}, block: map[uint16]uint16{},
	}
}

func (b *summarizer[R]) add(r *R) error {
	if err := addRecord(b.summary.labels, &b.of, r); err != nil {
		return err
	}
	if err := b.of.tally(b.summary, r); err != nil {
		return err
	}
	severity, _ := b.of.dimension(r, model.DimensionSeverity)
	key := groupKey{textOf(b.of.labels(r), b.service), severity}
	place, known := b.places[key]
	if !known {
		place = uint16(len(b.summary.groups))
		b.places[key] = place
		b.summary.groups = append(b.summary.groups, key)
	}
	b.block[place]++
	return nil
}

func (b *summarizer[R]) endBlock() {
	counts := make([]groupCount, 0, len(b.block))
	for group, rows := range b.block {
		counts = append(counts, groupCount{group, rows})
	}
	b.summary.blocks = append(b.summary.blocks, counts)
	clear(b.block)
}

// fullValues is how many values are kept of a label that has more than a summary
// counts: the most frequent of those that it counts.
const fullValues = 16

// finish lets go of what was only needed to count.
func (b *summarizer[R]) finish() *summary {
	s := b.summary
	for _, tally := range s.labels.byName {
		if tally.full {
			tally.trim(fullValues)
		}
	}
	held := s.labels.account.rows.Load()
	s.bytes = held + int64(len(s.groups)*32)
	for _, counts := range s.blocks {
		s.bytes += int64(cap(counts))*4 + 24
	}
	s.labels.account, s.services.account, s.operations.account, s.lives.account = nil, nil, nil, nil
	s.lives.latest = nil
	return s
}

// summarize counts the rows of a segment, which a reader restores.
func summarize[R any](ctx context.Context, s *scan[R], v *view[R]) (*summary, error) {
	a := s.budget.account()
	defer a.close()
	b := newSummarizer(s.of, a)
	whole := scan[R]{
		budget: s.budget, log: s.log, hint: &hint{}, account: a,
		matcher: func() func(*R) bool { return func(*R) bool { return true } },
	}
	r := newReader(v, whole.hint)
	defer r.close(a)
	for i := range r.blocks() {
		if err := whole.block(ctx, r, i, whole.matcher(), b.add); err != nil {
			return nil, err
		}
		b.endBlock()
	}
	return b.finish(), nil
}

// summaryOf returns the summary of a sealed view; nil if there is none and its rows
// must be looked at.
func (s *scan[R]) summaryOf(ctx context.Context, v *view[R]) (*summary, error) {
	if v.segment == nil {
		return nil, nil
	}
	if known := v.segment.summary.Load(); known != nil {
		return known, nil
	}
	made, err := summarize(ctx, s, v)
	if err != nil {
		return nil, err
	}
	if v.segment.damage.Load() == nil && s.log.summaryBytes()+made.bytes <= s.log.summaryLimit() {
		v.segment.summary.Store(made)
	}
	return made, nil
}

// summarizeRows counts the rows of a chunk that is being sealed, if they do not come
// so fast that writers would have to wait for it.
func (l *log[R]) summarizeRows(s *segment, rows []R) {
	if s.packing != packTight || l.summaryBytes() > l.summaryLimit() {
		return // counted when it is first asked for
	}
	b := newSummarizer(l.signal.facts, newBudget().account())
	for i := range rows {
		if err := b.add(&rows[i]); err != nil {
			return
		}
		if (i+1)%s.blockRows == 0 || i+1 == len(rows) {
			b.endBlock()
		}
	}
	s.summary.Store(b.finish())
}
