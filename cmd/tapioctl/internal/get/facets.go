// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	defaultValues      = 10
	defaultGroups      = 20
	defaultDifferences = 20
)

func newGetFacetsCommand(a *app.App) *cobra.Command {
	f, limit := &selector.SelectionFlags{}, uint32(0)
	format := selector.NewChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "facets [LABEL...]",
		Short: "Print the most frequent values of labels, in log records or spans",
		Example: `  tapioctl get facets --severity error --since 1h
  tapioctl get facets --signal traces --service checkout http.route http.response.status_code`,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error {
			selection, err := f.Selection(&a.Out.Clock)
			if err != nil {
				return err
			}
			facets, err := app.Call(ctx, a, c.Observability.GetFacets, &tapiov1.GetFacetsRequest{Selection: selection, Labels: args, Limit: limit})
			if err != nil {
				return err
			}
			printFacets(a.Out, format.Value, facets)
			return nil
		}),
		ValidArgsFunction: a.CompleteLabels,
	}
	f.Add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", defaultValues, "maximum number of values of a label")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func printFacets(o *render.Output, format string, facets *tapiov1.GetFacetsResponse) {
	if format != "table" {
		o.PrintMessage(format, facets)
		return
	}
	var rows [][]render.Cell
	for _, facet := range facets.GetFacets() {
		for i, v := range facet.GetValues() {
			label := ""
			if i == 0 {
				label = facet.GetLabel()
			}
			share := float64(v.GetRecordCount()) / float64(max(facets.GetTotalCount(), 1))
			rows = append(rows, []render.Cell{
				{Text: label, Paint: render.Bold},
				{Text: render.OrDash(v.GetValue()), Paint: render.Cyan},
				{Text: render.Thousands(v.GetRecordCount()), Paint: render.Plain},
				{Text: render.ShareText(share), Paint: render.Plain},
				{Text: approximate(facet.GetEstimated()), Paint: render.Dim},
			})
		}
	}
	o.NoteIfNone(len(rows), "labels")
	if len(rows) > 0 {
		o.PrintTable([]string{"LABEL", "VALUE", "RECORDS", "SHARE", ""}, rows)
	}
}

func approximate(estimated bool) string {
	if estimated {
		return "estimated"
	}
	return ""
}

func newGetHitsCommand(a *app.App) *cobra.Command {
	f := &selector.SelectionFlags{}
	var (
		groupBy    string
		resolution time.Duration
		limit      uint32
	)
	format := selector.NewChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "hits",
		Short: "Count log records or spans over time, in total or by label",
		Example: `  tapioctl get hits --since 1h --resolution 5m --group-by severity
  tapioctl get hits --signal traces --error --group-by service`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			selection, err := f.Selection(&a.Out.Clock)
			if err != nil {
				return err
			}
			request := &tapiov1.CountRecordsRequest{Selection: selection, GroupBy: groupBy, Limit: limit}
			if resolution != 0 {
				request.Resolution = durationpb.New(resolution)
			}
			counts, err := app.Call(ctx, a, c.Observability.CountRecords, request)
			if err != nil {
				return err
			}
			printCounts(a.Out, format.Value, groupBy, counts)
			return nil
		}),
	}
	f.Add(cmd)
	cmd.Flags().StringVar(&groupBy, "group-by", "", "label, or severity, name, status or kind")
	cmd.Flags().DurationVar(&resolution, "resolution", 0, "width of a bucket of time; 0: one bucket")
	cmd.Flags().Uint32Var(&limit, "limit", defaultGroups, "maximum number of groups; those with the most records are kept")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	a.CompleteFlag(cmd, "group-by", a.CompleteLabels)
	return cmd
}

func printCounts(o *render.Output, format, groupBy string, counts *tapiov1.CountRecordsResponse) {
	if format != "table" {
		o.PrintMessage(format, counts)
		return
	}
	var rows [][]render.Cell
	for _, group := range counts.GetGroups() {
		value := render.OrDash(group.GetValue())
		if group.GetOthers() {
			value = "(others)"
		}
		for _, bucket := range group.GetBuckets() {
			row := []render.Cell{{Text: o.Stamp(bucket.GetStartTime()), Paint: render.Dim}}
			if groupBy != "" {
				row = append(row, render.Cell{Text: value, Paint: render.Cyan})
			}
			rows = append(rows, append(row, render.Cell{Text: render.Thousands(bucket.GetCount()), Paint: render.Bold}))
		}
	}
	o.NoteIfNone(len(rows), "records")
	if len(rows) == 0 {
		return
	}
	heading := []string{"FROM", "RECORDS"}
	if groupBy != "" {
		heading = []string{"FROM", groupBy, "RECORDS"}
	}
	o.PrintTable(heading, rows)
}

