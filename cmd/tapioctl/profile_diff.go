// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// baselineFlags select what to compare with.
type baselineFlags struct {
	selectors  []string
	times      timeFlags
	slow       bool
	percentile float64
	slowerThan time.Duration
}

func (f *baselineFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.selectors, "baseline-selector", nil, "compare with what these label selectors find besides --service and --namespace, instead of --selector; repeatable")
	flags.StringVar(&f.times.since, "baseline-since", "", "compare with what is at most this old, "+timeForms)
	flags.StringVar(&f.times.until, "baseline-until", "", "compare with what is older than this, "+timeForms)
	flags.BoolVar(&f.slow, "slow", false, "compare slow requests with fast ones, by the duration of their traces")
	flags.Float64Var(&f.percentile, "slow-percentile", 0, "with --slow: requests are slow from this percentile of their durations on (default 90)")
	flags.DurationVar(&f.slowerThan, "slower-than", 0, "compare requests that take at least this long with faster ones, for example 500ms")
}

// apply makes the filter of the baseline: that of the request, with what the flags replace.
func (f *baselineFlags) apply(a *app, request *tapiov1.AnalyzeProfileRequest) error {
	chosen := len(f.selectors) > 0 || f.times != (timeFlags{})
	if f.percentile != 0 && !f.slow {
		return usageErrorf("--slow-percentile needs --slow")
	}
	if f.slow || f.slowerThan != 0 {
		if chosen {
			return usageErrorf("--slow and --slower-than exclude the flags --baseline-*: fast requests are the baseline")
		}
		request.SplitByDuration = &tapiov1.ProfileDurationSplit{Percentile: f.percentile}
		if f.slowerThan != 0 {
			request.SplitByDuration.SlowerThan = durationpb.New(f.slowerThan)
		}
		return nil
	}
	if !chosen && request.GetIncidentId() != "" {
		return nil // the server chooses
	}
	if !chosen {
		return usageErrorf("missing flag: --baseline-selector, --baseline-since, --baseline-until, --slow, --slower-than or --incident, what to compare with")
	}
	filter := proto.CloneOf(request.GetFilter())
	if filter == nil {
		filter = &tapiov1.Filter{}
	}
	if len(f.selectors) > 0 {
		filter.LabelSelectors = nil
	}
	for _, text := range f.selectors {
		selectors, err := parseSelectors(text)
		if err != nil {
			return err
		}
		filter.LabelSelectors = append(filter.LabelSelectors, selectors...)
	}
	if f.times != (timeFlags{}) {
		var err error
		if filter.TimeRange, err = f.times.timeRange(a); err != nil {
			return err
		}
	}
	request.BaselineFilter = filter
	return nil
}

