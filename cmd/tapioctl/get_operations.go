// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newGetSLOsCommand(a *app) *cobra.Command {
	format := newChoice("table", "table", "json", "yaml")
	req := &tapiov1.ListSLOsRequest{}
	cmd := &cobra.Command{
		Use:   "slos",
		Short: "List service level objectives, what is left of their error budgets and how fast these burn",
		Example: `  tapioctl get slos --service checkout
  tapioctl get slos --firing -o json`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			resp, err := call(ctx, a, c.operations.ListSLOs, req)
			if err != nil {
				return err
			}
			a.noteIfNone(len(resp.GetSlos()), "service level objectives")
			a.printSLOs(resp.GetSlos(), format.value)
			return nil
		}),
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&req.Services, "service", nil, "only of these services")
	flags.BoolVar(&req.FiringOnly, "firing", false, "only those with a burn alert that fires")
	flags.BoolVar(&req.ConfiguredOnly, "configured", false, "leave out those that were learned")
	addChoice(cmd, flags, &format, "output", "o", "output format")
	return cmd
}

func (a *app) printSLOs(all []*tapiov1.SLO, format string) {
	var rows [][]cell
	for _, s := range all {
		if format != "table" {
			a.printDocument(format, appendJSON(nil, s))
			continue
		}
		target := percentText(s.GetTarget())
		if s.GetType() == tapiov1.SLO_TYPE_LATENCY {
			target += " < " + s.GetThreshold().AsDuration().String()
		}
		rows = append(rows, []cell{
			{s.GetName(), plain},
			{s.GetService(), plain},
			{orDash(s.GetOperation()), plain},
			{strings.ToLower(strings.TrimPrefix(s.GetType().String(), "TYPE_")), plain},
			{target, plain},
			{percentText(1 - s.GetErrorRatio()), plain},
			{thousands(uint64(s.GetRequestCount())), plain},
			budgetCell(s.GetBudgetRemaining()),
			{burnText(s), plain},
			alertCell(s),
		})
	}
	if len(rows) > 0 {
		a.printTable([]string{"SLO", "SERVICE", "OPERATION", "TYPE", "TARGET", "GOOD", "REQUESTS", "BUDGET", "BURN", "ALERTS"}, rows)
	}
}

// percentText writes a share with at most three digits behind the point.
func percentText(share float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", 100*share), "0"), ".") + "%"
}

func budgetCell(left float64) cell {
	c := cell{fmt.Sprintf("%.0f%%", 100*left), green}
	switch {
	case left <= 0:
		c.paint = red
	case left < 0.25:
		c.paint = yellow
	}
	return c
}

// burnText is how fast the budget burns in each long window.
func burnText(s *tapiov1.SLO) string {
	var parts []string
	for _, b := range s.GetBurnRates() {
		parts = append(parts, fmt.Sprintf("%s:%.3g", hoursText(b.GetLongWindow().AsDuration()), b.GetLongRate()))
	}
	return orDash(strings.Join(parts, " "))
}

func hoursText(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}

func alertCell(s *tapiov1.SLO) cell {
	var firing []string
	paint := yellow
	for _, b := range s.GetBurnRates() {
		if b.GetFiring() {
			firing = append(firing, b.GetAlert())
			if b.GetPage() {
				paint = red
			}
		}
	}
	if len(firing) == 0 {
		return cell{"-", plain}
	}
	return cell{strings.Join(firing, ","), paint}
}

func newGetReceiversCommand(a *app) *cobra.Command {
	format := newChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "receivers",
		Short: "List the receivers of notifications, and what became of their messages",
		Args:  cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			resp, err := call(ctx, a, c.operations.ListReceivers, &tapiov1.ListReceiversRequest{})
			if err != nil {
				return err
			}
			a.noteIfNone(len(resp.GetReceivers()), "receivers of notifications")
			a.printReceivers(resp.GetReceivers(), format.value)
			return nil
		}),
	}
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func (a *app) printReceivers(all []*tapiov1.NotificationReceiver, format string) {
	var rows [][]cell
	for _, r := range all {
		if format != "table" {
			a.printDocument(format, appendJSON(nil, r))
			continue
		}
		dead := cell{"-", plain}
		var reasons []string
		for _, reason := range slices.Sorted(maps.Keys(r.GetDeadLetterCounts())) {
			reasons = append(reasons, fmt.Sprintf("%s %s", thousands(r.GetDeadLetterCounts()[reason]), reason))
		}
		if len(reasons) > 0 {
			dead = cell{strings.Join(reasons, ", "), red}
		}
		rows = append(rows, []cell{
			{r.GetName(), plain},
			{r.GetKind(), plain},
			{thousands(r.GetSentCount()), plain},
			{thousands(r.GetFailedCount()), plain},
			{thousands(r.GetQueuedCount()), plain},
			dead,
			{orDash(r.GetLastError()), plain},
		})
	}
	if len(rows) > 0 {
		a.printTable([]string{"RECEIVER", "KIND", "SENT", "FAILED", "QUEUED", "DROPPED", "LAST ERROR"}, rows)
	}
}
