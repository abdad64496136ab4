// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math"
	"slices"
	"time"
)

// TimeRange is a stretch of event time: Start inclusive, End exclusive. A zero
// bound is open.
type TimeRange struct {
	Start Nanos
	End   Nanos
}

// Contains reports whether t lies in the range.
func (r TimeRange) Contains(t Nanos) bool {
	return t >= r.Start && (r.End == 0 || t < r.End)
}

// Overlaps reports whether the closed stretch from first to last touches the
// range.
func (r TimeRange) Overlaps(first, last Nanos) bool {
	return last >= r.Start && (r.End == 0 || first < r.End)
}

// Cursor is a place in a paged answer. The zero Cursor is the first page.
type Cursor struct {
	// Epoch names the store that made the cursor.
	Epoch uint64
	// Snapshot is the newest sequence that the answer may hold, so that pages
	// stay put while rows are written.
	Snapshot uint64
	// Time and Seq are those of the last row returned.
	Time Nanos
	Seq  uint64
	// State is what a reader that puts several others together knows of each.
	State string
}

// IsZero reports whether the cursor means the first page.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// Paging bounds one page of an answer.
type Paging struct {
	// Limit is the most rows a page holds, above 0.
	Limit int
	// MaxBytes ends a page early, by the rows' Size; 0: no bound. A page holds
	// at least one row all the same.
	MaxBytes int
	// After is the place to go on from.
	After Cursor
	// Ascending puts the oldest first instead of the newest.
	Ascending bool
}

// Page is one page of rows. Next is zero on the last page.
type Page[Row any] struct {
	Rows []Row
	Next Cursor
	// Begin is the place before the first row of all pages: with it the answer does not
	// hold what was stored later. Zero if it is not known.
	Begin Cursor
}

// BeginOf returns the place before the first row of a state of a log whose cursors are
// times and sequences.
func BeginOf(epoch, snapshot uint64, ascending bool) Cursor {
	if ascending {
		return Cursor{Epoch: epoch, Snapshot: snapshot}
	}
	return Cursor{Epoch: epoch, Snapshot: snapshot, Time: math.MaxUint64, Seq: math.MaxUint64}
}

// RecordKind distinguishes plain log records from events, which are log records with an
// event name.
type RecordKind uint8

// The kinds of records that a query selects.
const (
	LogsAndEvents RecordKind = iota
	LogsOnly                 // records without an event name
	EventsOnly               // records with an event name
)

// Match reports whether the kind includes records with this event name.
func (k RecordKind) Match(eventName string) bool {
	return k == LogsAndEvents || (k == EventsOnly) == (eventName != "")
}

// EventQuery selects log records.
type EventQuery struct {
	Filter Filter
	Paging Paging
	// Kind leaves out plain log records or events.
	Kind RecordKind
	// TraceID, unless zero, leaves out records of other traces.
	TraceID TraceID
}

// TraceQuery selects traces: by id, or by a span that meets all conditions.
type TraceQuery struct {
	TraceIDs    []TraceID
	Filter      Filter
	Paging      Paging
	Operations  []string // exact, or a prefix with a trailing *
	MinDuration time.Duration
	MaxDuration time.Duration // 0: no bound
	StatusCodes []int32
	Kinds       []int32
	// Tags must all hold for the span.
	Tags []SpanTag
}

// MatchSpan reports whether the span meets all conditions or, of a query that
// names traces, is of one of them.
func (q *TraceQuery) MatchSpan(s *Span) bool {
	if len(q.TraceIDs) > 0 {
		return slices.Contains(q.TraceIDs, s.TraceID)
	}
	took := time.Duration(s.Duration())
	return took >= q.MinDuration && (q.MaxDuration <= 0 || took <= q.MaxDuration) &&
		(len(q.StatusCodes) == 0 || slices.Contains(q.StatusCodes, s.StatusCode)) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, s.Kind)) &&
		MatchName(q.Operations, s.Name) &&
		q.Filter.MatchSpan(s) && q.matchTags(s)
}

func (q *TraceQuery) matchTags(s *Span) bool {
	for i := range q.Tags {
		if !q.Tags[i].Match(s) {
			return false
		}
	}
	return true
}

// PointQuery selects metric points.
type PointQuery struct {
	Names  []string // exact, or a prefix with a trailing *
	Filter Filter
	Paging Paging
}

// MatchPoint reports whether the point of this time of the series is selected.
func (q *PointQuery) MatchPoint(s *Series, at Nanos) bool {
	return q.Filter.Time.Contains(at) && MatchName(q.Names, s.Metric.Name) && q.Filter.MatchSeries(s)
}

// Aggregation is how the points of a window become one value.
type Aggregation uint8

// The aggregations; docs/reference/queries.md defines each.
const (
	AggregateNone Aggregation = iota
	AggregateAvg
	AggregateSum
	AggregateMin
	AggregateMax
	AggregateCount
	AggregateP50
	AggregateP90
	AggregateP95
	AggregateP99
	AggregateRate
)

// AggregateQuery asks for aggregated series.
type AggregateQuery struct {
	Names       []string // exact, or a prefix with a trailing *
	Filter      Filter
	Aggregation Aggregation
	GroupBy     []LabelKey
	// Resolution is the width of a window; 0: one window over the whole range.
	Resolution time.Duration
	// Limit is the most series returned, above 0.
	Limit int
}

// AggregatePoint is the value of one window that ends, inclusively, at Time.
type AggregatePoint struct {
	Time  Nanos
	Value float64
	Count uint64 // samples, or observations of a histogram
}

// AggregateSeries is one group of series.
type AggregateSeries struct {
	Metric    *Metric
	Labels    []string // values, in the order of GroupBy; "" for an absent one
	Points    []AggregatePoint
	Exemplars []Exemplar // up to 10, the latest first
	Sources   int        // series put together

	// ManyWriters is how many of the sources have points that one writer cannot
	// have sent: they lack an attribute that distinguishes their writers.
	ManyWriters int
	// Duplicates is how many points were left out because they repeat another
	// one exactly.
	Duplicates int
}

// Start is where in the store a tail begins. The zero Start begins with the
// next row.
type Start struct {
	// Last begins with the last N matching rows.
	Last int
	// Since begins with the rows of this event time or later.
	Since Nanos
	// After begins behind the row of this sequence, if Resume is set.
	After  uint64
	Resume bool
}

// Loss is what a reader did not get: Count rows, First to Last by
// sequence. The zero Loss is none.
type Loss struct {
	Count uint64
	First uint64
	Last  uint64
}