func newProfileDiffCommand(a *app) *cobra.Command {
	f, baseline := &profileFlags{}, &baselineFlags{}
	format := newChoice("table", "table", "json", "yaml")
	var limit uint32
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Print the functions whose cost changed most between two selections",
		Long: `Print the functions whose own cost changed most. The baseline is scaled to the
same profiled time or, of profiles without a duration, to the same number of profiles.
Slow and fast requests are compared per request. An incident is compared with the same
time of an earlier day, if enough is stored, or else with the time before it.`,
		Example: `  tapioctl profile diff --service checkout --since 15m --baseline-since 24h --baseline-until 23h45m
  tapioctl profile diff --service checkout -l service.version=1.1 --baseline-selector service.version=1.0
  tapioctl profile diff --service checkout --since 1h --slow
  tapioctl profile diff --incident 4f3c2a1b`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			if limit == 0 {
				return usageErrorf("--limit must be 1 or more")
			}
			var fault error
			response, name, err := a.analyzeProfile(ctx, c, f, func(request *tapiov1.AnalyzeProfileRequest) {
				request.Top, request.Order = limit, tapiov1.ProfileOrder_PROFILE_ORDER_CHANGE
				fault = baseline.apply(a, request)
			})
			if fault != nil {
				return fault
			}
			if err != nil {
				return err
			}
			a.printChanges(format.value, name, response)
			return nil
		}),
	}
	f.add(cmd)
	baseline.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", 20, "most functions to print")
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func (a *app) printChanges(format, sampleType string, response *tapiov1.AnalyzeProfileResponse) {
	if response.GetBaselineSummary().GetSampleCount() == 0 {
		a.note("the baseline has no samples of %s", sampleType)
	}
	a.noteQuality(response.GetSummary())
	if format != "table" {
		a.printMessage(format, response)
		return
	}
	if s := response.GetDurationSplit(); s != nil {
		a.note("slow: %s of %v or longer; fast: %s", plural(uint64(s.GetSlowCount()), "request"),
			shortDuration(s.GetThreshold().AsDuration()), plural(uint64(s.GetFastCount()), "request"))
	}
	unit := response.GetSampleUnit()
	changes := &table[*tapiov1.AnalyzeProfileResponse_FunctionCost]{
		what: "samples of " + sampleType, heading: []string{"CHANGE", "SELF", "BASELINE", "TOTAL CHANGE", "FUNCTION", "FILE"},
		row: func(f *tapiov1.AnalyzeProfileResponse_FunctionCost) []cell {
			paint := green
			if f.GetSelfDelta() > 0 {
				paint = red
			}
			return []cell{
				{changeText(f.GetSelfDelta(), unit), paint},
				{costText(f.GetSelfValue(), unit), plain},
				{costText(f.GetSelfValue()-f.GetSelfDelta(), unit), plain},
				{changeText(f.GetTotalDelta(), unit), plain},
				{f.GetFunction(), bold},
				{orDash(f.GetFile()), dim},
			}
		},
	}
	changes.print(a, format, response.GetFunctions())
}

func changeText(delta float64, unit string) string {
	if delta > 0 {
		return "+" + costText(delta, unit)
	}
	return costText(delta, unit)
}

func newProfileFunctionCommand(a *app) *cobra.Command {
	f := &profileFlags{}
	format := newChoice("tree", "tree", "json", "yaml")
	var limit uint32
	cmd := &cobra.Command{
		Use:     "function NAME",
		Short:   "Print what calls a function and what it calls, with their costs",
		Example: `  tapioctl profile function runtime.mallocgc --service checkout --since 15m`,
		Args:    cobra.ExactArgs(1),
		RunE: a.connected(func(ctx context.Context, c clients, args []string) error {
			if limit == 0 {
				return usageErrorf("--limit must be 1 or more")
			}
			response, _, err := a.analyzeProfile(ctx, c, f, func(request *tapiov1.AnalyzeProfileRequest) {
				request.Top, request.Function, request.MaxNodes = 1, args[0], limit
			})
			if err != nil {
				return err
			}
			a.noteQuality(response.GetSummary())
			if format.value != "tree" {
				a.printMessage(format.value, response)
				return nil
			}
			if len(response.GetCallees()) == 0 {
				a.note("no samples of %q found: tapioctl profile top lists the functions", args[0])
				return nil
			}
			a.printCallTree("callers", response.GetCallers(), response.GetSampleUnit())
			a.printCallTree("callees", response.GetCallees(), response.GetSampleUnit())
			return nil
		}),
	}
	f.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", 40, "most callers and most callees to print")
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

// printCallTree prints a line for each node, indented by its depth.
func (a *app) printCallTree(title string, tree []*tapiov1.CallTreeNode, unit string) {
	fmt.Fprintf(a.out, "%s of %s\n", title, oneLine(tree[0].GetFunction()))
	whole := max(tree[0].GetTotalValue(), 1)
	depths := make([]int, len(tree))
	for i, node := range tree {
		if parent := node.GetParent(); parent >= 0 {
			depths[i] = depths[parent] + 1
		}
		fmt.Fprintf(a.out, "  %6.1f%%  %10s  %s%s\n", 100*node.GetTotalValue()/whole, costText(node.GetTotalValue(), unit),
			strings.Repeat("  ", depths[i]), oneLine(node.GetFunction()))
	}
}
