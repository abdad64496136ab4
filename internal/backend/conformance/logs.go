// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// RunLogs runs the tests of log records and events, for a backend that has nothing else.
// Keeps of the backend must leave the other signals out.
func RunLogs(t *testing.T, factory Factory) {
	t.Helper()
	backend := factory(t)
	s := &suite{reader: backend.Reader, data: newDataset(backend.Keeps), logsOnly: true}
	require.Empty(t, s.data.spans)
	require.Empty(t, s.data.points)
	backend.Write(t, s.data.telemetry())
	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"EventFilters", s.eventFilters},
		{"EventKinds", s.eventKinds},
		{"EventContent", s.eventContent},
		{"EventPages", s.eventPages},
		{"EventByID", s.eventByID},
		{"Services", s.logServices},
		{"Labels", s.labels},
		{"LabelValues", s.labelValues},
		{"Counts", s.counts},
		{"Facets", s.facets},
		{"Comparison", func(t *testing.T) { compareLogs(t, s) }},
		{"TailsOfThePast", func(t *testing.T) { tailLogs(t, s) }},
	} {
		t.Run(part.name, part.run)
	}
	t.Run("LiveTails", func(t *testing.T) { liveLogTails(t, factory) })
}

// logServices requires the figures of services without spans and series.
func (s *suite) logServices(t *testing.T) {
	for _, filter := range []model.Filter{
		{}, {Services: []string{"gateway", "billing"}}, {MinSeverity: model.SeverityError}, {Selectors: []model.Selector{selector(t, "version", "=~", "2.*")}},
	} {
		got := listOf(t, model.ListPaging{Limit: 2}, func(ctx context.Context, paging model.ListPaging) (model.List[model.Service], error) {
			return s.reader.ListServices(ctx, model.ServiceQuery{Filter: filter, Paging: paging})
		})
		s.requireServices(t, got, filter)
	}
}

// compareLogs compares errors with all records.
func compareLogs(t *testing.T, s *suite) {
	t.Helper()
	q := model.CompareQuery{
		Selection: model.RecordSelection{Signal: model.SignalLogs, Filter: model.Filter{MinSeverity: model.SeverityError}},
		Baseline:  model.RecordSelection{Signal: model.SignalLogs}, Labels: []string{"service", "user"}, Limit: 100, Equal: true,
	}
	selection, all := s.data.records(&q.Selection), s.data.records(&q.Baseline)
	got := answer(t, func(ctx context.Context) (model.Comparison, error) { return s.reader.CompareAttributes(ctx, q) })
	require.Equal(t, uint64(len(selection)), got.SelectionRecords)
	require.Equal(t, uint64(len(all)-len(selection)), got.BaselineRecords)
	counted := map[string]uint64{}
	for _, d := range got.Differences {
		if d.Label == "service" {
			counted[d.Value] = d.SelectionCount
		}
		require.InDelta(t, d.SelectionShare-d.BaselineShare, d.Divergence, 1e-9)
	}
	for _, group := range countsOf(selection, "service", 0, 0) {
		if group.Value != "" {
			require.Equal(t, group.Total, counted[group.Value], group.Value)
		}
	}
}

// tailLogs reads what was stored before.
func tailLogs(t *testing.T, s *suite) {
	t.Helper()
	q := model.EventQuery{Filter: model.Filter{
		Services: []string{"orders"}, Time: model.TimeRange{Start: datasetStart + minute, End: datasetStart + 5*minute},
	}}
	got := past(t, s.reader.TailEvents(within(t), q, model.Start{Resume: true}))
	require.ElementsMatch(t, s.data.selected(&q), numbersOf(got))
	for i := range got {
		require.NotEmpty(t, got[i].ID)
	}
	require.Len(t, past(t, s.reader.TailEvents(within(t), q, model.Start{Last: 12})), 12)
	require.Len(t, past(t, s.reader.TailEvents(within(t), model.EventQuery{}, model.Start{Since: datasetStart + 9*minute})), 60)
}

// liveLogTails follows what is written while it is read.
func liveLogTails(t *testing.T, factory Factory) {
	backend := factory(t)
	data := newDataset(backend.Keeps)
	batches := split(data.telemetry(), 10)
	backend.Write(t, batches[0])
	ctx := within(t)
	all := backend.Reader.TailEvents(ctx, model.EventQuery{}, model.Start{Resume: true})
	next := backend.Reader.TailEvents(ctx, model.EventQuery{Kind: model.EventsOnly}, model.Start{})
	past(t, next)
	var want []int64
	for _, batch := range batches[1:] {
		backend.Write(t, batch)
		for _, e := range eventsOf(batch) {
			if e.Name != "" {
				want = append(want, recordNumber(e.Attributes))
			}
		}
	}
	require.ElementsMatch(t, numbersOf(data.events), numbersOf(follow(ctx, t, all, len(data.events))), "no gap, no repeat")
	require.ElementsMatch(t, want, numbersOf(follow(ctx, t, next, len(want))))
	ended, end := context.WithCancel(ctx)
	quiet := backend.Reader.TailEvents(ended, model.EventQuery{}, model.Start{})
	past(t, quiet)
	end()
	require.ErrorIs(t, quiet.Ready(ended), context.Canceled, "a tail ends with its context")
}
