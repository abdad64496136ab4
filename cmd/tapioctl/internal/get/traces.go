// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type getTracesFlags struct {
	selector.FilterFlags
	selector.PageFlags
	selector.SpanFlags
	ids    []string
	format selector.Choice
}

func newGetTracesCommand(a *app.App) *cobra.Command {
	f := &getTracesFlags{format: selector.NewChoice("table", "table", "json", "jsonpb", "yaml")}
	cmd := &cobra.Command{
		Use:   "traces",
		Short: "Print stored traces, the newest first",
		Long:  "Print stored traces that have a span for which all conditions hold, the newest\nfirst.",
		Example: `  tapioctl get traces --service checkout --error --since 15m
  tapioctl get traces --operation 'GET /api/*' --min-duration 500ms`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error { return getTraces(ctx, a, c, f) }),
	}
	f.FilterFlags.Add(cmd)
	f.PageFlags.Add(cmd, app.DefaultTraces, "traces")
	flags := cmd.Flags()
	flags.StringSliceVar(&f.ids, "id", nil, "only these traces, 32 hex digits each")
	f.SpanFlags.Add(cmd, "with a span")
	selector.AddChoice(cmd, flags, &f.format, "output", "o", "output format")
	return cmd
}

func (f *getTracesFlags) query(c *render.Clock) (*tapiov1.TraceQuery, error) {
	filter, err := f.Filter()
	if err != nil {
		return nil, err
	}
	if err := f.Apply(c, filter, app.TracesPerPage); err != nil {
		return nil, err
	}
	return f.Query(filter, f.ids), nil
}

func getTraces(ctx context.Context, a *app.App, c app.Clients, f *getTracesFlags) error {
	query, err := f.query(&a.Out.Clock)
	if err != nil {
		return err
	}
	var rows [][]render.Cell
	count := 0
	err = app.EachPage(query.GetFilter(), f.Limit, func(wanted int) (int, string, error) {
		response, err := app.Call(ctx, a, c.Observability.GetTraces, &tapiov1.GetTracesRequest{Query: query, SummariesOnly: f.format.Value == "table"})
		if err != nil {
			return 0, "", err
		}
		response.Traces = render.FirstOf(wanted, response.GetTraces())
		count += len(response.GetTraces())
		if f.format.Value == "jsonpb" {
			return len(response.GetTraces()), response.GetNextPageToken(), a.Out.PrintRawJSON(response)
		}
		for _, trace := range response.GetTraces() {
			if f.format.Value == "table" {
				rows = append(rows, traceRow(a.Out, trace))
			} else {
				a.Out.PrintMessage(f.format.Value, trace)
			}
		}
		return len(response.GetTraces()), response.GetNextPageToken(), nil
	})
	if len(rows) > 0 { // what came before an error is still true
		a.Out.PrintTable([]string{"TRACE", "START", "DURATION", "SPANS", "ERRORS", "SERVICE", "OPERATION", "SERVICES"}, rows)
	}
	if err == nil {
		a.Out.NoteIfNone(count, "traces")
	}
	return err
}

func traceRow(o *render.Output, trace *tapiov1.Trace) []render.Cell {
	failures := render.Cell{Text: strconv.FormatUint(trace.GetErrorCount(), 10), Paint: render.Plain}
	if trace.GetErrorCount() > 0 {
		failures.Paint = render.Red
	}
	return []render.Cell{
		{Text: trace.GetTraceId(), Paint: render.Plain},
		{Text: o.Stamp(trace.GetStartTime()), Paint: render.Dim},
		{Text: render.ShortDuration(trace.GetDuration().AsDuration()), Paint: render.Plain},
		{Text: strconv.FormatUint(trace.GetSpanCount(), 10), Paint: render.Plain},
		failures,
		{Text: render.OrDash(trace.GetRootService()), Paint: render.Cyan},
		{Text: render.OrDash(trace.GetRootName()), Paint: render.Bold},
		{Text: strings.Join(trace.GetServices(), ","), Paint: render.Dim},
	}
}
