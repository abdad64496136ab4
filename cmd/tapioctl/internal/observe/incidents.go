// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/input"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newObserveIncidentsCommand(a *app.App) *cobra.Command {
	f := &observeFlags{format: selector.NewChoice("text", "text", "table", "json", "yaml")}
	all := false
	cmd := &cobra.Command{
		Use:     "incidents",
		Aliases: []string{"groups"},
		Short:   "Show the latest incidents, and follow them live",
		Long: `Show the latest incidents, the oldest first; with --follow, wait for new ones
and for changes: an incident is printed again when its state, title or cause
changes. Times are in UTC, as in the text of incidents. Observations and planned
changes, which affect no one, are shown with --all.`,
		Example: `  tapioctl observe incidents -f
  tapioctl observe incidents --since 1d -o table`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			a.Out.Zone = time.UTC
			return observeIncidents(ctx, a, c, f, all)
		}),
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "wait for new incidents and changes")
	flags.Uint32Var(&f.last, "last", 0, "begin with the last N incidents (default 20 without --since)")
	flags.StringVar(&f.since, "since", "", "begin with the incidents that go on or ended at most this long ago, "+selector.TimeForms)
	flags.BoolVar(&all, "all", false, "also show observations and planned changes, which affect no one")
	cmd.MarkFlagsMutuallyExclusive("last", "since")
	selector.AddChoice(cmd, flags, &f.format, "output", "o", "output format")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return f.check(cmd.Flags().Changed("last")) }
	return cmd
}

// observeIncidents prints the incidents that are stored and, with --follow, their
// changes.
func observeIncidents(ctx context.Context, a *app.App, c app.Clients, f *observeFlags, all bool) error {
	filter := &tapiov1.Filter{Limit: f.last}
	kinds := []tapiov1.SemanticGroup_Kind{tapiov1.SemanticGroup_KIND_INCIDENT}
	if all {
		kinds = nil
	}
	if f.last == 0 {
		filter.Limit = defaultLast
	}
	if f.since != "" {
		since, err := selector.ParseMoment(&a.Out.Clock, "--since", f.since)
		if err != nil {
			return err
		}
		filter.TimeRange, filter.Limit = &tapiov1.TimeRange{Start: since}, render.FindingsPerPage
	}
	groups, err := app.FetchGroups(ctx, a, c, &tapiov1.GetSemanticGroupsRequest{Filter: filter, Kinds: kinds}, filter.GetLimit())
	if err != nil {
		return err
	}
	slices.Reverse(groups)
	printer := render.NewIncidentPrinter(a.Out, f.format.Value, func(ids []string) ([]*tapiov1.SemanticGroup, error) {
		return app.FetchGroups(ctx, a, c, &tapiov1.GetSemanticGroupsRequest{GroupIds: ids, Kinds: kinds}, uint32(len(ids)))
	})
	for _, group := range groups {
		printer.PrintGroup(group)
	}
	if !f.follow {
		a.Out.NoteIfNone(len(groups), "incidents")
		return nil
	}
	return FollowGroups(ctx, a, c, printer)
}

// overlap is how far before the present the following of changes begins, so that
// none falls between the first list and the stream.
const overlap = 10 * time.Second

// FollowGroups prints the changes of incidents until ctx ends.
func FollowGroups(ctx context.Context, a *app.App, c app.Clients, printer *render.IncidentPrinter) error {
	if err := a.Out.Flush(); err != nil {
		return exitcode.WriteError(err)
	}
	filter := &tapiov1.Filter{EventNames: []string{render.GroupEventName}}
	follower := &follower{
		App: a, tapio: c.Tapio, source: source{"logs", input.OpenEvents(c.Tapio, filter)}, printer: printer,
		begin: beginning{since: a.Out.Now().Add(-overlap)},
	}
	return follower.run(ctx)
}