// NewCompareCommand makes `tapioctl compare`.
func NewCompareCommand(a *app.App) *cobra.Command {
	f := &selector.SelectionFlags{}
	var (
		labels        []string
		baseline      selector.TimeFlags
		baselineWhere []string
		limit         uint32
	)
	format := selector.NewChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Print which attribute values are more frequent in a selection than in its baseline",
		Long: `Print which attribute values are more frequent in a selection of log records or
spans than in its baseline: by default all other records of the same time.`,
		Example: `  tapioctl compare --signal traces --service checkout --error --since 15m
  tapioctl compare --signal traces --min-duration 1s --baseline-selector service=checkout
  tapioctl compare --severity error --since 10m --baseline-since 2h --baseline-until 1h`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			request := &tapiov1.CompareAttributesRequest{Labels: labels, Limit: limit}
			var err error
			if request.Selection, err = f.Selection(&a.Out.Clock); err != nil {
				return err
			}
			if request.Baseline, err = baselineOf(a, request.Selection, baseline, baselineWhere); err != nil {
				return err
			}
			response, err := app.Call(ctx, a, c.Observability.CompareAttributes, request)
			if err != nil {
				return err
			}
			printComparison(a.Out, format.Value, response)
			return nil
		}),
	}
	f.Add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&baseline.Since, "baseline-since", "", "the baseline starts at this time, "+selector.TimeForms)
	flags.StringVar(&baseline.Until, "baseline-until", "", "the baseline ends at this time, "+selector.TimeForms)
	flags.StringArrayVar(&baselineWhere, "baseline-selector", nil, "label selectors of the baseline, as --selector; repeatable")
	flags.StringSliceVar(&labels, "label", nil, "only these labels")
	flags.Uint32Var(&limit, "limit", defaultDifferences, "maximum number of differences")
	selector.AddChoice(cmd, flags, &format, "output", "o", "output format")
	a.CompleteFlag(cmd, "label", a.CompleteLabels)
	return cmd
}

// baselineOf returns nil for the server's default.
func baselineOf(a *app.App, of *tapiov1.RecordSelection, over selector.TimeFlags, where []string) (*tapiov1.RecordSelection, error) {
	if over == (selector.TimeFlags{}) && len(where) == 0 {
		return nil, nil
	}
	times, err := over.TimeRange(&a.Out.Clock)
	if err != nil {
		return nil, err
	}
	if times == nil {
		times = of.GetFilter().GetTimeRange()
	}
	filter := &tapiov1.Filter{TimeRange: times}
	for _, text := range where {
		selectors, err := selector.Parse(text)
		if err != nil {
			return nil, err
		}
		filter.LabelSelectors = append(filter.LabelSelectors, selectors...)
	}
	return &tapiov1.RecordSelection{Signal: of.GetSignal(), Filter: filter}, nil
}

func printComparison(o *render.Output, format string, response *tapiov1.CompareAttributesResponse) {
	if format != "table" {
		o.PrintMessage(format, response)
		return
	}
	o.Note("%s selected, %s in the baseline", render.Thousands(response.GetSelectionCount()), render.Thousands(response.GetBaselineCount()))
	differences := &render.Table[*tapiov1.AttributeDifference]{
		What: "differences", Heading: []string{"LABEL", "VALUE", "SELECTION", "BASELINE", "DIFFERENCE", "RECORDS"},
		Row: func(d *tapiov1.AttributeDifference) []render.Cell {
			return []render.Cell{
				{Text: d.GetLabel(), Paint: render.Bold},
				{Text: render.OrDash(d.GetValue()), Paint: render.Cyan},
				{Text: render.ShareText(d.GetSelectionShare()), Paint: render.Plain},
				{Text: render.ShareText(d.GetBaselineShare()), Paint: render.Plain},
				{Text: fmt.Sprintf("%+.1f%%", 100*d.GetDivergence()), Paint: render.Bold},
				{Text: render.Thousands(d.GetSelectionCount()), Paint: render.Plain},
			}
		},
	}
	differences.Print(o, format, response.GetDifferences())
}
