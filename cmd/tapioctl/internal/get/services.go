// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// requestHeading names what requestCells prints.
func requestHeading() []string { return []string{"REQ/S", "ERRORS", "P50", "P95", "P99"} }

// requestCells prints rate, errors and durations.
func requestCells(r *tapiov1.RequestStatistics) []render.Cell {
	if r.GetRequestCount() == 0 {
		return render.Cells("-", "-", "-", "-", "-")
	}
	failed := render.Cell{Text: render.ShareText(float64(r.GetErrorCount()) / float64(r.GetRequestCount())), Paint: render.Plain}
	if r.GetErrorCount() > 0 {
		failed.Paint = render.Red
	}
	took := func(d *durationpb.Duration) render.Cell {
		if r.GetMetrics() && r.GetDurationP99().AsDuration() == 0 { // metrics may count requests without durations
			return render.Cell{Text: "-", Paint: render.Plain}
		}
		return render.Cell{Text: render.ShortDuration(d.AsDuration()), Paint: render.Plain}
	}
	return []render.Cell{
		{Text: fmt.Sprintf("%.2f", r.GetRate()), Paint: render.Plain}, failed, took(r.GetDurationP50()), took(r.GetDurationP95()), took(r.GetDurationP99()),
	}
}

func newGetServicesCommand(a *app.App) *cobra.Command {
	f := selector.NewListFlags()
	cmd := &cobra.Command{
		Use:   "services",
		Short: "List the services, what they send and how they answer requests",
		Example: `  tapioctl get services --since 15m
  tapioctl get services --sort count -o json`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			filter, order, err := f.Query(&a.Out.Clock)
			if err != nil {
				return err
			}
			request := &tapiov1.ListServicesRequest{Filter: filter, Order: order}
			return app.PrintPages(newServiceTable(a.Out), a.Out, f.Format.Value, filter, f.Limit, func() ([]*tapiov1.Service, string, error) {
				response, err := app.Call(ctx, a, c.Observability.ListServices, request)
				return response.GetServices(), response.GetNextPageToken(), err
			})
		}),
	}
	f.Add(cmd, "services")
	return cmd
}

func newServiceTable(o *render.Output) *render.Table[*tapiov1.Service] {
	heading := append([]string{"SERVICE", "NAMESPACE", "INSTANCES"}, requestHeading()...)
	return &render.Table[*tapiov1.Service]{
		What: "services", Heading: append(heading, "LOGS", "ERROR LOGS", "SPANS", "SERIES", "LAST SEEN"),
		Row: func(s *tapiov1.Service) []render.Cell {
			row := []render.Cell{
				{Text: render.OrDash(s.GetName()), Paint: render.Cyan},
				{Text: render.OrDash(strings.Join(s.GetNamespaces(), ",")), Paint: render.Plain},
				{Text: render.Thousands(s.GetInstanceCount()), Paint: render.Plain},
			}
			row = append(row, requestCells(s.GetRequests())...)
			return append(row, render.Cell{Text: render.Thousands(s.GetLogCount()), Paint: render.Plain}, render.Cell{Text: render.Thousands(s.GetErrorLogCount()), Paint: render.Plain},
				render.Cell{Text: render.Thousands(s.GetSpanCount()), Paint: render.Plain}, render.Cell{Text: render.Thousands(s.GetSeriesCount()), Paint: render.Plain}, render.Cell{Text: o.Stamp(s.GetLastSeen()), Paint: render.Dim})
		},
	}
}

func newGetOperationsCommand(a *app.App) *cobra.Command {
	f := selector.NewListFlags()
	cmd := &cobra.Command{
		Use:     "operations",
		Short:   "List the operations of services: their span names, by kind",
		Example: `  tapioctl get operations --service checkout --since 1h --sort count`,
		Args:    cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			filter, order, err := f.Query(&a.Out.Clock)
			if err != nil {
				return err
			}
			request := &tapiov1.ListOperationsRequest{Filter: filter, Order: order}
			return app.PrintPages(operationTable(), a.Out, f.Format.Value, filter, f.Limit, func() ([]*tapiov1.Operation, string, error) {
				response, err := app.Call(ctx, a, c.Observability.ListOperations, request)
				return response.GetOperations(), response.GetNextPageToken(), err
			})
		}),
	}
	f.Add(cmd, "operations")
	return cmd
}

func operationTable() *render.Table[*tapiov1.Operation] {
	return &render.Table[*tapiov1.Operation]{
		What: "operations", Heading: append(append([]string{"SERVICE", "OPERATION", "KIND"}, requestHeading()...), "SPANS"),
		Row: func(o *tapiov1.Operation) []render.Cell {
			row := []render.Cell{
				{Text: render.OrDash(o.GetService()), Paint: render.Cyan},
				{Text: render.OrDash(o.GetName()), Paint: render.Bold},
				{Text: strings.ToLower(strings.TrimPrefix(o.GetKind().String(), "SPAN_KIND_")), Paint: render.Plain},
			}
			return append(append(row, requestCells(o.GetSpans())...), render.Cell{Text: render.Thousands(o.GetSpans().GetRequestCount()), Paint: render.Plain})
		},
	}
}

func newGetGraphCommand(a *app.App) *cobra.Command {
	f := selector.NewListFlags()
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Print the calls between services, databases, queues and other peers",
		Example: `  tapioctl get graph --since 1h
  tapioctl get graph --service checkout -o json`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			filter, _, err := f.Query(&a.Out.Clock)
			if err != nil {
				return err
			}
			graph, err := app.Call(ctx, a, c.Observability.GetServiceGraph, &tapiov1.GetServiceGraphRequest{Filter: filter})
			if err != nil {
				return err
			}
			printGraph(a.Out, f.Format.Value, graph)
			return nil
		}),
	}
	f.FilterFlags.Add(cmd)
	f.TimeFlags.Add(cmd)
	cmd.Flags().Uint32Var(&f.Limit, "limit", selector.ListedPerPage, "maximum number of calls to print; those with the most requests are kept")
	selector.AddChoice(cmd, cmd.Flags(), &f.Format, "output", "o", "output format")
	return cmd
}

func printGraph(o *render.Output, format string, graph *tapiov1.GetServiceGraphResponse) {
	if format != "table" {
		o.PrintMessage(format, graph)
		return
	}
	names := map[string]string{}
	for _, n := range graph.GetNodes() {
		names[n.GetId()] = render.OrDash(n.GetName())
		if n.GetSystem() != "" && n.GetSystem() != n.GetName() {
			names[n.GetId()] += " (" + n.GetSystem() + ")"
		}
	}
	edges := &render.Table[*tapiov1.ServiceEdge]{
		What: "calls between services", Heading: append(append([]string{"CLIENT", "SERVER"}, requestHeading()...), "REQUESTS", "SEEN BY"),
		Row: func(e *tapiov1.ServiceEdge) []render.Cell {
			seen := "spans"
			if e.GetKernel() {
				seen = "kernel"
			}
			row := []render.Cell{{Text: names[e.GetClient()], Paint: render.Cyan}, {Text: names[e.GetServer()], Paint: render.Bold}}
			return append(append(row, requestCells(e.GetRequests())...), render.Cell{Text: render.Thousands(e.GetRequests().GetRequestCount()), Paint: render.Plain}, render.Cell{Text: seen, Paint: render.Dim})
		},
	}
	edges.Print(o, format, graph.GetEdges())
	if graph.GetTruncated() {
		o.Note("the graph is not complete: narrow --since or --service, or raise --limit")
	}
}
