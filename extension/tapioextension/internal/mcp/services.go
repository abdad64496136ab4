// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tapio/tapio/extension/tapioextension/internal/servicelist"
	"github.com/tapio/tapio/internal/model"
)

type listServicesInput struct {
	Since string `json:"since,omitempty" jsonschema:"begin of the time range: RFC 3339, or how long ago such as 15m, 2h or 1d; 1h by default"`
	Until string `json:"until,omitempty" jsonschema:"end of the time range, in the same forms; now by default"`
	Limit int    `json:"limit,omitempty" jsonschema:"most services to return, those with the most records; 1 to 500, 100 by default"`
}

// redText is the rate, errors and duration of requests.
type redText struct {
	Requests  uint64  `json:"requests"`
	PerSecond float64 `json:"requests_per_second"`
	Errors    uint64  `json:"errors"`
	ErrorRate string  `json:"error_rate"`
	P50       float64 `json:"p50_ms"`
	P95       float64 `json:"p95_ms"`
	P99       float64 `json:"p99_ms"`
}

func redOf(r *model.RED) *redText {
	if r.Requests == 0 {
		return nil
	}
	return &redText{
		Requests: r.Requests, PerSecond: rounded(r.Rate), Errors: r.Errors, ErrorRate: percent(float64(r.Errors) / float64(r.Requests)),
		P50: millis(r.P50), P95: millis(r.P95), P99: millis(r.P99),
	}
}

func rounded(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }

func millis(d time.Duration) float64 { return float64(d/time.Microsecond) / 1000 }

type serviceText struct {
	Name       string   `json:"service"`
	Namespaces []string `json:"namespaces,omitempty"`
	Instances  int      `json:"instances,omitempty"`
	First      string   `json:"first_seen,omitempty"`
	Last       string   `json:"last_seen,omitempty"`
	Logs       uint64   `json:"log_records,omitempty"`
	ErrorLogs  uint64   `json:"error_log_records,omitempty"`
	Spans      uint64   `json:"spans,omitempty"`
	Series     uint64   `json:"metric_series,omitempty"`
	RED        *redText `json:"requests,omitempty"`
}

func serviceOf(s *model.Service) serviceText {
	return serviceText{
		Name: s.Name, Namespaces: s.Namespaces[:min(len(s.Namespaces), maxNamedServices)], Instances: s.InstanceCount,
		First: timeText(s.First), Last: timeText(s.Last), Logs: s.Logs, ErrorLogs: s.ErrorLogs, Spans: s.Spans, Series: s.Series, RED: redOf(&s.RED),
	}
}

func (s *server) listServices(ctx context.Context, in *listServicesInput) (*answer, error) {
	times, err := s.timeRange(in.Since, in.Until)
	if err != nil {
		return nil, err
	}
	most, err := limit(in.Limit, 100, 500)
	if err != nil {
		return nil, err
	}
	list, err := servicelist.List(ctx, s.Reader, model.ServiceQuery{
		Filter: model.Filter{Time: times}, Paging: model.ListPaging{Limit: most, ByCount: true},
	})
	if err != nil {
		return nil, err
	}
	found := &answer{from: times.Start, to: times.End, more: !list.Next.IsZero(), hint: "request a shorter time range, or use service_health for one service"}
	services := make([]serviceText, len(list.Items))
	for i := range list.Items {
		services[i] = serviceOf(&list.Items[i])
	}
	found.add("services", listOf(services)...)
	return found, nil
}

type serviceHealthInput struct {
	Service string `json:"service" jsonschema:"name of a service, as list_services returns it"`
	Since   string `json:"since,omitempty" jsonschema:"begin of the time range: RFC 3339, or how long ago such as 15m, 2h or 1d; 1h by default"`
	Until   string `json:"until,omitempty" jsonschema:"end of the time range, in the same forms; now by default"`
}

