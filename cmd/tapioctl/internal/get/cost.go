// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// costFlags are those of get cost.
type costFlags struct {
	selector.TimeFlags
	req    tapiov1.GetCostAdviceRequest
	format selector.Choice
}

func newGetCostCommand(a *app.App) *cobra.Command {
	f := &costFlags{format: selector.NewChoice("table", "table", "json", "yaml")}
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Compare requested and used resources of workloads, and list what takes the most bytes",
		Example: `  tapioctl get cost --since 1d
  tapioctl get cost --namespace shop --top 5 -o json`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error { return getCost(ctx, a, c, f) }),
	}
	f.Add(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&f.req.Services, "service", nil, "only of these services or workloads")
	flags.StringSliceVar(&f.req.Namespaces, "namespace", nil, "only of these namespaces")
	flags.Uint32Var(&f.req.Top, "top", 10, "entries of each list")
	selector.AddChoice(cmd, flags, &f.format, "output", "o", "output format")
	return cmd
}

func getCost(ctx context.Context, a *app.App, c app.Clients, f *costFlags) error {
	var err error
	if f.req.TimeRange, err = f.TimeRange(&a.Out.Clock); err != nil {
		return err
	}
	if f.req.Top == 0 {
		return exitcode.UsageErrorf("--top must be 1 or more")
	}
	resp, err := app.Call(ctx, a, c.Operations.GetCostAdvice, &f.req)
	if err != nil {
		return err
	}
	if f.format.Value != "table" {
		a.Out.PrintDocument(f.format.Value, render.AppendJSON(nil, resp))
		return nil
	}
	printWorkloads(a.Out, resp)
	printLogCosts(a.Out, resp)
	printMetricCosts(a.Out, resp)
	a.Out.NoteIfNone(len(resp.GetWorkloads())+len(resp.GetLogs())+len(resp.GetMetrics()), "workloads, log records or metrics")
	return nil
}

func printWorkloads(o *render.Output, resp *tapiov1.GetCostAdviceResponse) {
	var rows [][]render.Cell
	for _, w := range resp.GetWorkloads() {
		cost := w.GetCpu().GetMonthlyCost() + w.GetMemory().GetMonthlyCost()
		rows = append(rows, []render.Cell{
			{Text: w.GetWorkload(), Paint: render.Plain},
			{Text: render.OrDash(w.GetNamespace()), Paint: render.Plain},
			{Text: fmt.Sprint(w.GetInstanceCount()), Paint: render.Plain},
			{Text: resourceText(w.GetCpu()), Paint: render.Plain},
			excessCell(w.GetCpu()),
			{Text: resourceText(w.GetMemory()), Paint: render.Plain},
			excessCell(w.GetMemory()),
			{Text: moneyText(cost, resp.GetCurrency()), Paint: render.Plain},
			{Text: w.GetAdvice(), Paint: render.Plain},
		})
	}
	if len(rows) > 0 {
		o.PrintTable([]string{"WORKLOAD", "NAMESPACE", "N", "CPU REQ/LIM/P95", "EXCESS", "GIB REQ/LIM/MAX", "EXCESS", "MONTH", "ADVICE"}, rows)
	}
}

func resourceText(r *tapiov1.ResourceCost) string {
	return fmt.Sprintf("%.3g/%.3g/%.3g", r.GetRequested(), r.GetLimit(), max(r.GetUsedP95(), 0))
}

func excessCell(r *tapiov1.ResourceCost) render.Cell {
	c := render.Cell{Text: fmt.Sprintf("%+.2f", r.GetExcess()), Paint: render.Plain}
	switch {
	case r.GetExcess() == 0:
		c.Text = "-"
	case r.GetExcess() < 0:
		c.Paint = render.Red
	default:
		c.Paint = render.Yellow
	}
	return c
}

func moneyText(amount float64, currency string) string {
	if amount == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %s", amount, currency)
}

func printLogCosts(o *render.Output, resp *tapiov1.GetCostAdviceResponse) {
	var rows [][]render.Cell
	for _, l := range resp.GetLogs() {
		rows = append(rows, []render.Cell{
			{Text: render.Size(l.GetBytes()), Paint: render.Plain},
			{Text: percentText(l.GetShare()), Paint: render.Plain},
			{Text: render.Thousands(l.GetRecordCount()), Paint: render.Plain},
			{Text: render.OrDash(l.GetService()), Paint: render.Plain},
			{Text: render.OrDash(l.GetSeverity()), Paint: render.Plain},
			{Text: l.GetTemplate(), Paint: render.Plain},
			{Text: l.GetFilter(), Paint: render.Plain},
		})
	}
	if len(rows) > 0 {
		o.WriteText("\n")
		o.PrintTable([]string{"BYTES", "SHARE", "RECORDS", "SERVICE", "SEVERITY", "LOG TEMPLATE", "FILTER"}, rows)
	}
}

func printMetricCosts(o *render.Output, resp *tapiov1.GetCostAdviceResponse) {
	var rows [][]render.Cell
	for _, m := range resp.GetMetrics() {
		rows = append(rows, []render.Cell{
			{Text: render.Size(m.GetBytes()), Paint: render.Plain},
			{Text: percentText(m.GetShare()), Paint: render.Plain},
			{Text: render.Thousands(m.GetPointCount()), Paint: render.Plain},
			{Text: render.Thousands(m.GetSeriesCount()), Paint: render.Plain},
			{Text: m.GetMetric(), Paint: render.Plain},
			{Text: fmt.Sprintf("%s (%s)", render.OrDash(m.GetWidestLabel()), render.Thousands(m.GetWidestLabelValues())), Paint: render.Plain},
			{Text: m.GetFilter(), Paint: render.Plain},
		})
	}
	if len(rows) > 0 {
		o.WriteText("\n")
		o.PrintTable([]string{"BYTES", "SHARE", "POINTS", "SERIES", "METRIC", "WIDEST LABEL", "FILTER"}, rows)
	}
}
