// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// requestHeading names what requestCells prints.
func requestHeading() []string { return []string{"REQ/S", "ERRORS", "P50", "P95", "P99"} }

// requestCells prints rate, errors and durations.
func requestCells(r *tapiov1.RequestStatistics) []cell {
	if r.GetRequestCount() == 0 {
		return cells("-", "-", "-", "-", "-")
	}
	failed := cell{shareText(float64(r.GetErrorCount()) / float64(r.GetRequestCount())), plain}
	if r.GetErrorCount() > 0 {
		failed.paint = red
	}
	took := func(d *durationpb.Duration) cell { return cell{shortDuration(d.AsDuration()), plain} }
	return []cell{
		{fmt.Sprintf("%.2f", r.GetRate()), plain}, failed, took(r.GetDurationP50()), took(r.GetDurationP95()), took(r.GetDurationP99()),
	}
}

func shareText(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

func newGetServicesCommand(a *app) *cobra.Command {
	f := newListFlags()
	cmd := &cobra.Command{
		Use:   "services",
		Short: "List the services, what they send and how they answer requests",
		Example: `  tapioctl get services --since 15m
  tapioctl get services --sort count -o json`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			filter, order, err := f.query(a)
			if err != nil {
				return err
			}
			request := &tapiov1.ListServicesRequest{Filter: filter, Order: order}
			return a.serviceTable().printPages(a, f.format.value, filter, f.limit, func() ([]*tapiov1.Service, string, error) {
				response, err := call(ctx, a, c.observability.ListServices, request)
				return response.GetServices(), response.GetNextPageToken(), err
			})
		}),
	}
	f.add(cmd, "services")
	return cmd
}

func (a *app) serviceTable() *table[*tapiov1.Service] {
	heading := append([]string{"SERVICE", "NAMESPACE", "INSTANCES"}, requestHeading()...)
	return &table[*tapiov1.Service]{
		what: "services", heading: append(heading, "LOGS", "ERROR LOGS", "SPANS", "SERIES", "LAST SEEN"),
		row: func(s *tapiov1.Service) []cell {
			row := []cell{
				{orDash(s.GetName()), cyan},
				{orDash(strings.Join(s.GetNamespaces(), ",")), plain},
				{thousands(s.GetInstanceCount()), plain},
			}
			row = append(row, requestCells(s.GetRequests())...)
			return append(row, cell{thousands(s.GetLogCount()), plain}, cell{thousands(s.GetErrorLogCount()), plain},
				cell{thousands(s.GetSpanCount()), plain}, cell{thousands(s.GetSeriesCount()), plain}, cell{a.stamp(s.GetLastSeen()), dim})
		},
	}
}

func newGetOperationsCommand(a *app) *cobra.Command {
	f := newListFlags()
	cmd := &cobra.Command{
		Use:     "operations",
		Short:   "List the operations of services: their span names, by kind",
		Example: `  tapioctl get operations --service checkout --since 1h --sort count`,
		Args:    cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			filter, order, err := f.query(a)
			if err != nil {
				return err
			}
			request := &tapiov1.ListOperationsRequest{Filter: filter, Order: order}
			return operationTable().printPages(a, f.format.value, filter, f.limit, func() ([]*tapiov1.Operation, string, error) {
				response, err := call(ctx, a, c.observability.ListOperations, request)
				return response.GetOperations(), response.GetNextPageToken(), err
			})
		}),
	}
	f.add(cmd, "operations")
	return cmd
}

func operationTable() *table[*tapiov1.Operation] {
	return &table[*tapiov1.Operation]{
		what: "operations", heading: append(append([]string{"SERVICE", "OPERATION", "KIND"}, requestHeading()...), "SPANS"),
		row: func(o *tapiov1.Operation) []cell {
			row := []cell{
				{orDash(o.GetService()), cyan},
				{orDash(o.GetName()), bold},
				{strings.ToLower(strings.TrimPrefix(o.GetKind().String(), "SPAN_KIND_")), plain},
			}
			return append(append(row, requestCells(o.GetSpans())...), cell{thousands(o.GetSpans().GetRequestCount()), plain})
		},
	}
}

func newGetGraphCommand(a *app) *cobra.Command {
	f := newListFlags()
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Print the calls between services, databases, queues and other peers",
		Example: `  tapioctl get graph --since 1h
  tapioctl get graph --service checkout -o json`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			filter, _, err := f.query(a)
			if err != nil {
				return err
			}
			graph, err := call(ctx, a, c.observability.GetServiceGraph, &tapiov1.GetServiceGraphRequest{Filter: filter})
			if err != nil {
				return err
			}
			a.printGraph(f.format.value, graph)
			return nil
		}),
	}
	f.filterFlags.add(cmd)
	f.timeFlags.add(cmd)
	cmd.Flags().Uint32Var(&f.limit, "limit", listedPerPage, "most calls to print, those with the most requests")
	addChoice(cmd, cmd.Flags(), &f.format, "output", "o", "output format")
	return cmd
}

func (a *app) printGraph(format string, graph *tapiov1.GetServiceGraphResponse) {
	if format != "table" {
		a.printMessage(format, graph)
		return
	}
	names := map[string]string{}
	for _, n := range graph.GetNodes() {
		names[n.GetId()] = orDash(n.GetName())
		if n.GetSystem() != "" && n.GetSystem() != n.GetName() {
			names[n.GetId()] += " (" + n.GetSystem() + ")"
		}
	}
	edges := &table[*tapiov1.ServiceEdge]{
		what: "calls between services", heading: append(append([]string{"CLIENT", "SERVER"}, requestHeading()...), "REQUESTS", "SEEN BY"),
		row: func(e *tapiov1.ServiceEdge) []cell {
			seen := "spans"
			if e.GetKernel() {
				seen = "kernel"
			}
			row := []cell{{names[e.GetClient()], cyan}, {names[e.GetServer()], bold}}
			return append(append(row, requestCells(e.GetRequests())...), cell{thousands(e.GetRequests().GetRequestCount()), plain}, cell{seen, dim})
		},
	}
	edges.print(a, format, graph.GetEdges())
	if graph.GetTruncated() {
		a.note("the graph is not complete: narrow --since or --service, or raise --limit")
	}
}
