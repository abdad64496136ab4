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
)

type observeSpansFlags struct {
	observeFlags
	selector.FilterFlags
	selector.SpanFlags
	traceIDs []string
}

func newObserveSpansCommand(a *app.App) *cobra.Command {
	f := &observeSpansFlags{observeFlags: observeFlags{format: selector.NewRecordFormat("compact")}}
	cmd := &cobra.Command{
		Use:     "spans",
		Aliases: []string{"traces"},
		Short:   "Show the latest spans, and follow them live",
		Long: `Show the latest spans, the oldest first, in the order of the store; with
--follow, wait for more.

-o json prints one OTLP/JSON ResourceSpans a line.`,
		Example: `  tapioctl observe spans -f --service checkout --error
  tapioctl observe spans --since 5m --operation 'GET /api/*' --min-duration 500ms`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = observing(a, &f.observeFlags, func([]string) (input.FileKind, render.Printer, error) {
		filter, err := f.filterUntil(&f.FilterFlags, &a.Out.Clock)
		if err != nil {
			return input.FileKind{}, nil, err
		}
		kind, err := input.SpansOfFile(f.Query(filter, f.traceIDs), a.Out.Now())
		return kind, render.NewSpanPrinter(a.Out, f.format.Value), err
	}, func(ctx context.Context, c app.Clients, _ []string) error {
		filter, err := f.filterUntil(&f.FilterFlags, &a.Out.Clock)
		if err != nil {
			return err
		}
		from := source{"traces", input.OpenSpans(c.Observability, f.Query(filter, f.traceIDs))}
		return observe(ctx, a, c, &f.observeFlags, from, render.NewSpanPrinter(a.Out, f.format.Value))
	})
	f.FilterFlags.Add(cmd)
	f.SpanFlags.Add(cmd, "spans")
	cmd.Flags().StringSliceVar(&f.traceIDs, "trace", nil, "only spans of these traces, 32 hex digits each; excludes all conditions")
	f.add(cmd)
	return cmd
}
