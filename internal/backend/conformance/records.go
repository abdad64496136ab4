// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// selections are of log records and of spans.
func selections() map[string]model.RecordSelection {
	return map[string]model.RecordSelection{
		"logs":       {Signal: model.SignalLogs},
		"plain logs": {Signal: model.SignalLogs, Kind: model.LogsOnly, Filter: model.Filter{Services: []string{"gateway", "orders"}}},
		"errors":     {Signal: model.SignalLogs, Filter: model.Filter{MinSeverity: model.SeverityError, Text: "a"}},
		"of a trace": {Signal: model.SignalLogs, TraceID: traceID(13)},
		"spans":      {Signal: model.SignalTraces},
		"slow spans": {Signal: model.SignalTraces, MinDuration: 40 * time.Millisecond, Kinds: []int32{2}},
		"failures":   {Signal: model.SignalTraces, StatusCodes: []int32{model.StatusError}, Operations: []string{"GET*", "POST*"}},
		"range": {Signal: model.SignalTraces, Filter: model.Filter{
			Time: model.TimeRange{Start: datasetStart + minute, End: datasetStart + 3*minute},
		}},
	}
}

type record struct {
	labels model.Labels
	at     model.Nanos
	took   string // of a span, as DimensionDuration
}

func (d *dataset) records(selection *model.RecordSelection) (rows []record) {
	if selection.Signal == model.SignalLogs {
		q := selection.Events()
		for i := range d.events {
			e := &d.events[i]
			if q.Kind.Match(e.Name) && (q.TraceID.IsZero() || q.TraceID == e.TraceID) && q.Filter.MatchEvent(e) {
				rows = append(rows, record{labels: e.Labels(), at: e.When()})
			}
		}
		return rows
	}
	q := selection.Spans()
	for i := range d.spans {
		if span := &d.spans[i]; q.MatchSpan(span) {
			rows = append(rows, record{span.Labels(), span.Start, model.DurationBound(span.Duration())})
		}
	}
	return rows
}

func (s *suite) counts(t *testing.T) {
	for name, selection := range s.selections() {
		for _, group := range []string{"", "service", "user", model.DimensionDuration} {
			for _, resolution := range []time.Duration{0, time.Minute} {
				t.Run(name+" by "+group, func(t *testing.T) {
					rows := s.data.records(&selection)
					got := answer(t, func(ctx context.Context) (model.Counts, error) {
						return s.reader.CountRecords(ctx, model.CountQuery{Selection: selection, GroupBy: group, Resolution: resolution, Limit: 100})
					})
					require.Equal(t, uint64(len(rows)), got.Total)
					require.Equal(t, countsOf(rows, group, resolution, selection.Filter.Time.Start), got.Groups)
				})
			}
		}
	}
	limited := answer(t, func(ctx context.Context) (model.Counts, error) {
		return s.reader.CountRecords(ctx, model.CountQuery{
			Selection: model.RecordSelection{Signal: model.SignalLogs, Filter: model.Filter{Selectors: []model.Selector{selector(t, "user", "exists")}}},
			GroupBy:   "user", Limit: 1,
		})
	})
	require.Len(t, limited.Groups, 2)
	require.True(t, limited.Groups[1].Others)
	require.Equal(t, limited.Total, limited.Groups[0].Total+limited.Groups[1].Total)
}

func countsOf(rows []record, group string, resolution time.Duration, start model.Nanos) []model.CountGroup {
	byValue := map[string]map[model.Nanos]uint64{}
	for _, r := range rows {
		value := ""
		if group != "" {
			v, found := r.labels.Get(model.NewLabelKey(group))
			value = v.Text()
			if !found && group == model.DimensionDuration {
				value = r.took
			}
		}
		bucket := start
		if resolution > 0 {
			bucket = r.at - r.at%model.Nanos(resolution)
		}
		if byValue[value] == nil {
			byValue[value] = map[model.Nanos]uint64{}
		}
		byValue[value][bucket]++
	}
	var groups []model.CountGroup
	for value, buckets := range byValue {
		g := model.CountGroup{Value: value}
		for at, n := range buckets {
			g.Total += n
			g.Counts = append(g.Counts, model.CountBucket{Start: at, Count: n})
		}
		slices.SortFunc(g.Counts, func(a, b model.CountBucket) int { return cmp.Compare(a.Start, b.Start) })
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b model.CountGroup) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Value, b.Value))
	})
	return groups
}

