// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Reader answers queries about stored telemetry.
type Reader interface {
	EventReader
	TraceReader
	MetricReader
	ProfileReader
	Discoverer
	Tailer

	// Started returns since when the backend holds telemetry; tokens of readers of
	// an earlier one are not valid.
	Started() time.Time
	// Epoch identifies the sequences of this backend. It MUST NOT be 0, and MUST
	// change whenever sequences begin again.
	Epoch() uint64
}

// EventReader reads log records; those with an event name are events.
type EventReader interface {
	// QueryEvents returns one page of the selected records, the newest first unless
	// the paging is ascending. Every record MUST have an ID. A page holds at least
	// one record if any is left, and Next is zero on the last page. A cursor of
	// another epoch is a *model.FieldError.
	QueryEvents(ctx context.Context, q model.EventQuery) (model.Page[model.Event], error)
	// EventByID returns the record that a query returned under this ID; false if it
	// is unknown or was evicted. Of several records that brought the same ID along
	// it MUST be the newest.
	EventByID(ctx context.Context, id string) (event model.Event, found bool, err error)
	// Identify sets the ID of a record of a tail.
	Identify(e *model.Event)
}

// Snapshotter is an interface that an EventReader MAY implement too.
type Snapshotter interface {
	// Snapshot returns the place before the newest record that is stored now: pages
	// from it hold none that is stored later.
	Snapshot() model.Cursor
}

// TraceReader reads spans, put together by trace.
type TraceReader interface {
	// QueryTraces returns one page of the traces that have a selected span, each
	// with all its stored spans in the order of their start. A trace stands in the
	// order where its newest selected span stands. With TraceIDs it returns those
	// traces in the order of the IDs; unknown ones are left out.
	QueryTraces(ctx context.Context, q model.TraceQuery) (model.Page[model.Trace], error)
}

// MetricReader reads metrics.
type MetricReader interface {
	// QueryPoints returns one page of points, the newest first unless the paging is
	// ascending.
	QueryPoints(ctx context.Context, q model.PointQuery) (model.Page[model.Point], error)
	// Aggregate returns aggregated series, sorted by name and labels, and how many
	// above the limit were left out.
	Aggregate(ctx context.Context, q model.AggregateQuery) (series []model.AggregateSeries, truncated int, err error)
	// SelectSeries returns the selected series, each once, sorted by the name of
	// the metric and then in an order that stays the same between calls. The set
	// MUST be closed.
	SelectSeries(ctx context.Context, q model.SeriesQuery) (SeriesSet, error)
}

// SeriesSet is the series that SelectSeries found. It is for one goroutine at a
// time. What it holds is charged to the working memory of queries until Close.
//
//	set, err := reader.SelectSeries(ctx, q)
//	if err != nil {
//		return err
//	}
//	defer set.Close()
//	var points []model.Point
//	for i := range set.Len() {
//		if points, err = set.Points(i, points[:0]); err != nil {
//			return err
//		}
//		use(set.Series(i), points)
//	}
type SeriesSet interface {
	// Account charges what the caller holds beside the points. Close ends the set.
	Account
	// Len is how many series there are.
	Len() int
	// Series returns a series. It stays valid after Close.
	Series(i int) *model.Series
	// Points appends the points of a series within the time range of the query to
	// the buffer, in the order of their time, and returns it. Points that repeat
	// another one of the series exactly are left out. Points that mark their series
	// as stale (model.FlagNoRecordedValue) are part of it. The returned buffer is
	// the caller's: room that it gained is charged until Close, so that callers
	// SHOULD use one buffer again. Points stay valid after Close.
	Points(i int, buffer []model.Point) ([]model.Point, error)
}

// Discoverer returns what there is to query. Counts are those of the rows that the
// query for the same selection returns, at some moment during the call.
type Discoverer interface {
	// ListServices returns services by name, or the ones with the most records
	// first.
	ListServices(ctx context.Context, q model.ServiceQuery) (model.List[model.Service], error)
	// ListOperations returns operations by service, name and kind, or the ones with
	// the most spans first.
	ListOperations(ctx context.Context, q model.OperationQuery) (model.List[model.Operation], error)
	// ListMetrics returns metrics by name, or the ones with the most series first.
	ListMetrics(ctx context.Context, q model.MetricQuery) (model.List[model.MetricInfo], error)
	// ListLabels returns the full names of labels by name, or the ones that the most
	// records have first.
	ListLabels(ctx context.Context, q model.LabelQuery) (model.List[model.LabelInfo], error)
	// ListLabelValues returns the values of one label by value, or the most frequent
	// first. A label that no record has is an empty list.
	ListLabelValues(ctx context.Context, q model.LabelQuery) (model.List[model.LabelValue], error)
	// CountRecords counts the records that a query for the selection returns. Counts
	// are exact. More than model.MaxCountBuckets buckets are a *model.FieldError.
	CountRecords(ctx context.Context, q model.CountQuery) (model.Counts, error)
	// GetFacets returns the most frequent values of labels. An answer that is not
	// exact MUST be marked as estimated.
	GetFacets(ctx context.Context, q model.FacetQuery) (model.Facets, error)
	// GetServiceGraph returns the calls between services. A span whose parent is
	// outside the range counts by its own attributes of the peer.
	GetServiceGraph(ctx context.Context, q model.GraphQuery) (model.ServiceGraph, error)
	// CountCalls counts the spans that start in a time range and whose parent is stored,
	// by the services of both.
	CountCalls(ctx context.Context, times model.TimeRange) (model.CallCounts, error)
	// CompareAttributes returns the values of attributes whose shares differ most
	// between a selection and its baseline.
	CompareAttributes(ctx context.Context, q model.CompareQuery) (model.Comparison, error)
	// GetChanges returns one page of changes, the newest first unless the paging is
	// ascending.
	GetChanges(ctx context.Context, q model.ChangeQuery) (model.Page[model.Change], error)
}

// Tailer follows what is stored. A tail ends with its context, if not earlier: the
// context MUST end at some time, for a tail may hold connections to other programs.
type Tailer interface {
	// TailEvents follows log records, each with its ID.
	TailEvents(ctx context.Context, q model.EventQuery, start model.Start) Tail[model.Event]
	// TailRecords is TailEvents without IDs: Identify sets those that are needed.
	TailRecords(ctx context.Context, q model.EventQuery, start model.Start) Tail[model.Event]
	// TailSpans follows the spans that a query for traces selects by.
	TailSpans(ctx context.Context, q model.TraceQuery, start model.Start) Tail[model.Span]
	// TailPoints follows metric points.
	TailPoints(ctx context.Context, q model.PointQuery, start model.Start) Tail[model.Point]
}

// Tail reads the selected rows in the order of their arrival, from the past into
// the present, without gap or repeat. It needs no closing, and is for one goroutine
// at a time. The backend never waits for it.
type Tail[Row any] interface {
	// Ready waits until there is something to look at. It MUST NOT wait for new rows
	// as long as Poll returns more.
	Ready(ctx context.Context) error
	// Poll returns at most max rows without waiting, perhaps none, and the rows that
	// were evicted before the tail came to them. more is false once it has come to
	// where the backend ended when the tail was made. Of a tail that returned no rows
	// but more, Ready waits until another Poll is of use.
	Poll(limit int) (rows []Row, loss model.Loss, more bool)
	// Bound ends what the next calls return at about so many bytes.
	Bound(bytes int)
	// Skip passes over all that is stored, and returns what that was.
	Skip() model.Loss
	// Position returns the sequence of the last row looked at.
	Position() uint64
}
