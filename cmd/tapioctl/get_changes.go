// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type changeFlags struct {
	filterFlags
	pageFlags
	types  []string
	format choice
}

func newGetChangesCommand(a *app) *cobra.Command {
	f := &changeFlags{format: newChoice("table", "table", "json", "yaml")}
	cmd := &cobra.Command{
		Use:     "changes",
		Short:   "Print what was changed: deployments, restarts, configurations, scale",
		Example: `  tapioctl get changes --since 2h --type deployment,configuration`,
		Args:    cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) (err error) {
			request := &tapiov1.GetChangesRequest{}
			if request.Types, err = enumWords[tapiov1.ObservedChange_Type]("type", "TYPE_", f.types); err != nil {
				return err
			}
			if request.Filter, err = f.filter(); err != nil {
				return err
			}
			if err := f.apply(a, request.Filter, listedPerPage); err != nil {
				return err
			}
			return a.changeTable().printPages(a, f.format.value, request.Filter, f.limit, func() ([]*tapiov1.ObservedChange, string, error) {
				response, err := call(ctx, a, c.observability.GetChanges, request)
				return response.GetChanges(), response.GetNextPageToken(), err
			})
		}),
	}
	f.filterFlags.add(cmd)
	f.pageFlags.add(cmd, defaultListed, "changes")
	cmd.Flags().StringSliceVar(&f.types, "type", nil, "only deployment, restart, configuration, scale or other")
	addChoice(cmd, cmd.Flags(), &f.format, "output", "o", "output format")
	return cmd
}

func (a *app) changeTable() *table[*tapiov1.ObservedChange] {
	return &table[*tapiov1.ObservedChange]{
		what: "changes", heading: []string{"TIME", "TYPE", "SERVICE", "CHANGE", "EVENT"},
		row: func(c *tapiov1.ObservedChange) []cell {
			return []cell{
				{a.stamp(c.GetTime()), dim},
				{strings.ToLower(strings.TrimPrefix(c.GetType().String(), "TYPE_")), plain},
				{orDash(c.GetService()), cyan},
				{c.GetSummary(), bold},
				{c.GetEventId(), dim},
			}
		},
	}
}