func (s *suite) facets(t *testing.T) {
	for name, selection := range s.selections() {
		t.Run(name, func(t *testing.T) {
			rows := s.data.records(&selection)
			labels := []string{"service", "user", semconv.HTTPResponseStatusCode, "instance"}
			got := answer(t, func(ctx context.Context) (model.Facets, error) {
				return s.reader.GetFacets(ctx, model.FacetQuery{Selection: selection, Labels: labels, Limit: 100, MaxLabels: 10})
			})
			require.Equal(t, uint64(len(rows)), got.Total)
			require.False(t, got.Estimated, "a sample of so few records is no use")
			require.Len(t, got.Facets, len(labels))
			for i, label := range labels {
				requireFacet(t, rows, label, got.Facets[i])
			}
		})
	}
	all := answer(t, func(ctx context.Context) (model.Facets, error) {
		return s.reader.GetFacets(ctx, model.FacetQuery{Selection: model.RecordSelection{Signal: model.SignalLogs}, Limit: 2, MaxLabels: 50})
	})
	var names []string
	for _, f := range all.Facets {
		names = append(names, f.Label)
		require.LessOrEqual(t, len(f.Values), 2)
	}
	require.Subset(t, names, []string{semconv.ServiceName, "user", model.DimensionSeverity, model.DimensionName})
}

func requireFacet(t *testing.T, rows []record, label string, got model.Facet) {
	t.Helper()
	want := map[string]uint64{}
	var having uint64
	for _, r := range rows {
		if v, found := r.labels.Get(model.NewLabelKey(label)); found {
			want[v.Text()]++
			having++
		}
	}
	require.Equal(t, label, got.Label)
	require.Equal(t, having, got.Records)
	require.Equal(t, uint64(len(want)), got.Distinct)
	counts := map[string]uint64{}
	for _, v := range got.Values {
		counts[v.Value] = v.Records
	}
	require.Equal(t, want, counts)
}

func (s *suite) comparison(t *testing.T) {
	q := model.CompareQuery{
		Selection: model.RecordSelection{Signal: model.SignalTraces, StatusCodes: []int32{model.StatusError}},
		Baseline:  model.RecordSelection{Signal: model.SignalTraces},
		Labels:    []string{"service", semconv.ExceptionType, semconv.DBSystemName}, Limit: 100,
	}
	selection, all := s.data.records(&q.Selection), s.data.records(&q.Baseline)
	got := answer(t, func(ctx context.Context) (model.Comparison, error) { return s.reader.CompareAttributes(ctx, q) })
	require.Equal(t, uint64(len(selection)), got.SelectionRecords)
	require.Equal(t, uint64(len(all)-len(selection)), got.BaselineRecords)
	seen := map[string]model.AttributeDifference{}
	for i, d := range got.Differences {
		seen[d.Label+"="+d.Value] = d
		require.True(t, i == 0 || abs(got.Differences[i-1].Divergence) >= abs(d.Divergence), "the highest divergence first")
		require.InDelta(t, d.SelectionShare-d.BaselineShare, d.Divergence, 1e-9)
	}
	database := seen["db.system.name=postgresql"]
	require.Zero(t, database.SelectionCount)
	require.InDelta(t, float64(database.BaselineCount)/float64(got.BaselineRecords), database.BaselineShare, 1e-9)
	require.Equal(t, uint64(60), database.BaselineCount)
	failedOrders := countsOf(selection, "service", 0, 0)
	for _, g := range failedOrders {
		require.Equal(t, g.Total, seen["service="+g.Value].SelectionCount)
	}
}

func abs(v float64) float64 { return max(v, -v) }
