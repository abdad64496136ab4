// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	defaultPoints = 100
	pointsPerPage = 1000
)

type getMetricsFlags struct {
	metricFlags
	oldestFirst bool
	format      choice
}

func newGetMetricsCommand(a *app) *cobra.Command {
	f := &getMetricsFlags{format: newChoice("table", "table", "wide", "json", "jsonpb", "yaml")}
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
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error { return a.getMetrics(ctx, c, f) }),
	}
	f.add(cmd, defaultPoints, "most points or, with an aggregation, series to print")
	cmd.Flags().BoolVar(&f.oldestFirst, "oldest-first", false, "print the oldest points first; without an aggregation")
	addChoice(cmd, cmd.Flags(), &f.format, "output", "o", "output format")
	return cmd
}

func (a *app) getMetrics(ctx context.Context, c clients, f *getMetricsFlags) error {
	if f.limit == 0 {
		return usageErrorf("--limit must be 1 or more")
	}
	query, err := f.query(a)
	if err != nil {
		return err
	}
	request := &tapiov1.GetMetricsRequest{Query: query}
	if f.aggregates() {
		query.Filter.Limit = f.limit
		return a.getSeries(ctx, c, request, f.format.value)
	}
	query.Filter.Limit = min(f.limit, pointsPerPage)
	query.Filter.Ascending = f.oldestFirst
	return a.getPoints(ctx, c, request, f)
}

func (a *app) getSeries(ctx context.Context, c clients, request *tapiov1.GetMetricsRequest, format string) error {
	response, err := call(ctx, a, c.observability.GetMetrics, request)
	if err != nil {
		return err
	}
	a.noteIfNone(len(response.GetSeries()), "series")
	if n := response.GetTruncatedSeries(); n > 0 {
		a.note("%s more series left out: raise --limit or narrow the question", thousands(n))
	}
	a.noteManyWriters(response.GetSeries())
	switch format {
	case "jsonpb":
		return a.printRawJSON(response)
	case "json", "yaml":
		for _, series := range response.GetSeries() {
			a.printMessage(format, series)
		}
	default:
		a.printSeries(response.GetSeries(), request.GetQuery().GetGroupBy())
		a.printSeriesExemplars(response.GetSeries(), request.GetQuery().GetGroupBy(), format == "wide")
	}
	return nil
}

// noteManyWriters reports figures that may be wrong because two processes write
// to one series.
func (a *app) noteManyWriters(list []*tapiov1.MetricSeries) {
	for _, series := range list {
		if n := series.GetMultipleWriterSeriesCount(); n > 0 {
			a.note("metric %q: %s of %s series have more than one writer: give each process a service.instance.id of its own",
				series.GetMetricName(), thousands(n), thousands(series.GetSourceSeriesCount()))
		}
	}
}

func (a *app) printSeries(list []*tapiov1.MetricSeries, groupBy []string) {
	if len(list) == 0 {
		return
	}
	heading := append([]string{"TIME", "METRIC"}, groupBy...)
	heading = append(heading, "VALUE", "UNIT", "SAMPLES")
	var rows [][]cell
	for _, series := range list {
		for _, point := range series.GetPoints() {
			row := []cell{{a.stamp(point.GetTime()), dim}, {series.GetMetricName(), plain}}
			for _, label := range groupBy {
				row = append(row, cell{orDash(series.GetLabels()[label]), cyan})
			}
			row = append(row, cell{rounded(point.GetValue()), bold}, cell{orDash(series.GetUnit()), plain},
				cell{strconv.FormatUint(point.GetSampleCount(), 10), plain})
			rows = append(rows, row)
		}
	}
	a.printTable(heading, rows)
}

func (a *app) getPoints(ctx context.Context, c clients, request *tapiov1.GetMetricsRequest, f *getMetricsFlags) error {
	var points []metricPoint
	count := 0
	err := eachPage(request.GetQuery().GetFilter(), f.limit, func(wanted int) (int, string, error) {
		response, err := call(ctx, a, c.observability.GetMetrics, request)
		if err != nil {
			return 0, "", err
		}
		took := cutPoints(response.GetResourceMetrics(), wanted)
		count += took
		switch f.format.value {
		case "jsonpb":
			err = a.printRawJSON(response)
		case "json", "yaml":
			for _, resource := range response.GetResourceMetrics() {
				a.printMessage(f.format.value, resource)
			}
		default:
			points = append(points, pointsOf(response.GetResourceMetrics())...)
		}
		return took, response.GetNextPageToken(), err
	})
	if len(points) > 0 { // what came before an error is still true
		a.printPoints(points, f.oldestFirst, f.format.value == "wide")
	}
	if err == nil {
		a.noteIfNone(count, "metric points")
	}
	return err
}
