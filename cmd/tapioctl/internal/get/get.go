// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// NewCommand makes `tapioctl get`.
func NewCommand(a *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Print stored telemetry and findings; list services, labels, collectors and more",
		RunE:  app.NeedSubcommand,
	}
	cmd.AddCommand(
		newGetRecordsCommand(a, "logs", "Print stored log records without an event name, the newest first"),
		newGetRecordsCommand(a, "events", "Print stored events (records with an event name), the newest first"),
		newGetEventCommand(a), newGetTracesCommand(a), newGetTraceCommand(a), newGetMetricsCommand(a),
		newGetCorrelationsCommand(a), newGetGroupsCommand(a), newGetInsightsCommand(a),
		newGetCollectorsCommand(a), newGetSLOsCommand(a), newGetReceiversCommand(a), newGetCostCommand(a),
		newGetServicesCommand(a), newGetOperationsCommand(a), newGetGraphCommand(a), newGetChangesCommand(a),
		newGetMetricNamesCommand(a), newGetLabelsCommand(a), newGetLabelValuesCommand(a), newGetFacetsCommand(a), newGetHitsCommand(a),
	)
	return cmd
}

// eventByID looks a record up by its id or, among the newest records, by the
// beginning of its id.
func eventByID(ctx context.Context, a *app.App, c app.Clients, id string) (*tapiov1.GetEventByIdResponse, error) {
	response, err := app.Call(ctx, a, c.Tapio.GetEventById, &tapiov1.GetEventByIdRequest{Id: id})
	if status.Code(err) != codes.NotFound || len(id) < app.MinPrefix {
		return response, err
	}
	full, prefixErr := app.FindEventID(ctx, a, c, id)
	if prefixErr != nil || full == "" {
		return nil, cmp.Or(prefixErr, err)
	}
	return app.Call(ctx, a, c.Tapio.GetEventById, &tapiov1.GetEventByIdRequest{Id: full})
}

func newGetEventCommand(a *app.App) *cobra.Command {
	format := selector.NewRecordFormat("dict")
	cmd := &cobra.Command{
		Use:     "event ID",
		Short:   "Print one stored record by its id or the beginning of it",
		Example: "  tapioctl get event 01J8ZQ -o json",
		Args:    app.OneArgument("ID"),
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error {
			response, err := eventByID(ctx, a, c, args[0])
			if err != nil {
				return err
			}
			printer := render.NewRecordPrinter(a.Out, format.Value)
			return printer.Print(render.Batch{Raw: response, Events: []*tapiov1.Event{response.GetEvent()}})
		}),
	}
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}
