// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	defaultValues      = 10
	defaultGroups      = 20
	defaultDifferences = 20
)

func newGetFacetsCommand(a *app) *cobra.Command {
	f, limit := &selectionFlags{}, uint32(0)
	format := newChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "facets [LABEL...]",
		Short: "Print the most frequent values of labels, in log records or spans",
		Example: `  tapioctl get facets --severity error --since 1h
  tapioctl get facets --signal traces --service checkout http.route http.response.status_code`,
		RunE: a.connected(func(ctx context.Context, c clients, args []string) error {
			selection, err := f.selection(a)
			if err != nil {
				return err
			}
			facets, err := call(ctx, a, c.observability.GetFacets, &tapiov1.GetFacetsRequest{Selection: selection, Labels: args, Limit: limit})
			if err != nil {
				return err
			}
			a.printFacets(format.value, facets)
			return nil
		}),
		ValidArgsFunction: a.completeLabels,
	}
	f.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", defaultValues, "most values of a label")
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func (a *app) printFacets(format string, facets *tapiov1.GetFacetsResponse) {
	if format != "table" {
		a.printMessage(format, facets)
		return
	}
	var rows [][]cell
	for _, facet := range facets.GetFacets() {
		for i, v := range facet.GetValues() {
			label := ""
			if i == 0 {
				label = facet.GetLabel()
			}
			share := float64(v.GetRecordCount()) / float64(max(facets.GetTotalCount(), 1))
			rows = append(rows, []cell{
				{label, bold},
				{orDash(v.GetValue()), cyan},
				{thousands(v.GetRecordCount()), plain},
				{shareText(share), plain},
				{approximate(facet.GetEstimated()), dim},
			})
		}
	}
	a.noteIfNone(len(rows), "labels")
	if len(rows) > 0 {
		a.printTable([]string{"LABEL", "VALUE", "RECORDS", "SHARE", ""}, rows)
	}
}

func approximate(estimated bool) string {
	if estimated {
		return "estimated"
	}
	return ""
}

func newGetHitsCommand(a *app) *cobra.Command {
	f := &selectionFlags{}
	var (
		groupBy    string
		resolution time.Duration
		limit      uint32
	)
	format := newChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "hits",
		Short: "Count log records or spans over time, in all or by a label",
		Example: `  tapioctl get hits --since 1h --resolution 5m --group-by severity
  tapioctl get hits --signal traces --error --group-by service`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			selection, err := f.selection(a)
			if err != nil {
				return err
			}
			request := &tapiov1.CountRecordsRequest{Selection: selection, GroupBy: groupBy, Limit: limit}
			if resolution != 0 {
				request.Resolution = durationpb.New(resolution)
			}
			counts, err := call(ctx, a, c.observability.CountRecords, request)
			if err != nil {
				return err
			}
			a.printCounts(format.value, groupBy, counts)
			return nil
		}),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&groupBy, "group-by", "", "label, or severity, name, status or kind")
	cmd.Flags().DurationVar(&resolution, "resolution", 0, "width of a bucket of time; 0: one bucket")
	cmd.Flags().Uint32Var(&limit, "limit", defaultGroups, "most groups, those with the most records")
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	a.completeFlag(cmd, "group-by", a.completeLabels)
	return cmd
}

func (a *app) printCounts(format, groupBy string, counts *tapiov1.CountRecordsResponse) {
	if format != "table" {
		a.printMessage(format, counts)
		return
	}
	var rows [][]cell
	for _, group := range counts.GetGroups() {
		value := orDash(group.GetValue())
		if group.GetOthers() {
			value = "(others)"
		}
		for _, bucket := range group.GetBuckets() {
			row := []cell{{a.stamp(bucket.GetStartTime()), dim}}
			if groupBy != "" {
				row = append(row, cell{value, cyan})
			}
			rows = append(rows, append(row, cell{thousands(bucket.GetCount()), bold}))
		}
	}
	a.noteIfNone(len(rows), "records")
	if len(rows) == 0 {
		return
	}
	heading := []string{"FROM", "RECORDS"}
	if groupBy != "" {
		heading = []string{"FROM", groupBy, "RECORDS"}
	}
	a.printTable(heading, rows)
}