func (s *server) serviceHealth(ctx context.Context, in *serviceHealthInput) (*answer, error) {
	times, err := s.timeRange(in.Since, in.Until)
	if err != nil {
		return nil, err
	}
	now, err := s.service(ctx, in.Service, times)
	if err != nil {
		return nil, err
	}
	length := times.End - times.Start
	before, err := s.service(ctx, in.Service, model.TimeRange{Start: times.Start - min(length, times.Start-1), End: times.Start})
	if err != nil {
		return nil, err
	}
	if now == nil && before == nil {
		return nil, model.InvalidField("service", "no record of %q in this time: list_services returns the names of services", in.Service)
	}
	found := &answer{from: times.Start, to: times.End, hint: "the last parts are cut: request a shorter time range, or use service_graph and list_incidents with this service"}
	found.set("service", in.Service)
	found.set("now", now)
	found.set("same_time_before", before)
	if err := s.addOperations(ctx, found, in.Service, times); err != nil {
		return nil, err
	}
	return found, s.addSurroundings(ctx, found, in.Service, times)
}

// service returns the figures of a service, nil if it has no records.
func (s *server) service(ctx context.Context, name string, times model.TimeRange) (*serviceText, error) {
	list, err := servicelist.List(ctx, s.Reader, model.ServiceQuery{
		Filter: model.Filter{Time: times, Services: []string{name}}, Paging: model.ListPaging{Limit: 1},
	})
	if err != nil || len(list.Items) == 0 {
		return nil, err
	}
	text := serviceOf(&list.Items[0])
	return &text, nil
}

type operationText struct {
	Name string   `json:"operation"`
	Kind string   `json:"kind,omitempty"`
	RED  *redText `json:"requests"`
}

// The most parts of the answer about one service.
const (
	maxListed    = 500
	maxOps       = 20
	maxNeighbors = 50
)

// addOperations adds the operations of a service, those with the most errors
// first, then the slowest.
func (s *server) addOperations(ctx context.Context, found *answer, service string, times model.TimeRange) error {
	list, err := s.Reader.ListOperations(ctx, model.OperationQuery{
		Filter: model.Filter{Time: times, Services: []string{service}}, Paging: model.ListPaging{Limit: maxListed, ByCount: true},
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(list.Items, func(a, b model.Operation) int {
		return cmp.Or(cmp.Compare(b.RED.Errors, a.RED.Errors), cmp.Compare(b.RED.P99, a.RED.P99))
	})
	operations := make([]operationText, 0, maxOps)
	for i := range list.Items[:min(len(list.Items), maxOps)] {
		o := &list.Items[i]
		operations = append(operations, operationText{short(o.Name, attributeBytes), model.SpanKindName(o.Kind), redOf(&o.RED)})
	}
	found.add("worst_operations", listOf(operations)...)
	return nil
}

// addSurroundings adds incidents, callers and dependencies of a service.
func (s *server) addSurroundings(ctx context.Context, found *answer, service string, times model.TimeRange) error {
	groups, _, err := s.groups(ctx, &model.FindingQuery{
		Filter: model.Filter{Time: times, Services: []string{service}}, Paging: model.Paging{Limit: maxOps},
	})
	if err != nil {
		return err
	}
	incidents := make([]incidentSummary, len(groups))
	for i, group := range groups {
		incidents[i] = summarizeIncident(group)
	}
	graph, err := s.Reader.GetServiceGraph(ctx, model.GraphQuery{
		Filter: model.Filter{Time: times, Services: []string{service}}, Limit: maxListed,
	})
	if err != nil {
		return err
	}
	names := nodeNames(&graph)
	var callers, dependencies []any
	for i := range graph.Edges {
		edge := edgeOf(&graph.Edges[i], names)
		switch {
		case edge.To == service && len(callers) < maxNeighbors:
			callers = append(callers, edge)
		case edge.From == service && len(dependencies) < maxNeighbors:
			dependencies = append(dependencies, edge)
		}
	}
	found.add("incidents", listOf(incidents)...)
	found.add("dependencies", dependencies...)
	found.add("callers", callers...)
	return nil
}
