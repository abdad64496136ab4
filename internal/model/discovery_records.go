// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// RecordSelection selects log records, as EventQuery does, or spans, as
// TraceQuery does by all but trace ids.
type RecordSelection struct {
	Signal Signal // SignalLogs or SignalTraces
	Filter Filter

	// Of log records only.
	Kind    RecordKind
	TraceID TraceID

	// Of spans only.
	Operations  []string // exact, or a prefix with a trailing *
	MinDuration time.Duration
	MaxDuration time.Duration // 0: no bound
	StatusCodes []int32
	Kinds       []int32
}

// Events returns the query for log records.
func (s *RecordSelection) Events() EventQuery {
	return EventQuery{Filter: s.Filter, Kind: s.Kind, TraceID: s.TraceID}
}

// Spans returns the query for spans.
func (s *RecordSelection) Spans() TraceQuery {
	return TraceQuery{
		Filter: s.Filter, Operations: s.Operations, MinDuration: s.MinDuration, MaxDuration: s.MaxDuration,
		StatusCodes: s.StatusCodes, Kinds: s.Kinds,
	}
}

// Dimensions of records that are no attributes. They group and are compared under
// these names where no attribute has the name itself.
const (
	DimensionSeverity = "severity" // class of a log record's severity, such as error
	DimensionName     = "name"     // of an event or span
	DimensionStatus   = "status"   // of a span: unset, ok or error
	DimensionKind     = "kind"     // of a span: internal, server, client, producer, consumer
	// DimensionDuration is of a span the upper bound of its bucket in seconds, see
	// DurationBound. It only groups counts: it is neither listed nor compared.
	DimensionDuration = "duration"
)

// CountQuery counts records over time.
type CountQuery struct {
	Selection RecordSelection
	// Resolution is the width of a bucket, which begins at a multiple of it since
	// the Unix epoch; 0: one bucket.
	Resolution time.Duration
	// GroupBy is a label or dimension, "" for one group.
	GroupBy string
	// Limit is the most groups, those with the highest counts; the others are put
	// together. Above 0.
	Limit int
}

// MaxCountBuckets is the most buckets of an answer.
const MaxCountBuckets = 11_000

// Counts is records counted over time.
type Counts struct {
	Total  uint64
	Groups []CountGroup // the highest total first
}

// CountGroup is the records of one value of CountQuery.GroupBy.
type CountGroup struct {
	Value  string // "" for records without the label
	Others bool   // the groups above the limit, put together
	Total  uint64
	Counts []CountBucket // the earliest first, without empty ones
}

// CountBucket is the records of one bucket. Records without a time are in one that
// starts at 0.
type CountBucket struct {
	Start Nanos
	Count uint64
}

// FacetQuery asks for the most frequent values of labels.
type FacetQuery struct {
	Selection RecordSelection
	// Labels are names, short or full, or dimensions; empty: the labels that the
	// most records have, and all dimensions.
	Labels []string
	// Limit is the most values of a label, and MaxLabels the most labels. Above 0.
	Limit, MaxLabels int
}

// Facet is the most frequent values of one label.
type Facet struct {
	Label    string
	Records  uint64 // that have the label
	Distinct uint64 // different values; at least so many if Estimated
	Values   []LabelValue
	// Estimated is set where the figures are extrapolated from a sample, or values
	// were left out because there are too many.
	Estimated bool
}

// Facets is the answer to a FacetQuery.
type Facets struct {
	Total     uint64  // records selected
	Facets    []Facet // in the order asked for, else the ones that the most records have first
	Examined  uint64  // records whose labels were looked at
	Estimated bool    // Total is extrapolated, and so are all facets
}

// CompareQuery asks which attribute values are more frequent in a selection than in
// its baseline. Both are of one signal. Records of the selection do not count to
// the baseline.
type CompareQuery struct {
	Selection, Baseline RecordSelection
	Labels              []string // empty: all
	Limit               int      // differences, above 0
	// Equal returns values whose shares are the same, too.
	Equal bool
}

// Comparison is the answer to a CompareQuery.
type Comparison struct {
	SelectionRecords, BaselineRecords uint64
	Differences                       []AttributeDifference // the highest divergence first
	// Estimated is set if a sample was compared. The counts are those of the sample.
	Estimated bool
}

// AttributeDifference is a value that is more frequent in the selection than in the
// baseline, or less.
type AttributeDifference struct {
	Label, Value                  string
	SelectionCount, BaselineCount uint64
	// SelectionShare and BaselineShare are the counts divided by all records of the
	// part, 0 to 1.
	SelectionShare, BaselineShare float64
	// Divergence is SelectionShare less BaselineShare, -1 to 1.
	Divergence float64
}
