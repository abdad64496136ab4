// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// Signal is a kind of telemetry.
type Signal uint8

// The signals. SignalUnspecified means all of them where a query allows that.
const (
	SignalUnspecified Signal = iota
	SignalLogs               // log records and events
	SignalTraces
	SignalMetrics
)

// Signals is a set of signals.
type Signals uint8

// With returns the set with one more signal.
func (s Signals) With(one Signal) Signals { return s | 1<<one }

// Has reports whether the set holds the signal.
func (s Signals) Has(one Signal) bool { return s>>one&1 != 0 }

// ListPlace is a place in a list that is paged by its own keys: the one of the
// last item returned. The zero ListPlace is the first page.
type ListPlace struct {
	// Count is the item's count, in a list that is ordered by count.
	Count uint64
	// Key identifies the item; it is not empty but on the first page.
	Key string
}

// IsZero reports whether the place means the first page.
func (p ListPlace) IsZero() bool { return p == ListPlace{} }

// ListPaging bounds one page of a list.
type ListPaging struct {
	Limit int // items, above 0
	// MaxBytes ends a page early, by the items' size in an answer; 0: no bound. A
	// page holds at least one item all the same.
	MaxBytes int
	After    ListPlace
	// ByCount puts the items with the highest counts first, instead of the order
	// of their keys. Pages of such a list may repeat or miss items whose counts
	// change meanwhile.
	ByCount bool
}

// List is one page of a list. Next is zero on the last page.
type List[Item any] struct {
	Items []Item
	Next  ListPlace
}

// RED is the rate, errors and duration of requests: of spans of kind server or
// consumer. Percentiles are estimates: at most 3.2 % above or below the exact ones.
type RED struct {
	Requests uint64
	Errors   uint64  // of the requests, those with status error
	Rate     float64 // requests a second over the range of the query or, of an open one, over that of the requests
	P50, P95 time.Duration
	P99      time.Duration
	// Took counts the durations, for those who put several answers together; nil: not
	// known. It MUST NOT be changed.
	Took *Durations
	// Kernel is set if only the kernel saw the requests: no span of the service
	// reports them.
	Kernel bool
	// Metrics is set if metrics of the service count the requests: neither its spans nor
	// the kernel's report any.
	Metrics bool
}

// ServiceQuery selects services: those that some record in the range belongs to.
type ServiceQuery struct {
	// Filter selects records. Its Severities, MinSeverity and EventNames apply to
	// log records alone.
	Filter Filter
	Paging ListPaging
}

// Service is one service, by its service.name.
type Service struct {
	Name string // "" for records that name none
	// Namespaces and Instances are sorted. Of instances the first MaxInstances are
	// named, InstanceCount counts all.
	Namespaces    []string
	Instances     []string
	InstanceCount int
	First, Last   Nanos // times of its records within the filter; 0: none has a time
	Signals       Signals
	Logs, Spans   uint64 // records within the filter
	Series        uint64 // series of metrics with points within the filter
	ErrorLogs     uint64 // of Logs, those of class error and fatal
	RED           RED
}

// MaxInstances is how many instances of a service are named.
const MaxInstances = 100

// OperationQuery selects operations of services.
type OperationQuery struct {
	Filter Filter  // of spans
	Kinds  []int32 // OTLP's span kinds; empty: all
	Paging ListPaging
}

// Operation is one span name of a service, by span kind.
type Operation struct {
	Service string
	Name    string
	Kind    int32
	// RED counts the spans of the operation, whatever their kind.
	RED         RED
	First, Last Nanos // starts of its spans
}

// MetricQuery selects metrics.
type MetricQuery struct {
	Names  []string // exact, or a prefix with a trailing *
	Filter Filter   // of series; with a time range, those with a point in it
	Paging ListPaging
}

// MetricInfo is one metric, as it describes itself. Metrics of one name that
// differ in type, unit, temporality or monotonicity are listed apart.
type MetricInfo struct {
	Metric      *Metric
	Series      uint64
	Services    []string // sorted, the first MaxInstances
	First, Last Nanos    // times of the points within the filter
}

// LabelQuery selects labels, or the values of one.
type LabelQuery struct {
	// Signal is the one whose records are looked at; SignalUnspecified: all.
	Signal  Signal
	Filter  Filter
	Metrics []string // names of metrics, exact or a prefix with a trailing *; only of SignalMetrics
	// Label is the label whose values are listed, short or full. Unused where
	// labels are listed.
	Label  string
	Prefix string // of the label, or of the value
	Paging ListPaging
}

// LabelInfo is one label: an attribute of records, scopes, resources or series
// under its full name.
type LabelInfo struct {
	Name    string
	Signals Signals
	// Records counts the records and series that have the label. A label that a
	// record has twice, itself and in its resource, counts once.
	Records uint64
}

// LabelValue is one value of a label, rendered as text.
type LabelValue struct {
	Value   string
	Records uint64 // records and series where the label has this value
}
