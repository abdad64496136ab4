// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// emptyAnswers requires that a query which selects nothing is no error.
func (s *suite) emptyAnswers(t *testing.T) {
	nothing := model.Filter{Services: []string{"no such service"}}
	first := model.ListPaging{Limit: 10}
	for name, call := range map[string]func(ctx context.Context) (int, error){
		"events": func(ctx context.Context) (int, error) {
			page, err := s.reader.QueryEvents(ctx, model.EventQuery{Filter: nothing, Paging: model.Paging{Limit: 10}})
			return len(page.Rows), err
		},
		"traces": func(ctx context.Context) (int, error) {
			page, err := s.reader.QueryTraces(ctx, model.TraceQuery{Filter: nothing, Paging: model.Paging{Limit: 10}})
			return len(page.Rows), err
		},
		"points": func(ctx context.Context) (int, error) {
			page, err := s.reader.QueryPoints(ctx, model.PointQuery{Filter: nothing, Paging: model.Paging{Limit: 10}})
			return len(page.Rows), err
		},
		"aggregate": func(ctx context.Context) (int, error) {
			series, _, err := s.reader.Aggregate(ctx, model.AggregateQuery{Filter: nothing, Aggregation: model.AggregateAvg, Limit: 10})
			return len(series), err
		},
		"services": func(ctx context.Context) (int, error) {
			list, err := s.reader.ListServices(ctx, model.ServiceQuery{Filter: nothing, Paging: first})
			return len(list.Items), err
		},
		"operations": func(ctx context.Context) (int, error) {
			list, err := s.reader.ListOperations(ctx, model.OperationQuery{Filter: nothing, Paging: first})
			return len(list.Items), err
		},
		"metrics": func(ctx context.Context) (int, error) {
			list, err := s.reader.ListMetrics(ctx, model.MetricQuery{Filter: nothing, Paging: first})
			return len(list.Items), err
		},
		"labels": func(ctx context.Context) (int, error) {
			list, err := s.reader.ListLabels(ctx, model.LabelQuery{Filter: nothing, Paging: first})
			return len(list.Items), err
		},
		"counts": func(ctx context.Context) (int, error) {
			counts, err := s.reader.CountRecords(ctx, model.CountQuery{Selection: model.RecordSelection{Signal: model.SignalLogs, Filter: nothing}, Limit: 1})
			return int(counts.Total), err
		},
		"facets": func(ctx context.Context) (int, error) {
			facets, err := s.reader.GetFacets(ctx, model.FacetQuery{Selection: model.RecordSelection{Signal: model.SignalLogs, Filter: nothing}, Limit: 1, MaxLabels: 1})
			return int(facets.Total), err
		},
		"graph": func(ctx context.Context) (int, error) {
			graph, err := s.reader.GetServiceGraph(ctx, model.GraphQuery{Filter: nothing, Limit: 10})
			return len(graph.Edges), err
		},
		"changes": func(ctx context.Context) (int, error) {
			page, err := s.reader.GetChanges(ctx, model.ChangeQuery{Filter: nothing, Paging: model.Paging{Limit: 10}})
			return len(page.Rows), err
		},
	} {
		t.Run(name, func(t *testing.T) { require.Zero(t, answer(t, call)) })
	}
}

func (s *suite) errors(t *testing.T) {
	foreign := model.Cursor{Epoch: s.reader.Epoch() + 1, Time: datasetEnd, Seq: 1}
	for name, call := range map[string]func(ctx context.Context) error{
		"page of another epoch": func(ctx context.Context) error {
			_, err := s.reader.QueryEvents(ctx, model.EventQuery{Paging: model.Paging{Limit: 1, After: foreign}})
			return err
		},
		"traces of another epoch": func(ctx context.Context) error {
			_, err := s.reader.QueryTraces(ctx, model.TraceQuery{Paging: model.Paging{Limit: 1, After: foreign}})
			return err
		},
		"points of another epoch": func(ctx context.Context) error {
			_, err := s.reader.QueryPoints(ctx, model.PointQuery{Paging: model.Paging{Limit: 1, After: foreign}})
			return err
		},
		"too many windows": func(ctx context.Context) error {
			_, _, err := s.reader.Aggregate(ctx, model.AggregateQuery{
				Aggregation: model.AggregateAvg, Filter: model.Filter{Time: wholeRange()}, Resolution: time.Millisecond, Limit: 1,
			})
			return err
		},
		"no aggregation": func(ctx context.Context) error {
			_, _, err := s.reader.Aggregate(ctx, model.AggregateQuery{Limit: 1})
			return err
		},
		"counts of metrics": func(ctx context.Context) error {
			_, err := s.reader.CountRecords(ctx, model.CountQuery{Selection: model.RecordSelection{Signal: model.SignalMetrics}, Limit: 1})
			return err
		},
		"comparison of two signals": func(ctx context.Context) error {
			_, err := s.reader.CompareAttributes(ctx, model.CompareQuery{
				Selection: model.RecordSelection{Signal: model.SignalLogs}, Baseline: model.RecordSelection{Signal: model.SignalTraces}, Limit: 1,
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := call(within(t))
			var fault *model.FieldError
			require.ErrorAs(t, err, &fault)
			require.NotEmpty(t, fault.Field)
		})
	}
	s.ended(t)
}

// ended requires that calls whose context has ended return its error.
func (s *suite) ended(t *testing.T) {
	ctx, end := context.WithCancel(within(t))
	end()
	_, err := s.reader.QueryEvents(ctx, model.EventQuery{Paging: model.Paging{Limit: 1}})
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.reader.QueryTraces(ctx, model.TraceQuery{Paging: model.Paging{Limit: 1}})
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = s.reader.Aggregate(ctx, model.AggregateQuery{Aggregation: model.AggregateAvg, Limit: 1})
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.reader.ListServices(ctx, model.ServiceQuery{Paging: model.ListPaging{Limit: 1}})
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = s.reader.EventByID(ctx, "x")
	require.ErrorIs(t, err, context.Canceled)
}
