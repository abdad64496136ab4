// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func (s *suite) graph(t *testing.T) {
	got := answer(t, func(ctx context.Context) (model.ServiceGraph, error) {
		return s.reader.GetServiceGraph(ctx, model.GraphQuery{Filter: model.Filter{Time: wholeRange()}, Limit: 100})
	})
	require.False(t, got.Truncated)
	require.Equal(t, uint64(len(s.data.spans)), got.Spans)
	nodes := map[string]model.GraphNode{}
	for _, n := range got.Nodes {
		nodes[n.ID] = n
	}
	require.Len(t, nodes, 3)
	for _, service := range []string{"gateway", "orders"} {
		s.requireRED(t, nodes["service:"+service].RED, func(span *model.Span) bool {
			return serviceOf(span.Resource) == service && span.Kind == 2
		})
	}
	database := nodes["database:postgresql/shop"]
	require.Equal(t, model.NodeDatabase, database.Type)
	require.Equal(t, "postgresql", database.System)

	require.Len(t, got.Edges, 2)
	for i, want := range []struct {
		client, server string
		keep           func(*model.Span) bool
	}{
		{"service:gateway", "service:orders", func(span *model.Span) bool { return span.Name == "orders" }},
		{"service:orders", "database:postgresql/shop", func(span *model.Span) bool { return span.Name == "SELECT orders" }},
	} {
		require.Equal(t, want.client, got.Edges[i].Client)
		require.Equal(t, want.server, got.Edges[i].Server)
		s.requireRED(t, got.Edges[i].RED, want.keep)
	}
	one := answer(t, func(ctx context.Context) (model.ServiceGraph, error) {
		return s.reader.GetServiceGraph(ctx, model.GraphQuery{
			Filter: model.Filter{Time: model.TimeRange{Start: datasetStart, End: datasetStart + minute}, Services: []string{"orders"}}, Limit: 1,
		})
	})
	require.Len(t, one.Edges, 1)
	require.True(t, one.Truncated, "an edge above the limit is left out")
}

func (s *suite) calls(t *testing.T) {
	got := answer(t, func(ctx context.Context) (model.CallCounts, error) { return s.reader.CountCalls(ctx, wholeRange()) })
	require.False(t, got.Truncated)
	require.Equal(t, uint64(len(s.data.spans)), got.Spans)
	name := func(service string) model.ServiceName { return model.ServiceName{Name: service, Set: true} }
	require.Equal(t, []model.CallCount{
		{Parent: name("gateway"), Child: name("gateway"), Count: 60},
		{Parent: name("gateway"), Child: name("orders"), Count: 60},
		{Parent: name("orders"), Child: name("orders"), Count: 60},
	}, got.Calls)
}

func (s *suite) changes(t *testing.T) {
	for _, ascending := range []bool{false, true} {
		q := model.ChangeQuery{Types: []model.ChangeType{model.ChangeDeployment}, Paging: model.Paging{Limit: 7, Ascending: ascending}}
		got, sizes := pagesOf(t, q.Paging, func(ctx context.Context, paging model.Paging) (model.Page[model.Change], error) {
			q.Paging = paging
			return s.reader.GetChanges(ctx, q)
		})
		events := model.EventQuery{Filter: model.Filter{EventNames: []string{"release"}}}
		want := s.data.selected(&events)
		require.Len(t, got, len(want))
		require.Greater(t, len(sizes), 1)
		for i := range got {
			place := i
			if ascending {
				place = len(want) - 1 - i
			}
			require.Equal(t, datasetStart+model.Nanos(want[place])*second, got[i].Time-got[i].Time%second)
			require.Equal(t, "release", got[i].EventName)
			require.NotEmpty(t, got[i].EventID)
		}
	}
}
