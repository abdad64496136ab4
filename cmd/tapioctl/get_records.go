// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	defaultRecords = 100
	recordsPerPage = 1000
)

type getRecordsFlags struct {
	filterFlags
	pageFlags
	traceID string
	format  choice
}

func newGetRecordsCommand(a *app, noun, short string) *cobra.Command {
	f := &getRecordsFlags{format: newRecordFormat("table")}
	cmd := &cobra.Command{
		Use:     noun,
		Short:   short,
		Example: "  tapioctl get " + noun + " --service checkout --severity error --since 1h --limit 50",
		Args:    cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			return a.getRecords(ctx, c, f, noun)
		}),
	}
	f.addForRecords(cmd)
	f.pageFlags.add(cmd, defaultRecords, "records")
	if noun == "logs" {
		f.addWithEvents(cmd)
		cmd.Flags().StringVar(&f.traceID, "trace", "", "only records of this trace, 32 hex digits")
	}
	addChoice(cmd, cmd.Flags(), &f.format, "output", "o", "output format")
	return cmd
}

func (a *app) getRecords(ctx context.Context, c clients, f *getRecordsFlags, noun string) error {
	filter, err := f.filter()
	if err != nil {
		return err
	}
	if err := f.apply(a, filter, recordsPerPage); err != nil {
		return err
	}
	fetch := a.fetchLogs(ctx, c, &tapiov1.GetLogsRequest{
		Filter: filter, TraceId: f.traceID, ExcludeEvents: !f.includesEvents() && f.traceID == "",
	})
	if noun == "events" {
		fetch = a.fetchEvents(ctx, c, &tapiov1.GetEventsRequest{Filter: filter})
	}
	printer := a.recordPrinter(f.format.value)
	count := 0
	err = eachPage(filter, f.limit, func(wanted int) (int, string, error) {
		page, next, err := fetch(wanted)
		if err != nil {
			return 0, "", err
		}
		count += len(page.events)
		return len(page.events), next, printer.print(page)
	})
	if err == nil {
		a.noteIfNone(count, noun)
	}
	return err
}

// fetchRecords fetches one page and cuts it to what is wanted.
type fetchRecords func(wanted int) (page batch, next string, err error)

func (a *app) fetchLogs(ctx context.Context, c clients, request *tapiov1.GetLogsRequest) fetchRecords {
	return func(wanted int) (batch, string, error) {
		response, err := call(ctx, a, c.observability.GetLogs, request)
		if err != nil {
			return batch{}, "", err
		}
		response.Logs = firstOf(wanted, response.GetLogs())
		return batch{raw: response, events: response.GetLogs()}, response.GetNextPageToken(), nil
	}
}

func (a *app) fetchEvents(ctx context.Context, c clients, request *tapiov1.GetEventsRequest) fetchRecords {
	return func(wanted int) (batch, string, error) {
		response, err := call(ctx, a, c.tapio.GetEvents, request)
		if err != nil {
			return batch{}, "", err
		}
		response.Events = firstOf(wanted, response.GetEvents())
		return batch{raw: response, events: response.GetEvents()}, response.GetNextPageToken(), nil
	}
}
