// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type getRecordsFlags struct {
	selector.FilterFlags
	selector.PageFlags
	traceID string
	format  selector.Choice
}

func newGetRecordsCommand(a *app.App, noun, short string) *cobra.Command {
	f := &getRecordsFlags{format: selector.NewRecordFormat("table")}
	cmd := &cobra.Command{
		Use:     noun,
		Short:   short,
		Example: "  tapioctl get " + noun + " --service checkout --severity error --since 1h --limit 50",
		Args:    cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			return getRecords(ctx, a, c, f, noun)
		}),
	}
	f.AddForRecords(cmd)
	f.PageFlags.Add(cmd, app.DefaultRecords, "records")
	if noun == "logs" {
		f.AddWithEvents(cmd)
		cmd.Flags().StringVar(&f.traceID, "trace", "", "only records of this trace, 32 hex digits")
	}
	selector.AddChoice(cmd, cmd.Flags(), &f.format, "output", "o", "output format")
	return cmd
}

func getRecords(ctx context.Context, a *app.App, c app.Clients, f *getRecordsFlags, noun string) error {
	filter, err := f.Filter()
	if err != nil {
		return err
	}
	if err := f.Apply(&a.Out.Clock, filter, app.RecordsPerPage); err != nil {
		return err
	}
	fetch := fetchLogs(ctx, a, c, &tapiov1.GetLogsRequest{
		Filter: filter, TraceId: f.traceID, ExcludeEvents: !f.IncludesEvents() && f.traceID == "",
	})
	if noun == "events" {
		fetch = fetchEvents(ctx, a, c, &tapiov1.GetEventsRequest{Filter: filter})
	}
	printer := render.NewRecordPrinter(a.Out, f.format.Value)
	count := 0
	err = app.EachPage(filter, f.Limit, func(wanted int) (int, string, error) {
		page, next, err := fetch(wanted)
		if err != nil {
			return 0, "", err
		}
		count += len(page.Events)
		return len(page.Events), next, printer.Print(page)
	})
	if err == nil {
		a.Out.NoteIfNone(count, noun)
	}
	return err
}

// fetchRecords fetches one page and cuts it to what is wanted.
type fetchRecords func(wanted int) (page render.Batch, next string, err error)

func fetchLogs(ctx context.Context, a *app.App, c app.Clients, request *tapiov1.GetLogsRequest) fetchRecords {
	return func(wanted int) (render.Batch, string, error) {
		response, err := app.Call(ctx, a, c.Observability.GetLogs, request)
		if err != nil {
			return render.Batch{}, "", err
		}
		response.Logs = render.FirstOf(wanted, response.GetLogs())
		return render.Batch{Raw: response, Events: response.GetLogs()}, response.GetNextPageToken(), nil
	}
}

func fetchEvents(ctx context.Context, a *app.App, c app.Clients, request *tapiov1.GetEventsRequest) fetchRecords {
	return func(wanted int) (render.Batch, string, error) {
		response, err := app.Call(ctx, a, c.Tapio.GetEvents, request)
		if err != nil {
			return render.Batch{}, "", err
		}
		response.Events = render.FirstOf(wanted, response.GetEvents())
		return render.Batch{Raw: response, Events: response.GetEvents()}, response.GetNextPageToken(), nil
	}
}
