// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newGetSLOsCommand(a *app.App) *cobra.Command {
	format := selector.NewChoice("table", "table", "json", "yaml")
	req := &tapiov1.ListSLOsRequest{}
	cmd := &cobra.Command{
		Use:   "slos",
		Short: "List service level objectives, what is left of their error budgets and how fast these burn",
		Example: `  tapioctl get slos --service checkout
  tapioctl get slos --firing -o json`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			resp, err := app.Call(ctx, a, c.Operations.ListSLOs, req)
			if err != nil {
				return err
			}
			a.Out.NoteIfNone(len(resp.GetSlos()), "service level objectives")
			printSLOs(a.Out, resp.GetSlos(), format.Value)
			return nil
		}),
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&req.Services, "service", nil, "only of these services")
	flags.BoolVar(&req.FiringOnly, "firing", false, "only those with a burn alert that fires")
	flags.BoolVar(&req.ConfiguredOnly, "configured", false, "leave out those that were learned")
	selector.AddChoice(cmd, flags, &format, "output", "o", "output format")
	return cmd
}

func printSLOs(o *render.Output, all []*tapiov1.SLO, format string) {
	var rows [][]render.Cell
	for _, s := range all {
		if format != "table" {
			o.PrintDocument(format, render.AppendJSON(nil, s))
			continue
		}
		target := percentText(s.GetTarget())
		if s.GetType() == tapiov1.SLO_TYPE_LATENCY {
			target += " < " + s.GetThreshold().AsDuration().String()
		}
		rows = append(rows, []render.Cell{
			{Text: s.GetName(), Paint: render.Plain},
			{Text: s.GetService(), Paint: render.Plain},
			{Text: render.OrDash(s.GetOperation()), Paint: render.Plain},
			{Text: strings.ToLower(strings.TrimPrefix(s.GetType().String(), "TYPE_")), Paint: render.Plain},
			{Text: target, Paint: render.Plain},
			{Text: percentText(1 - s.GetErrorRatio()), Paint: render.Plain},
			{Text: render.Thousands(uint64(s.GetRequestCount())), Paint: render.Plain},
			budgetCell(s.GetBudgetRemaining()),
			{Text: burnText(s), Paint: render.Plain},
			alertCell(s),
		})
	}
	if len(rows) > 0 {
		o.PrintTable([]string{"SLO", "SERVICE", "OPERATION", "TYPE", "TARGET", "GOOD", "REQUESTS", "BUDGET", "BURN", "ALERTS"}, rows)
	}
}

// percentText writes a share with at most three digits behind the point.
func percentText(share float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", 100*share), "0"), ".") + "%"
}

func budgetCell(left float64) render.Cell {
	c := render.Cell{Text: fmt.Sprintf("%.0f%%", 100*left), Paint: render.Green}
	switch {
	case left <= 0:
		c.Paint = render.Red
	case left < 0.25:
		c.Paint = render.Yellow
	}
	return c
}

// burnText is how fast the budget burns in each long window.
func burnText(s *tapiov1.SLO) string {
	var parts []string
	for _, b := range s.GetBurnRates() {
		parts = append(parts, fmt.Sprintf("%s:%.3g", hoursText(b.GetLongWindow().AsDuration()), b.GetLongRate()))
	}
	return render.OrDash(strings.Join(parts, " "))
}

func hoursText(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}

func alertCell(s *tapiov1.SLO) render.Cell {
	var firing []string
	paint := render.Yellow
	for _, b := range s.GetBurnRates() {
		if b.GetFiring() {
			firing = append(firing, b.GetAlert())
			if b.GetPage() {
				paint = render.Red
			}
		}
	}
	if len(firing) == 0 {
		return render.Cell{Text: "-", Paint: render.Plain}
	}
	return render.Cell{Text: strings.Join(firing, ","), Paint: paint}
}

func newGetReceiversCommand(a *app.App) *cobra.Command {
	format := selector.NewChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "receivers",
		Short: "List the receivers of notifications, and what became of their messages",
		Args:  cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			resp, err := app.Call(ctx, a, c.Operations.ListReceivers, &tapiov1.ListReceiversRequest{})
			if err != nil {
				return err
			}
			a.Out.NoteIfNone(len(resp.GetReceivers()), "receivers of notifications")
			printReceivers(a.Out, resp.GetReceivers(), format.Value)
			return nil
		}),
	}
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func printReceivers(o *render.Output, all []*tapiov1.NotificationReceiver, format string) {
	var rows [][]render.Cell
	for _, r := range all {
		if format != "table" {
			o.PrintDocument(format, render.AppendJSON(nil, r))
			continue
		}
		dead := render.Cell{Text: "-", Paint: render.Plain}
		var reasons []string
		for _, reason := range slices.Sorted(maps.Keys(r.GetDeadLetterCounts())) {
			reasons = append(reasons, fmt.Sprintf("%s %s", render.Thousands(r.GetDeadLetterCounts()[reason]), reason))
		}
		if len(reasons) > 0 {
			dead = render.Cell{Text: strings.Join(reasons, ", "), Paint: render.Red}
		}
		rows = append(rows, []render.Cell{
			{Text: r.GetName(), Paint: render.Plain},
			{Text: r.GetKind(), Paint: render.Plain},
			{Text: render.Thousands(r.GetSentCount()), Paint: render.Plain},
			{Text: render.Thousands(r.GetFailedCount()), Paint: render.Plain},
			{Text: render.Thousands(r.GetQueuedCount()), Paint: render.Plain},
			dead,
			{Text: render.OrDash(r.GetLastError()), Paint: render.Plain},
		})
	}
	if len(rows) > 0 {
		o.PrintTable([]string{"RECEIVER", "KIND", "SENT", "FAILED", "QUEUED", "DROPPED", "LAST ERROR"}, rows)
	}
}
