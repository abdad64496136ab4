// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// spanOf makes a span of a trace of its own number; parent 0 is none.
func spanOf(trace, id, parent byte, service string, kind int32, at model.Nanos, pairs ...string) model.Span {
	s := model.Span{
		TraceID: model.TraceID{trace}, SpanID: model.SpanID{id}, Kind: kind, Start: at, End: at + 100e6, Name: "op",
		Attributes: attributes(pairs...), Resource: resource(service), Scope: &model.Scope{},
	}
	if parent > 0 {
		s.ParentID = model.SpanID{parent}
	}
	return s
}

func edgesOf(g model.ServiceGraph) map[string]string {
	edges := map[string]string{}
	for _, e := range g.Edges {
		edges[e.Client+" -> "+e.Server] = fmt.Sprintf("%d/%d kernel=%v", e.RED.Requests, e.RED.Errors, e.Kernel)
	}
	return edges
}

func TestServiceGraph(t *testing.T) {
	s := newStoreOf(t)
	kernel := &model.Resource{Attributes: attributes("service.name", "cart", sourceKey, kernelSource, "host.name", "h")}
	redis := &model.Resource{Attributes: attributes("service.name", "redis", sourceKey, kernelSource, "host.name", "h")}
	rows := []model.Span{
		spanOf(1, 1, 0, "web", kindServer, 1e9),
		spanOf(1, 2, 1, "web", kindClient, 1e9, "server.address", "cart", "network.peer.address", "10.0.0.7", "network.peer.port", "80"),
		spanOf(1, 3, 2, "cart", kindServer, 1e9),
		spanOf(1, 4, 3, "cart", kindClient, 1e9, "db.system.name", "postgresql", "server.address", "db.example", "server.port", "5432"),
		spanOf(1, 5, 3, "cart", kindProducer, 1e9, "messaging.system", "kafka", "messaging.destination.name", "orders"),
		spanOf(2, 6, 0, "ship", kindConsumer, 2e9, "messaging.system", "kafka", "messaging.destination.name", "orders"),
		spanOf(2, 7, 6, "ship", kindClient, 2e9, "server.address", "pay.example", "server.port", "443"),
		spanOf(2, 8, 6, "ship", kindClient, 2e9, "server.address", "web.shop.svc.cluster.local", "server.port", "80"),
		// Both ends as the kernel sees them, without a trace that joins them.
		spanOf(3, 9, 0, "", kindClient, 2e9, "db.system.name", "redis", "server.address", "127.0.0.1", "server.port", "6379"),
		spanOf(4, 10, 0, "", kindServer, 2e9, "db.system.name", "redis", "server.address", "127.0.0.1", "server.port", "6379"),
	}
	rows[3].StatusCode = model.StatusError
	rows[8].Resource, rows[9].Resource = kernel, redis
	require.Zero(t, refusedOf(s.AppendSpans(rows)))

	g, err := s.GetServiceGraph(t.Context(), model.GraphQuery{Limit: 100})
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"service:web -> service:cart":                         "1/0 kernel=false",
		"service:cart -> database:postgresql/db.example:5432": "1/1 kernel=false",
		"service:cart -> messaging:kafka/orders":              "1/0 kernel=false",
		"messaging:kafka/orders -> service:ship":              "1/0 kernel=false",
		"service:ship -> external:pay.example:443":            "1/0 kernel=false",
		"service:ship -> service:web":                         "1/0 kernel=false",
		"service:cart -> service:redis":                       "1/0 kernel=true",
	}, edgesOf(g))
	require.EqualValues(t, len(rows), g.Spans)
	require.False(t, g.Truncated)
	for _, n := range g.Nodes {
		if n.ID == "service:redis" {
			require.Equal(t, "redis", n.System)
		}
	}

	g, err = s.GetServiceGraph(t.Context(), model.GraphQuery{Filter: model.Filter{Services: []string{"web"}}, Limit: 100})
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"service:web -> service:cart": "1/0 kernel=false",
	}, edgesOf(g), "the other end of a selected call counts")
}

