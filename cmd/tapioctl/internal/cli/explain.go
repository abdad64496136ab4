// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newExplainCommand(a *app.App) *cobra.Command {
	format := selector.NewChoice("tree", "tree", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "explain [ID|latest]",
		Short: "Explain one incident: what happened, why, who is affected, what to do",
		Long: `Explain one incident: what happened, the candidates for the cause, how the fault
spread from the cause to the last effect with the evidence of each step, who is
affected, and what to do.

ID is the id of an incident or of an insight about it, or the beginning of one;
without it, or with "latest", the newest incident is explained. Times are in
UTC, as in the text.`,
		Example: "  tapioctl explain\n  tapioctl explain g-5f2c1a",
		Args:    cobra.MaximumNArgs(1),
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error {
			a.Out.Zone = time.UTC
			group, insights, err := findIncident(ctx, a, c, append(args, app.Latest)[0])
			if err != nil {
				return err
			}
			if format.Value != "tree" {
				a.Out.PrintMessage(format.Value, group)
				return nil
			}
			render.PrintExplanation(a.Out, group, insights)
			return nil
		}),
	}
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

// findIncident looks for the incident of the id, for the one that an insight of
// the id is about, and for an id that begins like this.
func findIncident(ctx context.Context, a *app.App, c app.Clients, id string) (*tapiov1.SemanticGroup, []*tapiov1.Insight, error) {
	group, err := groupByID(ctx, a, c, id)
	if err == nil && group == nil {
		group, err = groupOfInsight(ctx, a, c, id)
	}
	if err == nil && group == nil {
		var full string
		if full, err = app.FindGroupID(ctx, a, c, id); err == nil && full != "" {
			group, err = groupByID(ctx, a, c, full)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if group == nil && id == app.Latest {
		return nil, nil, &exitcode.Error{Code: exitcode.Refused, Message: "no incidents found"}
	}
	if group == nil {
		return nil, nil, &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf(
			"no incident or insight %q found: it does not exist or was evicted; see tapioctl get groups", id)}
	}
	insights, err := app.Call(ctx, a, c.Tapio.GetInsights, &tapiov1.GetInsightsRequest{GroupId: group.GetId()})
	return group, insights.GetInsights(), err
}

func groupByID(ctx context.Context, a *app.App, c app.Clients, id string) (*tapiov1.SemanticGroup, error) {
	response, err := app.Call(ctx, a, c.Tapio.GetSemanticGroups, &tapiov1.GetSemanticGroupsRequest{GroupIds: []string{id}})
	if err != nil || len(response.GetGroups()) == 0 {
		return nil, err
	}
	return response.GetGroups()[0], nil
}

func groupOfInsight(ctx context.Context, a *app.App, c app.Clients, id string) (*tapiov1.SemanticGroup, error) {
	byID := []*tapiov1.Filter_LabelSelector{{Key: semconv.FindingID, Values: []string{id}}}
	response, err := app.Call(ctx, a, c.Tapio.GetInsights, &tapiov1.GetInsightsRequest{Filter: &tapiov1.Filter{LabelSelectors: byID, Limit: 1}})
	if err != nil || len(response.GetInsights()) == 0 {
		return nil, err
	}
	return groupByID(ctx, a, c, response.GetInsights()[0].GetGroupId())
}
