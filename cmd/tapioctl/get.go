// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newGetCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Print stored telemetry and findings, or list what there is: services, labels, collectors, ...",
		RunE:  needSubcommand,
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

// pageFlags bound an answer that comes in pages.
type pageFlags struct {
	timeFlags
	limit       uint32
	oldestFirst bool
}

func (f *pageFlags) add(cmd *cobra.Command, limit uint32, what string) {
	f.timeFlags.add(cmd)
	cmd.Flags().Uint32Var(&f.limit, "limit", limit, "most "+what+" to print")
	cmd.Flags().BoolVar(&f.oldestFirst, "oldest-first", false, "print the oldest first")
}

// apply puts the flags into a filter.
func (f *pageFlags) apply(a *app, filter *tapiov1.Filter, maxPage uint32) error {
	if f.limit == 0 {
		return usageErrorf("--limit must be 1 or more")
	}
	var err error
	filter.TimeRange, err = f.timeRange(a)
	filter.Limit = min(f.limit, maxPage)
	filter.Ascending = f.oldestFirst
	return err
}

// eachPage fetches page after page until limit rows are there or no more are
// stored. fetch is told how many rows are still wanted and returns how many it
// took. Only the page token may change between pages.
func eachPage(filter *tapiov1.Filter, limit uint32, fetch func(wanted int) (took int, next string, err error)) error {
	for wanted := int(limit); wanted > 0; {
		took, next, err := fetch(wanted)
		if err != nil {
			return err
		}
		if next == "" || next == filter.GetPageToken() {
			return nil
		}
		filter.PageToken = next
		wanted -= took
	}
	return nil
}

// firstOf cuts a list to its first n entries.
func firstOf[T any](n int, list []T) []T { return list[:min(n, len(list))] }

// eventByID looks a record up by its id or, among the newest records, by the
// beginning of its id.
func (a *app) eventByID(ctx context.Context, c clients, id string) (*tapiov1.GetEventByIdResponse, error) {
	response, err := call(ctx, a, c.tapio.GetEventById, &tapiov1.GetEventByIdRequest{Id: id})
	if status.Code(err) != codes.NotFound || len(id) < minPrefix {
		return response, err
	}
	full, prefixErr := a.eventID(ctx, c, id)
	if prefixErr != nil || full == "" {
		return nil, cmp.Or(prefixErr, err)
	}
	return call(ctx, a, c.tapio.GetEventById, &tapiov1.GetEventByIdRequest{Id: full})
}

func newGetEventCommand(a *app) *cobra.Command {
	format := newRecordFormat("dict")
	cmd := &cobra.Command{
		Use:     "event ID",
		Short:   "Print one stored record by its id or the beginning of it",
		Example: "  tapioctl get event 01J8ZQ -o json",
		Args:    oneArgument("ID"),
		RunE: a.connected(func(ctx context.Context, c clients, args []string) error {
			response, err := a.eventByID(ctx, c, args[0])
			if err != nil {
				return err
			}
			printer := a.recordPrinter(format.value)
			return printer.print(batch{raw: response, events: []*tapiov1.Event{response.GetEvent()}})
		}),
	}
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}