func TestChangesFromResources(t *testing.T) {
	s := newStoreOf(t)
	record := func(at int, version, instance string) model.Event {
		return model.Event{Time: second(at), Body: model.StringValue("x"), Scope: &model.Scope{}, Resource: &model.Resource{Attributes: attributes(
			"service.name", "cart", "service.version", version, "service.instance.id", instance)}}
	}
	reported := record(50, "2", "c")
	reported.Name, reported.Body = "tapio.collector.config.updated", model.StringValue("configuration 7")
	s.AppendEvents([]model.Event{
		record(1, "1", "a"), record(9, "1", "a"), record(10, "1", "b"), record(20, "1", "b"), record(30, "2", "c"), reported,
		record(60, "2", "c"), record(55, "2", "d"), record(61, "2", "d"), record(62, "2", "command"),
	})
	q := model.ChangeQuery{Filter: model.Filter{Time: model.TimeRange{Start: second(5)}}, Paging: model.Paging{Limit: 2}}
	var got []string
	for {
		page, err := s.GetChanges(t.Context(), q)
		require.NoError(t, err)
		for _, c := range page.Rows {
			got = append(got, fmt.Sprintf("%d %d %s>%s", c.Type, c.Time/1e9, c.From, c.To))
		}
		if q.Paging.After = page.Next; page.Next.IsZero() {
			break
		}
	}
	require.Equal(t, []string{"4 55 1>2", "3 50 >", "1 30 1>2", "2 10 a>b"}, got)
}

// What some signal of a service carries no version of is no deployment, before and
// after one that is known.
func TestNoVersionIsNoDeployment(t *testing.T) {
	s := newStoreOf(t)
	record := func(at int, keysAndValues ...string) model.Event {
		return model.Event{Time: second(at), Scope: &model.Scope{}, Resource: &model.Resource{
			Attributes: attributes(append([]string{"service.name", "cart"}, keysAndValues...)...),
		}}
	}
	s.AppendEvents([]model.Event{
		record(1), record(2, "service.version", "1"), record(3), record(4, "service.version", "1"),
		record(5, "service.version", "2"), record(6),
	})
	page, err := s.GetChanges(t.Context(), model.ChangeQuery{Paging: model.Paging{Limit: 10}})
	require.NoError(t, err)
	require.Len(t, page.Rows, 1)
	require.Equal(t, "cart runs version 2 (before 1)", page.Rows[0].Summary)
}

func TestSelectSeries(t *testing.T) {
	s := newStoreOf(t)
	rows := gaugePoints("load", 3)
	stale := rows[2]
	stale.Time, stale.Flags, stale.Number = second(100), model.FlagNoRecordedValue, model.NumberNone
	require.Zero(t, refusedOf(s.AppendPoints(append(rows, rows[1], stale))))
	set, err := s.Reader().SelectSeries(t.Context(), model.SeriesQuery{Names: []string{"lo*"}})
	require.NoError(t, err)
	defer set.Close()
	require.Equal(t, 1, set.Len())
	points, err := set.Points(0, nil)
	require.NoError(t, err)
	require.Len(t, points, 4, "the repeated point is left out")
	require.EqualValues(t, model.FlagNoRecordedValue, points[3].Flags)
	require.NotZero(t, s.QueryStats().Used)
	set.Close()
	require.Zero(t, s.QueryStats().Used)
}

// A range that begins before the oldest span counts from that span on.
func TestRatesAreOverTheTimeThatIsKnown(t *testing.T) {
	s := newStoreOf(t)
	var rows []model.Span
	for i := range 101 {
		rows = append(rows, spanOf(byte(i), 1, 0, "web", kindServer, second(10_000+i)))
	}
	require.Zero(t, refusedOf(s.AppendSpans(rows)))
	hour := model.Filter{Time: model.TimeRange{Start: second(10_100 - 3600), End: second(10_100) + 1}}
	services, err := s.ListServices(t.Context(), model.ServiceQuery{Filter: hour, Paging: model.ListPaging{Limit: 1}})
	require.NoError(t, err)
	require.InDelta(t, 1.01, services.Items[0].RED.Rate, 0.001)
	operations, err := s.ListOperations(t.Context(), model.OperationQuery{Filter: hour, Paging: model.ListPaging{Limit: 1}})
	require.NoError(t, err)
	require.InDelta(t, 1.01, operations.Items[0].RED.Rate, 0.001)
	graph, err := s.GetServiceGraph(t.Context(), model.GraphQuery{Filter: hour, Limit: 1})
	require.NoError(t, err)
	require.InDelta(t, 1.01, graph.Nodes[0].RED.Rate, 0.001)
}
