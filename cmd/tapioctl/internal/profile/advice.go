// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newProfileAdviceCommand(a *app.App) *cobra.Command {
	f := &profileFlags{}
	format := selector.NewChoice("text", "text", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "advice",
		Short: "Print known causes of cost in the selected profiles, and what to do about them",
		Example: `  tapioctl profile advice --service checkout --since 15m
  tapioctl profile advice --service checkout --type mutex_duration -o json`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			response, name, err := analyzeProfile(ctx, a, c, f, func(request *tapiov1.AnalyzeProfileRequest) { request.Top = 1 })
			if err != nil {
				return err
			}
			response.Functions = nil
			noteWarnings(a.Out, response)
			if format.Value != "text" {
				a.Out.PrintMessage(format.Value, response)
				return nil
			}
			switch {
			case response.GetSummary().GetSampleCount() == 0:
				a.Out.NoteIfNone(0, "samples of "+name)
			case len(response.GetBottlenecks()) == 0:
				a.Out.Note("no rule reports a bottleneck in the samples of %s", name)
			}
			printBottlenecks(a.Out, response)
			return nil
		}),
	}
	f.add(cmd)
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

// noteWarnings prints what makes a profile less reliable.
func noteWarnings(o *render.Output, response *tapiov1.AnalyzeProfileResponse) {
	for _, warning := range response.GetWarnings() {
		o.Note("%s", render.OneLine(warning))
	}
}

// printBottlenecks prints a paragraph for each.
func printBottlenecks(o *render.Output, response *tapiov1.AnalyzeProfileResponse) {
	for i, b := range response.GetBottlenecks() {
		if i > 0 {
			o.WriteText("\n")
		}
		fmt.Fprintf(o, "%s %s  %s\n", o.Paint(render.Yellow, render.ShareText(b.GetShare())), o.Paint(render.Bold, render.OneLine(b.GetTitle())),
			o.Paint(render.Dim, fmt.Sprintf("%s, above %s", render.OneLine(b.GetRule()), render.ShareText(b.GetThreshold()))))
		printFrames(o, "functions", b.GetFunctions())
		printFrames(o, "called by", b.GetCallers())
		fmt.Fprintf(o, "  why: %s\n  do:  %s\n", render.OneLine(b.GetExplanation()), render.OneLine(b.GetAdvice()))
	}
}

// framesShown is how many functions of a bottleneck are printed.
const framesShown = 3

func printFrames(o *render.Output, title string, frames []*tapiov1.ProfileBottleneck_Frame) {
	if len(frames) == 0 {
		return
	}
	texts := make([]string, 0, framesShown)
	for _, f := range frames[:min(len(frames), framesShown)] {
		texts = append(texts, fmt.Sprintf("%s %s", render.OneLine(f.GetFunction()), render.ShareText(f.GetShare())))
	}
	fmt.Fprintf(o, "  %s: %s\n", title, strings.Join(texts, ", "))
}
