// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type changeFlags struct {
	selector.FilterFlags
	selector.PageFlags
	types  []string
	format selector.Choice
}

func newGetChangesCommand(a *app.App) *cobra.Command {
	f := &changeFlags{format: selector.NewChoice("table", "table", "json", "yaml")}
	cmd := &cobra.Command{
		Use:     "changes",
		Short:   "Print changes: deployments, restarts, configurations, scaling",
		Example: `  tapioctl get changes --since 2h --type deployment,configuration`,
		Args:    cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) (err error) {
			request := &tapiov1.GetChangesRequest{}
			if request.Types, err = enumWords[tapiov1.ObservedChange_Type]("type", "TYPE_", f.types); err != nil {
				return err
			}
			if request.Filter, err = f.Filter(); err != nil {
				return err
			}
			if err := f.Apply(&a.Out.Clock, request.Filter, selector.ListedPerPage); err != nil {
				return err
			}
			return app.PrintPages(newChangeTable(a.Out), a.Out, f.format.Value, request.Filter, f.Limit, func() ([]*tapiov1.ObservedChange, string, error) {
				response, err := app.Call(ctx, a, c.Observability.GetChanges, request)
				return response.GetChanges(), response.GetNextPageToken(), err
			})
		}),
	}
	f.FilterFlags.Add(cmd)
	f.PageFlags.Add(cmd, selector.DefaultListed, "changes")
	cmd.Flags().StringSliceVar(&f.types, "type", nil, "only deployment, restart, configuration, scale or other")
	selector.AddChoice(cmd, cmd.Flags(), &f.format, "output", "o", "output format")
	return cmd
}

func newChangeTable(o *render.Output) *render.Table[*tapiov1.ObservedChange] {
	return &render.Table[*tapiov1.ObservedChange]{
		What: "changes", Heading: []string{"TIME", "TYPE", "SERVICE", "CHANGE", "EVENT"},
		Row: func(c *tapiov1.ObservedChange) []render.Cell {
			return []render.Cell{
				{Text: o.Stamp(c.GetTime()), Paint: render.Dim},
				{Text: strings.ToLower(strings.TrimPrefix(c.GetType().String(), "TYPE_")), Paint: render.Plain},
				{Text: render.OrDash(c.GetService()), Paint: render.Cyan},
				{Text: c.GetSummary(), Paint: render.Bold},
				{Text: c.GetEventId(), Paint: render.Dim},
			}
		},
	}
}