func newCompareCommand(a *app) *cobra.Command {
	f := &selectionFlags{}
	var (
		labels        []string
		baseline      timeFlags
		baselineWhere []string
		limit         uint32
	)
	format := newChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Print which attribute values are more frequent in a selection than in its baseline",
		Long: `Print which attribute values are more frequent in a selection of log records or
spans than in its baseline: by default all other records of the same time.`,
		Example: `  tapioctl compare --signal traces --service checkout --error --since 15m
  tapioctl compare --signal traces --min-duration 1s --baseline-selector service=checkout
  tapioctl compare --severity error --since 10m --baseline-since 2h --baseline-until 1h`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			request := &tapiov1.CompareAttributesRequest{Labels: labels, Limit: limit}
			var err error
			if request.Selection, err = f.selection(a); err != nil {
				return err
			}
			if request.Baseline, err = baselineOf(a, request.Selection, baseline, baselineWhere); err != nil {
				return err
			}
			response, err := call(ctx, a, c.observability.CompareAttributes, request)
			if err != nil {
				return err
			}
			a.printComparison(format.value, response)
			return nil
		}),
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&baseline.since, "baseline-since", "", "the baseline is at most this old, "+timeForms)
	flags.StringVar(&baseline.until, "baseline-until", "", "the baseline is older than this, "+timeForms)
	flags.StringArrayVar(&baselineWhere, "baseline-selector", nil, "label selectors of the baseline, as --selector; repeatable")
	flags.StringSliceVar(&labels, "label", nil, "only these labels")
	flags.Uint32Var(&limit, "limit", defaultDifferences, "most differences")
	addChoice(cmd, flags, &format, "output", "o", "output format")
	a.completeFlag(cmd, "label", a.completeLabels)
	return cmd
}

// baselineOf returns nil for the server's default.
func baselineOf(a *app, of *tapiov1.RecordSelection, over timeFlags, where []string) (*tapiov1.RecordSelection, error) {
	if over == (timeFlags{}) && len(where) == 0 {
		return nil, nil
	}
	times, err := over.timeRange(a)
	if err != nil {
		return nil, err
	}
	if times == nil {
		times = of.GetFilter().GetTimeRange()
	}
	filter := &tapiov1.Filter{TimeRange: times}
	for _, text := range where {
		selectors, err := parseSelectors(text)
		if err != nil {
			return nil, err
		}
		filter.LabelSelectors = append(filter.LabelSelectors, selectors...)
	}
	return &tapiov1.RecordSelection{Signal: of.GetSignal(), Filter: filter}, nil
}

func (a *app) printComparison(format string, response *tapiov1.CompareAttributesResponse) {
	if format != "table" {
		a.printMessage(format, response)
		return
	}
	a.note("%s selected, %s in the baseline", thousands(response.GetSelectionCount()), thousands(response.GetBaselineCount()))
	differences := &table[*tapiov1.AttributeDifference]{
		what: "differences", heading: []string{"LABEL", "VALUE", "SELECTION", "BASELINE", "DIFFERENCE", "RECORDS"},
		row: func(d *tapiov1.AttributeDifference) []cell {
			return []cell{
				{d.GetLabel(), bold},
				{orDash(d.GetValue()), cyan},
				{shareText(d.GetSelectionShare()), plain},
				{shareText(d.GetBaselineShare()), plain},
				{fmt.Sprintf("%+.1f%%", 100*d.GetDivergence()), bold},
				{thousands(d.GetSelectionCount()), plain},
			}
		},
	}
	differences.print(a, format, response.GetDifferences())
}
