// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/input"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type observeMetricsFlags struct {
	observeFlags
	selector.FilterFlags
	names []string
}

func newObserveMetricsCommand(a *app.App) *cobra.Command {
	f := &observeMetricsFlags{observeFlags: observeFlags{format: selector.NewRecordFormat("compact")}}
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Show the latest metric points, and follow them live",
		Long: `Show the latest metric points, the oldest first, in the order of the store; with
--follow, wait for more.

-o json prints one OTLP/JSON ResourceMetrics a line.`,
		Example: `  tapioctl observe metrics -f --name 'system.memory.*'
  tapioctl observe metrics --since 1m --service checkout -o table`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = observing(a, &f.observeFlags, func([]string) (input.FileKind, render.Printer, error) {
		filter, err := f.filterUntil(&f.FilterFlags, &a.Out.Clock)
		if err != nil {
			return input.FileKind{}, nil, err
		}
		kind, err := input.PointsOfFile(&tapiov1.MetricQuery{MetricNames: f.names, Filter: filter}, a.Out.Now())
		return kind, render.NewPointPrinter(a.Out, f.format.Value), err
	}, func(ctx context.Context, c app.Clients, _ []string) error {
		filter, err := f.filterUntil(&f.FilterFlags, &a.Out.Clock)
		if err != nil {
			return err
		}
		from := source{"metrics", input.OpenPoints(c.Observability, &tapiov1.MetricQuery{MetricNames: f.names, Filter: filter})}
		return observe(ctx, a, c, &f.observeFlags, from, render.NewPointPrinter(a.Out, f.format.Value))
	})
	f.Add(cmd)
	cmd.Flags().StringSliceVar(&f.names, "name", nil, "only these metrics; a trailing * matches any ending")
	f.add(cmd)
	return cmd
}
