// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newStatusCommand(a *app.App) *cobra.Command {
	format := selector.NewChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show the health of the server and how full its store is",
		Long:    "Show the health of the server, component by component, and how full its store is.\nThe exit code is 0 when the server serves, in full or in part (DEGRADED), else 1.",
		Example: "  tapioctl status\n  tapioctl status -o json | jq .health.status",
		Args:    cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			return printServerStatus(ctx, a, c, format.Value)
		}),
	}
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func printServerStatus(ctx context.Context, a *app.App, c app.Clients, format string) error {
	health, err := app.Call(ctx, a, c.Tapio.HealthCheck, &tapiov1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	info, err := app.Call(ctx, a, c.Tapio.GetServiceInfo, &tapiov1.GetServiceInfoRequest{})
	if err != nil {
		return err
	}
	if format == "table" {
		printStatus(a, health, info)
	} else {
		document := render.AppendJSON([]byte(`{"health":`), health)
		document = render.AppendJSON(append(document, `,"info":`...), info)
		a.Out.PrintDocument(format, append(document, '}'))
	}
	return healthError(a, health)
}

func healthError(a *app.App, health *tapiov1.HealthCheckResponse) error {
	switch health.GetStatus() {
	case tapiov1.HealthCheckResponse_STATUS_SERVING, tapiov1.HealthCheckResponse_STATUS_DEGRADED:
		return nil
	default:
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("the server at %s does not serve", a.Flags.Server)}
	}
}

func printStatus(a *app.App, health *tapiov1.HealthCheckResponse, info *tapiov1.GetServiceInfoResponse) {
	overall := healthCell(health.GetStatus())
	fmt.Fprintf(a.Out, "%s %s at %s: %s\n", render.OrDash(render.OneLine(info.GetName())), render.OneLine(info.GetVersion()),
		a.Flags.Server, a.Out.Paint(overall.Paint, overall.Text))
	if up := info.GetStartTime(); up != nil {
		fmt.Fprintf(a.Out, "up for %s; keeps records for at most %s\n",
			render.ShortDuration(a.Out.Now().Sub(up.AsTime())), info.GetMaxAge().AsDuration())
	}
	a.Out.WriteText("\n")
	var parts [][]render.Cell
	for _, part := range health.GetComponents() {
		parts = append(parts, []render.Cell{{Text: part.GetName(), Paint: render.Plain}, healthCell(part.GetStatus()), {Text: part.GetMessage(), Paint: render.Plain}})
	}
	a.Out.PrintTable([]string{"COMPONENT", "STATUS", "MESSAGE"}, parts)
	a.Out.WriteText("\n")
	printOccupancy(a.Out, info.GetStore())
	printNotes(a.Out, info)
}

// printNotes prints what has no column in the table, if there is any.
func printNotes(o *render.Output, info *tapiov1.GetServiceInfoResponse) {
	for _, s := range info.GetStore() {
		if n := s.GetUnindexedKeyCount(); n > 0 {
			fmt.Fprintf(o, "\n%s: %s label keys are not indexed, for their values are too many, too long or composed; queries for these look at more records: %s\n",
				s.GetSignal(), render.Thousands(n), render.OneLine(strings.Join(s.GetUnindexedKeys(), ", ")))
		}
	}
	for _, s := range info.GetStore() {
		if n := s.GetEvictedSeriesCount(); n > 0 {
			fmt.Fprintf(o, "\n%s: %s series were dropped with their last point; those held take %s\n",
				s.GetSignal(), render.Thousands(n), render.Size(s.GetSeriesBytes()))
		}
	}
	if d := info.GetDirectory(); d != nil {
		fmt.Fprintf(o, "\nkept in %s: %s, %s writes failed, %s files set aside\n", render.OneLine(d.GetPath()), render.Size(d.GetSizeBytes()),
			render.Thousands(d.GetFailedWriteCount()), render.Thousands(d.GetCorruptFileCount()))
	}
	if q := info.GetQueryMemory(); q.GetRefusedCount() > 0 {
		fmt.Fprintf(o, "\nqueries: %s were refused, for they would have held more than the %s of store::query_memory\n",
			render.Thousands(q.GetRefusedCount()), render.Size(q.GetLimitBytes()))
	}
}

func printOccupancy(o *render.Output, stats []*tapiov1.StoreStats) {
	var rows [][]render.Cell
	for _, s := range stats {
		oldest := "-"
		if t := s.GetOldestTime(); t != nil {
			oldest = render.ShortDuration(o.Now().Sub(t.AsTime())) + " ago"
		}
		rows = append(rows, render.Cells(s.GetSignal(), render.Thousands(s.GetRecordCount()), render.Size(s.GetSizeBytes()),
			render.Size(s.GetCapacityBytes()), share(s.GetSizeBytes(), s.GetCapacityBytes()), distinct(s), oldest))
	}
	o.PrintTable([]string{"SIGNAL", "RECORDS", "SIZE", "CAPACITY", "FULL", "DISTINCT", "OLDEST"}, rows)
}

// distinct is how many series or labels there are.
func distinct(s *tapiov1.StoreStats) string {
	switch {
	case s.GetSeriesCount() > 0:
		return render.Thousands(s.GetSeriesCount()) + " series"
	case s.GetLabelCount() > 0:
		return render.Thousands(s.GetLabelCount()) + " labels"
	default:
		return "-"
	}
}

func share(part, whole uint64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*float64(part)/float64(whole))
}

func healthCell(status tapiov1.HealthCheckResponse_Status) render.Cell {
	text := strings.TrimPrefix(status.String(), "STATUS_")
	switch status {
	case tapiov1.HealthCheckResponse_STATUS_SERVING:
		return render.Cell{Text: text, Paint: render.Green}
	case tapiov1.HealthCheckResponse_STATUS_DEGRADED:
		return render.Cell{Text: text, Paint: render.Yellow}
	default:
		return render.Cell{Text: text, Paint: render.Red}
	}
}
