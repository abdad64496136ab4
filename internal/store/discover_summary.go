// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync/atomic"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/intern"
	"github.com/tapio/tapio/internal/store/segment"
)

const (
	// summaryShare is the share of a signal's memory that summaries may take on top:
	// one in so many. Segments above that are looked at row by row.
	summaryShare = 32
	// dimensionMark begins the names under which dimensions are counted, apart from
	// labels of the same name.
	dimensionMark = "\x00"
	// summaryEntry is about the bytes that a summary holds for one service, operation or
	// life, without its texts.
	summaryEntry = 256
)

// summary is what discovery asks of a segment, counted once over all its rows.
// Queries that select a whole segment add it up instead of looking at the rows.
type summary struct {
	labels     segmentLabels
	services   *serviceTallies
	operations *operationTallies
	lives      *lifeTallies
	bytes      int64
}

// segmentLabels is the labels of a segment, and of how many rows they are.
type segmentLabels struct {
	total  uint64
	byName map[string]*labelSummary
}

// size is about the bytes that a summary holds.
func (s *summary) size() int64 {
	entries := len(s.services.tallies) + len(s.operations.tallies) + len(s.lives.lives)
	bytes := int64(entries) * summaryEntry
	for name, label := range s.labels.byName {
		bytes += label.bytes() + int64(len(name)) + intern.InternBytes
	}
	for _, tally := range s.services.tallies {
		bytes += tally.own.bytes() + tally.seen.bytes() + int64(len(tally.instances)+len(tally.namespaces))*intern.InternBytes
	}
	for _, tally := range s.operations.tallies {
		bytes += tally.bytes()
	}
	return bytes
}

func (r *requests) bytes() int64 { return int64(colenc.SliceBytes(r.took.Counts)) }

// summarize counts the rows of a segment, which a reader restores.
func summarize[R any](ctx context.Context, s *scan[R], v *view[R]) (*summary, error) {
	a := s.budget.Account(ctx)
	defer a.Close()
	b := newSummarizer(s.of, a)
	whole := scan[R]{
		budget: s.budget, log: s.log, hint: &segment.Hint{}, account: a,
		matcher: func() func(*R) bool { return func(*R) bool { return true } },
	}
	r := newReader(v, whole.hint)
	defer r.close(a)
	for i := range r.blocks() {
		if err := whole.block(ctx, r, i, whole.matcher(), b.add); err != nil {
			return nil, err
		}
		if err := b.endBlock(); err != nil {
			return nil, err
		}
	}
	return b.finish(), nil
}

// summaryOf returns the summary of a compacted view.
func (s *scan[R]) summaryOf(ctx context.Context, v *view[R]) (*summary, error) {
	if known := v.summary.Load(); known != nil {
		return known, nil
	}
	made, err := summarize(ctx, s, v)
	if err != nil {
		return nil, err
	}
	if v.segment.Damage.Load() == nil && s.log.summaries.bytes()+made.bytes <= s.log.summaries.limit() {
		v.summary.Store(made)
	}
	return made, nil
}

// ofRows counts the rows of a chunk that is being compacted.
func (m *summaries[R]) ofRows(known *atomic.Pointer[summary], blockRows int, rows []R) {
	if m.bytes() > m.limit() {
		return // counted by each query
	}
	b := newSummarizer(m.log.signal.facts, budget.NewBudget().OwnAccount())
	for i := range rows {
		if b.add(&rows[i]) != nil {
			return
		}
		if (i+1)%blockRows == 0 || i+1 == len(rows) {
			if b.endBlock() != nil {
				return
			}
		}
	}
	known.Store(b.finish())
}

// names returns the attributes that one of these keys may be.
func namesOf(keys ...model.LabelKey) map[string]bool {
	names := map[string]bool{}
	for _, key := range keys {
		for _, name := range key.Names() {
			names[name] = true
		}
	}
	return names
}
