// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// Telemetry is data on its way into a backend. Any of the signals may be empty.
type Telemetry struct {
	Logs    plog.Logs
	Traces  ptrace.Traces
	Metrics pmetric.Metrics
}

// Backend is a reader under test, and the way to fill it.
type Backend struct {
	Reader query.Reader
	// Write stores telemetry. What it returned for is found by the next query.
	Write func(t *testing.T, telemetry Telemetry)
	// WriteProfiles, unless nil, stores profiles. Without it the backend has none.
	WriteProfiles func(t *testing.T, list []model.Profile)
	// Reopen, unless nil, returns the reader of what was written after the backend was
	// closed and opened again.
	Reopen func(t *testing.T) query.Reader
	// Keeps, unless nil, changes telemetry to what the backend keeps of it, where that is
	// less than everything: a format that has no types of values, for example.
	Keeps func(telemetry Telemetry)
}

// Factory makes an empty backend. It ends with the test.
type Factory func(t *testing.T) Backend

// waitAtMost bounds every wait of a test; none of them is expected to come close.
const waitAtMost = 2 * time.Minute

// Run runs all tests.
func Run(t *testing.T, factory Factory) {
	t.Helper()
	backend := factory(t)
	data := newDataset(backend.Keeps)
	backend.Write(t, data.telemetry())
	if backend.WriteProfiles != nil {
		backend.WriteProfiles(t, newProfiles())
	}
	reader := backend.Reader
	if backend.Reopen != nil {
		reader = backend.Reopen(t)
	}
	s := &suite{reader: reader, data: data}
	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"EventFilters", s.eventFilters},
		{"EventKinds", s.eventKinds},
		{"EventContent", s.eventContent},
		{"EventPages", s.eventPages},
		{"EventByID", s.eventByID},
		{"TraceFilters", s.traceFilters},
		{"TraceContent", s.traceContent},
		{"TracePages", s.tracePages},
		{"TracesByID", s.tracesByID},
		{"PointFilters", s.pointFilters},
		{"PointContent", s.pointContent},
		{"PointPages", s.pointPages},
		{"Series", s.series},
		{"AggregateNumbers", s.aggregateNumbers},
		{"AggregateGroups", s.aggregateGroups},
		{"AggregatePercentiles", s.aggregatePercentiles},
		{"AggregateRates", s.aggregateRates},
		{"Services", s.services},
		{"Operations", s.operations},
		{"Metrics", s.metrics},
		{"Labels", s.labels},
		{"LabelValues", s.labelValues},
		{"Counts", s.counts},
		{"Facets", s.facets},
		{"Comparison", s.comparison},
		{"Graph", s.graph},
		{"Calls", s.calls},
		{"Changes", s.changes},
		{"TailsOfThePast", s.tailsOfThePast},
		{"EmptyAnswers", s.emptyAnswers},
		{"Errors", s.errors},
	} {
		t.Run(part.name, part.run)
	}
	if backend.WriteProfiles != nil {
		t.Run("Profiles", s.profiles)
	}
	t.Run("LiveTails", func(t *testing.T) { liveTails(t, factory) })
	t.Run("StablePages", func(t *testing.T) { stablePages(t, factory) })
}

// suite is a reader that holds the dataset.
type suite struct {
	reader   query.Reader
	data     *dataset
	logsOnly bool // the reader has no other signals
}

// selections are those that the reader can answer.
func (s *suite) selections() map[string]model.RecordSelection {
	all := selections()
	if s.logsOnly {
		maps.DeleteFunc(all, func(_ string, one model.RecordSelection) bool { return one.Signal != model.SignalLogs })
	}
	return all
}

// within returns the context of the test, with a bound.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
	t.Cleanup(cancel)
	return ctx
}

// answer requires that a call succeeds and leaves nothing out.
func answer[T any](t *testing.T, call func(ctx context.Context) (T, error)) T {
	t.Helper()
	got, err := call(within(t))
	require.NoError(t, err)
	return got
}

// selector makes a selector that is valid.
func selector(t *testing.T, key, operator string, values ...string) model.Selector {
	t.Helper()
	s, err := model.NewSelector(key, operator, values)
	require.NoError(t, err)
	return s
}

// pagesOf reads all pages of a query.
func pagesOf[Row any](
	t *testing.T, paging model.Paging, read func(ctx context.Context, paging model.Paging) (model.Page[Row], error),
) (rows []Row, sizes []int) {
	t.Helper()
	for {
		page, err := read(within(t), paging)
		require.NoError(t, err)
		rows, sizes = append(rows, page.Rows...), append(sizes, len(page.Rows))
		if page.Next.IsZero() {
			return rows, sizes
		}
		require.NotEmpty(t, page.Rows, "a page that is not the last one is empty")
		require.LessOrEqual(t, len(page.Rows), paging.Limit)
		require.NotEqual(t, paging.After, page.Next, "a page leads to itself")
		paging.After = page.Next
	}
}

// listOf reads all pages of a list.
func listOf[Item any](
	t *testing.T, paging model.ListPaging, read func(ctx context.Context, paging model.ListPaging) (model.List[Item], error),
) (items []Item) {
	t.Helper()
	for {
		list, err := read(within(t), paging)
		require.NoError(t, err)
		items = append(items, list.Items...)
		if list.Next.IsZero() {
			return items
		}
		require.Len(t, list.Items, paging.Limit)
		paging.After = list.Next
	}
}
