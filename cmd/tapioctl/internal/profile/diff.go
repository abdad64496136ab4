// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// baselineFlags select what to compare with.
type baselineFlags struct {
	selectors  []string
	times      selector.TimeFlags
	slow       bool
	percentile float64
	slowerThan time.Duration
}

func (f *baselineFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.selectors, "baseline-selector", nil, "label selectors of the baseline, instead of --selector; --service and --namespace apply to both; repeatable")
	flags.StringVar(&f.times.Since, "baseline-since", "", "compare with profiles since this time, "+selector.TimeForms)
	flags.StringVar(&f.times.Until, "baseline-until", "", "compare with profiles before this time, "+selector.TimeForms)
	flags.BoolVar(&f.slow, "slow", false, "compare slow requests with fast ones, by the duration of their traces")
	flags.Float64Var(&f.percentile, "slow-percentile", 0, "with --slow: requests are slow from this percentile of their durations on (default 90)")
	flags.DurationVar(&f.slowerThan, "slower-than", 0, "compare requests that take at least this long with faster ones, for example 500ms")
}

// apply makes the filter of the baseline: that of the request, with what the flags replace.
func (f *baselineFlags) apply(c *render.Clock, request *tapiov1.AnalyzeProfileRequest) error {
	chosen := len(f.selectors) > 0 || f.times != (selector.TimeFlags{})
	if f.percentile != 0 && !f.slow {
		return exitcode.UsageErrorf("--slow-percentile needs --slow")
	}
	if f.slow || f.slowerThan != 0 {
		if chosen {
			return exitcode.UsageErrorf("--slow and --slower-than exclude the flags --baseline-*: fast requests are the baseline")
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
		return exitcode.UsageErrorf("missing flag: --baseline-selector, --baseline-since, --baseline-until, --slow, --slower-than or --incident, what to compare with")
	}
	filter := proto.CloneOf(request.GetFilter())
	if filter == nil {
		filter = &tapiov1.Filter{}
	}
	if len(f.selectors) > 0 {
		filter.LabelSelectors = nil
	}
	for _, text := range f.selectors {
		selectors, err := selector.Parse(text)
		if err != nil {
			return err
		}
		filter.LabelSelectors = append(filter.LabelSelectors, selectors...)
	}
	if f.times != (selector.TimeFlags{}) {
		var err error
		if filter.TimeRange, err = f.times.TimeRange(c); err != nil {
			return err
		}
	}
	request.BaselineFilter = filter
	return nil
}

func newProfileDiffCommand(a *app.App) *cobra.Command {
	f, baseline := &profileFlags{}, &baselineFlags{}
	format := selector.NewChoice("table", "table", "json", "yaml")
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
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			if limit == 0 {
				return exitcode.UsageErrorf("--limit must be 1 or more")
			}
			var fault error
			response, name, err := analyzeProfile(ctx, a, c, f, func(request *tapiov1.AnalyzeProfileRequest) {
				request.Top, request.Order = limit, tapiov1.ProfileOrder_PROFILE_ORDER_CHANGE
				fault = baseline.apply(&a.Out.Clock, request)
			})
			if fault != nil {
				return fault
			}
			if err != nil {
				return err
			}
			printChanges(a.Out, format.Value, name, response)
			return nil
		}),
	}
	f.add(cmd)
	baseline.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", 20, "maximum number of functions to print")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func printChanges(o *render.Output, format, sampleType string, response *tapiov1.AnalyzeProfileResponse) {
	if response.GetBaselineSummary().GetSampleCount() == 0 {
		o.Note("the baseline has no samples of %s", sampleType)
	}
	noteQuality(o, response.GetSummary())
	if format != "table" {
		o.PrintMessage(format, response)
		return
	}
	if s := response.GetDurationSplit(); s != nil {
		o.Note("slow: %s of %v or longer; fast: %s", render.Plural(uint64(s.GetSlowCount()), "request"),
			render.ShortDuration(s.GetThreshold().AsDuration()), render.Plural(uint64(s.GetFastCount()), "request"))
	}
	unit := response.GetSampleUnit()
	changes := &render.Table[*tapiov1.AnalyzeProfileResponse_FunctionCost]{
		What: "samples of " + sampleType, Heading: []string{"CHANGE", "SELF", "BASELINE", "TOTAL CHANGE", "FUNCTION", "FILE"},
		Row: func(f *tapiov1.AnalyzeProfileResponse_FunctionCost) []render.Cell {
			paint := render.Green
			if f.GetSelfDelta() > 0 {
				paint = render.Red
			}
			return []render.Cell{
				{Text: changeText(f.GetSelfDelta(), unit), Paint: paint},
				{Text: costText(f.GetSelfValue(), unit), Paint: render.Plain},
				{Text: costText(f.GetSelfValue()-f.GetSelfDelta(), unit), Paint: render.Plain},
				{Text: changeText(f.GetTotalDelta(), unit), Paint: render.Plain},
				{Text: f.GetFunction(), Paint: render.Bold},
				{Text: render.OrDash(f.GetFile()), Paint: render.Dim},
			}
		},
	}
	changes.Print(o, format, response.GetFunctions())
}

func changeText(delta float64, unit string) string {
	if delta > 0 {
		return "+" + costText(delta, unit)
	}
	return costText(delta, unit)
}

func newProfileFunctionCommand(a *app.App) *cobra.Command {
	f := &profileFlags{}
	format := selector.NewChoice("tree", "tree", "json", "yaml")
	var limit uint32
	cmd := &cobra.Command{
		Use:     "function NAME",
		Short:   "Print what calls a function and what it calls, with their costs",
		Example: `  tapioctl profile function runtime.mallocgc --service checkout --since 15m`,
		Args:    cobra.ExactArgs(1),
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error {
			if limit == 0 {
				return exitcode.UsageErrorf("--limit must be 1 or more")
			}
			response, _, err := analyzeProfile(ctx, a, c, f, func(request *tapiov1.AnalyzeProfileRequest) {
				request.Top, request.Function, request.MaxNodes = 1, args[0], limit
			})
			if err != nil {
				return err
			}
			noteQuality(a.Out, response.GetSummary())
			if format.Value != "tree" {
				a.Out.PrintMessage(format.Value, response)
				return nil
			}
			if len(response.GetCallees()) == 0 {
				a.Out.Note("no samples of %q found: tapioctl profile top lists the functions", args[0])
				return nil
			}
			printCallTree(a.Out, "callers", response.GetCallers(), response.GetSampleUnit())
			printCallTree(a.Out, "callees", response.GetCallees(), response.GetSampleUnit())
			return nil
		}),
	}
	f.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", 40, "maximum number of callers, and of callees, to print")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

// printCallTree prints a line for each node, indented by its depth.
func printCallTree(o *render.Output, title string, tree []*tapiov1.CallTreeNode, unit string) {
	fmt.Fprintf(o, "%s of %s\n", title, render.OneLine(tree[0].GetFunction()))
	whole := max(tree[0].GetTotalValue(), 1)
	depths := make([]int, len(tree))
	for i, node := range tree {
		if parent := node.GetParent(); parent >= 0 {
			depths[i] = depths[parent] + 1
		}
		fmt.Fprintf(o, "  %6.1f%%  %10s  %s%s\n", 100*node.GetTotalValue()/whole, costText(node.GetTotalValue(), unit),
			strings.Repeat("  ", depths[i]), render.OneLine(node.GetFunction()))
	}
}
