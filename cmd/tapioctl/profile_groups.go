// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// noteIncident prints what an incident selected.
func (a *app) noteIncident(response *tapiov1.AnalyzeProfileResponse) {
	selected := response.GetIncidentFilter()
	if selected == nil {
		return
	}
	between := selected.GetTimeRange()
	a.note("%s from %s to %s", orDash(strings.Join(selected.GetServices(), ", ")), a.stamp(between.GetStart()), a.stamp(between.GetEnd()))
	if baseline := response.GetIncidentBaseline(); baseline != nil {
		a.note("compared with %s to %s", a.stamp(baseline.GetStart()), a.stamp(baseline.GetEnd()))
	}
}

// printGroups prints the cost for each value of a label.
func (a *app) printGroups(label, sampleType string, response *tapiov1.AnalyzeProfileResponse) {
	unit := response.GetSampleUnit()
	groups := &table[*tapiov1.ProfileGroup]{
		what: "samples of " + sampleType, heading: []string{"TOTAL", "TOTAL%", strings.ToUpper(label), "SAMPLES", "TOP FUNCTION", "SELF"},
		row: func(g *tapiov1.ProfileGroup) []cell {
			value := cell{oneLine(g.GetValue()), bold}
			if g.GetNoValue() {
				value = cell{"-", dim}
			}
			return []cell{
				{costText(g.GetTotalValue(), unit), plain},
				{shareText(g.GetShare()), yellow},
				value,
				{thousands(g.GetSampleCount()), plain},
				{orDash(oneLine(g.GetTopFunction())), plain},
				{costText(g.GetTopFunctionValue(), unit), plain},
			}
		},
	}
	groups.print(a, "table", response.GetGroups())
	if more := response.GetMoreGroups(); more > 0 {
		a.note("%s of %s are not listed: raise --limit", plural(more, "value"), label)
	}
}

func newProfileTracesCommand(a *app) *cobra.Command {
	f := &profileFlags{}
	format := newChoice("table", "table", "json", "yaml")
	var limit uint32
	var function string
	cmd := &cobra.Command{
		Use:   "traces",
		Short: "Print the traces whose samples cost most",
		Long: `Print the traces whose samples cost most, with their durations. With --function only
samples that have the function on their stack count. Only samples that are linked to a
trace are known.`,
		Example: `  tapioctl profile traces --service checkout --since 15m
  tapioctl profile traces --service checkout --function main.hash`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			if limit == 0 {
				return usageErrorf("--limit must be 1 or more")
			}
			response, name, err := a.analyzeProfile(ctx, c, f, func(request *tapiov1.AnalyzeProfileRequest) {
				request.Top, request.MaxTraces, request.Function = 1, limit, function
			})
			if err != nil {
				return err
			}
			if format.value != "table" {
				a.printMessage(format.value, response)
				return nil
			}
			if len(response.GetTraces()) == 0 && response.GetSummary().GetSampleCount() > 0 {
				a.note("none of the selected samples is linked to a trace")
			}
			a.traceCosts(name, response.GetSampleUnit()).print(a, format.value, response.GetTraces())
			return nil
		}),
	}
	f.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", 20, "most traces to print, 1 to 100")
	cmd.Flags().StringVar(&function, "function", "", "only samples with this function on their stack")
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func (a *app) traceCosts(sampleType, unit string) *table[*tapiov1.ProfileTrace] {
	return &table[*tapiov1.ProfileTrace]{
		what: "samples of " + sampleType + " of traces", heading: []string{"COST", "COST%", "DURATION", "TIME", "SERVICE", "OPERATION", "TOP FUNCTION", "TRACE"},
		row: func(t *tapiov1.ProfileTrace) []cell {
			duration, began := "-", "-"
			if t.GetDuration() != nil {
				duration, began = shortDuration(t.GetDuration().AsDuration()), a.stamp(t.GetStartTime())
			}
			return []cell{
				{costText(t.GetTotalValue(), unit), plain},
				{shareText(t.GetShare()), yellow},
				{duration, plain},
				{began, dim},
				{orDash(oneLine(t.GetService())), cyan},
				{orDash(oneLine(t.GetOperation())), bold},
				{orDash(oneLine(t.GetTopFunction())), plain},
				{t.GetTraceId(), dim},
			}
		},
	}
}
