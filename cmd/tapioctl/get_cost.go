// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// costFlags are those of get cost.
type costFlags struct {
	timeFlags
	req    tapiov1.GetCostAdviceRequest
	format choice
}

func newGetCostCommand(a *app) *cobra.Command {
	f := &costFlags{format: newChoice("table", "table", "json", "yaml")}
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Compare what workloads request with what they use, and name what takes the most bytes",
		Example: `  tapioctl get cost --since 1d
  tapioctl get cost --namespace shop --top 5 -o json`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error { return a.getCost(ctx, c, f) }),
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&f.req.Services, "service", nil, "only of these services or workloads")
	flags.StringSliceVar(&f.req.Namespaces, "namespace", nil, "only of these namespaces")
	flags.Uint32Var(&f.req.Top, "top", 10, "entries of each list")
	addChoice(cmd, flags, &f.format, "output", "o", "output format")
	return cmd
}

func (a *app) getCost(ctx context.Context, c clients, f *costFlags) error {
	var err error
	if f.req.TimeRange, err = f.timeRange(a); err != nil {
		return err
	}
	if f.req.Top == 0 {
		return usageErrorf("--top must be 1 or more")
	}
	resp, err := call(ctx, a, c.operations.GetCostAdvice, &f.req)
	if err != nil {
		return err
	}
	if f.format.value != "table" {
		a.printDocument(f.format.value, appendJSON(nil, resp))
		return nil
	}
	a.printWorkloads(resp)
	a.printLogCosts(resp)
	a.printMetricCosts(resp)
	a.noteIfNone(len(resp.GetWorkloads())+len(resp.GetLogs())+len(resp.GetMetrics()), "workloads, log records or metrics")
	return nil
}

func (a *app) printWorkloads(resp *tapiov1.GetCostAdviceResponse) {
	var rows [][]cell
	for _, w := range resp.GetWorkloads() {
		cost := w.GetCpu().GetMonthlyCost() + w.GetMemory().GetMonthlyCost()
		rows = append(rows, []cell{
			{w.GetWorkload(), plain},
			{orDash(w.GetNamespace()), plain},
			{fmt.Sprint(w.GetInstanceCount()), plain},
			{resourceText(w.GetCpu()), plain},
			excessCell(w.GetCpu()),
			{resourceText(w.GetMemory()), plain},
			excessCell(w.GetMemory()),
			{moneyText(cost, resp.GetCurrency()), plain},
			{w.GetAdvice(), plain},
		})
	}
	if len(rows) > 0 {
		a.printTable([]string{"WORKLOAD", "NAMESPACE", "N", "CPU REQ/LIM/P95", "EXCESS", "GIB REQ/LIM/MAX", "EXCESS", "MONTH", "ADVICE"}, rows)
	}
}

func resourceText(r *tapiov1.ResourceCost) string {
	return fmt.Sprintf("%.3g/%.3g/%.3g", r.GetRequested(), r.GetLimit(), max(r.GetUsedP95(), 0))
}

func excessCell(r *tapiov1.ResourceCost) cell {
	c := cell{fmt.Sprintf("%+.2f", r.GetExcess()), plain}
	switch {
	case r.GetExcess() == 0:
		c.text = "-"
	case r.GetExcess() < 0:
		c.paint = red
	default:
		c.paint = yellow
	}
	return c
}

func moneyText(amount float64, currency string) string {
	if amount == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %s", amount, currency)
}

func (a *app) printLogCosts(resp *tapiov1.GetCostAdviceResponse) {
	var rows [][]cell
	for _, l := range resp.GetLogs() {
		rows = append(rows, []cell{
			{size(l.GetBytes()), plain},
			{percentText(l.GetShare()), plain},
			{thousands(l.GetRecordCount()), plain},
			{orDash(l.GetService()), plain},
			{orDash(l.GetSeverity()), plain},
			{l.GetTemplate(), plain},
			{l.GetFilter(), plain},
		})
	}
	if len(rows) > 0 {
		a.write("\n")
		a.printTable([]string{"BYTES", "SHARE", "RECORDS", "SERVICE", "SEVERITY", "LOG TEMPLATE", "FILTER"}, rows)
	}
}

func (a *app) printMetricCosts(resp *tapiov1.GetCostAdviceResponse) {
	var rows [][]cell
	for _, m := range resp.GetMetrics() {
		rows = append(rows, []cell{
			{size(m.GetBytes()), plain},
			{percentText(m.GetShare()), plain},
			{thousands(m.GetPointCount()), plain},
			{thousands(m.GetSeriesCount()), plain},
			{m.GetMetric(), plain},
			{fmt.Sprintf("%s (%s)", orDash(m.GetWidestLabel()), thousands(m.GetWidestLabelValues())), plain},
			{m.GetFilter(), plain},
		})
	}
	if len(rows) > 0 {
		a.write("\n")
		a.printTable([]string{"BYTES", "SHARE", "POINTS", "SERIES", "METRIC", "WIDEST LABEL", "FILTER"}, rows)
	}
}
