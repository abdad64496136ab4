// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	defaultPoints = 100
	pointsPerPage = 1000
)

type getMetricsFlags struct {
	selector.MetricFlags
	oldestFirst bool
	format      selector.Choice
}

func newGetMetricsCommand(a *app.App) *cobra.Command {
	f := &getMetricsFlags{format: selector.NewChoice("table", "table", "wide", "json", "jsonpb", "yaml")}
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Print stored metric points or, with --aggregation, series made of them",
		Long: `Print the newest stored metric points or, with --aggregation, one value for each
window and group.

-o wide also prints exemplars, each with the trace that it links to, for
"tapioctl get trace".

-o json prints one OTLP/JSON ResourceMetrics (or, with an aggregation, one
series) a line.`,
		Example: `  tapioctl get metrics --name 'http.server.*' --service checkout
  tapioctl get metrics --name http.server.request.duration --aggregation p95 --group-by service,pod --resolution 1m --since 1h`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error { return getMetrics(ctx, a, c, f) }),
	}
	f.Add(cmd, defaultPoints, "maximum number of points or, with an aggregation, series to print")
	cmd.Flags().BoolVar(&f.oldestFirst, "oldest-first", false, "print the oldest points first; without an aggregation")
	selector.AddChoice(cmd, cmd.Flags(), &f.format, "output", "o", "output format")
	return cmd
}

func getMetrics(ctx context.Context, a *app.App, c app.Clients, f *getMetricsFlags) error {
	if f.Limit == 0 {
		return exitcode.UsageErrorf("--limit must be 1 or more")
	}
	query, err := f.Query(&a.Out.Clock)
	if err != nil {
		return err
	}
	request := &tapiov1.GetMetricsRequest{Query: query}
	if f.Aggregates() {
		query.Filter.Limit = f.Limit
		return getSeries(ctx, a, c, request, f.format.Value)
	}
	query.Filter.Limit = min(f.Limit, pointsPerPage)
	query.Filter.Ascending = f.oldestFirst
	return getPoints(ctx, a, c, request, f)
}

func getSeries(ctx context.Context, a *app.App, c app.Clients, request *tapiov1.GetMetricsRequest, format string) error {
	response, err := app.Call(ctx, a, c.Observability.GetMetrics, request)
	if err != nil {
		return err
	}
	a.Out.NoteIfNone(len(response.GetSeries()), "series")
	if n := response.GetTruncatedSeries(); n > 0 {
		a.Out.Note("%s more series left out: raise --limit or narrow the question", render.Thousands(n))
	}
	noteManyWriters(a.Out, response.GetSeries())
	switch format {
	case "jsonpb":
		return a.Out.PrintRawJSON(response)
	case "json", "yaml":
		for _, series := range response.GetSeries() {
			a.Out.PrintMessage(format, series)
		}
	default:
		printSeries(a.Out, response.GetSeries(), request.GetQuery().GetGroupBy())
		render.PrintSeriesExemplars(a.Out, response.GetSeries(), request.GetQuery().GetGroupBy(), format == "wide")
	}
	return nil
}

// noteManyWriters reports figures that may be wrong because two processes write
// to one series.
func noteManyWriters(o *render.Output, list []*tapiov1.MetricSeries) {
	for _, series := range list {
		if n := series.GetMultipleWriterSeriesCount(); n > 0 {
			o.Note("metric %q: %s of %s series have more than one writer: give each process a service.instance.id of its own",
				series.GetMetricName(), render.Thousands(n), render.Thousands(series.GetSourceSeriesCount()))
		}
	}
}

func printSeries(o *render.Output, list []*tapiov1.MetricSeries, groupBy []string) {
	if len(list) == 0 {
		return
	}
	heading := append([]string{"TIME", "METRIC"}, groupBy...)
	heading = append(heading, "VALUE", "UNIT", "SAMPLES")
	var rows [][]render.Cell
	for _, series := range list {
		for _, point := range series.GetPoints() {
			row := []render.Cell{{Text: o.Stamp(point.GetTime()), Paint: render.Dim}, {Text: series.GetMetricName(), Paint: render.Plain}}
			for _, label := range groupBy {
				row = append(row, render.Cell{Text: render.OrDash(series.GetLabels()[label]), Paint: render.Cyan})
			}
			row = append(row, render.Cell{Text: render.Rounded(point.GetValue()), Paint: render.Bold}, render.Cell{Text: render.OrDash(series.GetUnit()), Paint: render.Plain},
				render.Cell{Text: strconv.FormatUint(point.GetSampleCount(), 10), Paint: render.Plain})
			rows = append(rows, row)
		}
	}
	o.PrintTable(heading, rows)
}

func getPoints(ctx context.Context, a *app.App, c app.Clients, request *tapiov1.GetMetricsRequest, f *getMetricsFlags) error {
	var points []render.MetricPoint
	count := 0
	err := app.EachPage(request.GetQuery().GetFilter(), f.Limit, func(wanted int) (int, string, error) {
		response, err := app.Call(ctx, a, c.Observability.GetMetrics, request)
		if err != nil {
			return 0, "", err
		}
		took := render.CutPoints(response.GetResourceMetrics(), wanted)
		count += took
		switch f.format.Value {
		case "jsonpb":
			err = a.Out.PrintRawJSON(response)
		case "json", "yaml":
			for _, resource := range response.GetResourceMetrics() {
				a.Out.PrintMessage(f.format.Value, resource)
			}
		default:
			points = append(points, render.PointsOf(response.GetResourceMetrics())...)
		}
		return took, response.GetNextPageToken(), err
	})
	if len(points) > 0 { // what came before an error is still true
		render.PrintPoints(a.Out, points, f.oldestFirst, f.format.Value == "wide")
	}
	if err == nil {
		a.Out.NoteIfNone(count, "metric points")
	}
	return err
}
