// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// noteIncident prints what an incident selected.
func noteIncident(o *render.Output, response *tapiov1.AnalyzeProfileResponse) {
	selected := response.GetIncidentFilter()
	if selected == nil {
		return
	}
	between := selected.GetTimeRange()
	o.Note("%s from %s to %s", render.OrDash(strings.Join(selected.GetServices(), ", ")), o.Stamp(between.GetStart()), o.Stamp(between.GetEnd()))
	if baseline := response.GetIncidentBaseline(); baseline != nil {
		o.Note("compared with %s to %s", o.Stamp(baseline.GetStart()), o.Stamp(baseline.GetEnd()))
	}
}

// printCostGroups prints the cost for each value of a label.
func printCostGroups(o *render.Output, label, sampleType string, response *tapiov1.AnalyzeProfileResponse) {
	unit := response.GetSampleUnit()
	groups := &render.Table[*tapiov1.ProfileGroup]{
		What: "samples of " + sampleType, Heading: []string{"TOTAL", "TOTAL%", strings.ToUpper(label), "SAMPLES", "TOP FUNCTION", "SELF"},
		Row: func(g *tapiov1.ProfileGroup) []render.Cell {
			value := render.Cell{Text: render.OneLine(g.GetValue()), Paint: render.Bold}
			if g.GetNoValue() {
				value = render.Cell{Text: "-", Paint: render.Dim}
			}
			return []render.Cell{
				{Text: costText(g.GetTotalValue(), unit), Paint: render.Plain},
				{Text: render.ShareText(g.GetShare()), Paint: render.Yellow},
				value,
				{Text: render.Thousands(g.GetSampleCount()), Paint: render.Plain},
				{Text: render.OrDash(render.OneLine(g.GetTopFunction())), Paint: render.Plain},
				{Text: costText(g.GetTopFunctionValue(), unit), Paint: render.Plain},
			}
		},
	}
	groups.Print(o, "table", response.GetGroups())
	if more := response.GetMoreGroups(); more > 0 {
		o.Note("%s of %s are not listed: raise --limit", render.Plural(more, "value"), label)
	}
}

func newProfileTracesCommand(a *app.App) *cobra.Command {
	f := &profileFlags{}
	format := selector.NewChoice("table", "table", "json", "yaml")
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
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			if limit == 0 {
				return exitcode.UsageErrorf("--limit must be 1 or more")
			}
			response, name, err := analyzeProfile(ctx, a, c, f, func(request *tapiov1.AnalyzeProfileRequest) {
				request.Top, request.MaxTraces, request.Function = 1, limit, function
			})
			if err != nil {
				return err
			}
			if format.Value != "table" {
				a.Out.PrintMessage(format.Value, response)
				return nil
			}
			if len(response.GetTraces()) == 0 && response.GetSummary().GetSampleCount() > 0 {
				a.Out.Note("none of the selected samples is linked to a trace")
			}
			newTraceTable(a.Out, name, response.GetSampleUnit()).Print(a.Out, format.Value, response.GetTraces())
			return nil
		}),
	}
	f.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", 20, "maximum number of traces to print, 1 to 1000")
	cmd.Flags().StringVar(&function, "function", "", "only samples with this function on their stack")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func newTraceTable(o *render.Output, sampleType, unit string) *render.Table[*tapiov1.ProfileTrace] {
	return &render.Table[*tapiov1.ProfileTrace]{
		What: "samples of " + sampleType + " of traces", Heading: []string{"COST", "COST%", "DURATION", "TIME", "SERVICE", "OPERATION", "TOP FUNCTION", "TRACE"},
		Row: func(t *tapiov1.ProfileTrace) []render.Cell {
			duration, began := "-", "-"
			if t.GetDuration() != nil {
				duration, began = render.ShortDuration(t.GetDuration().AsDuration()), o.Stamp(t.GetStartTime())
			}
			return []render.Cell{
				{Text: costText(t.GetTotalValue(), unit), Paint: render.Plain},
				{Text: render.ShareText(t.GetShare()), Paint: render.Yellow},
				{Text: duration, Paint: render.Plain},
				{Text: began, Paint: render.Dim},
				{Text: render.OrDash(render.OneLine(t.GetService())), Paint: render.Cyan},
				{Text: render.OrDash(render.OneLine(t.GetOperation())), Paint: render.Bold},
				{Text: render.OrDash(render.OneLine(t.GetTopFunction())), Paint: render.Plain},
				{Text: t.GetTraceId(), Paint: render.Dim},
			}
		},
	}
}
