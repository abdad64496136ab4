// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newProfileAdviceCommand(a *app) *cobra.Command {
	f := &profileFlags{}
	format := newChoice("text", "text", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "advice",
		Short: "Print known causes of cost in the selected profiles, and what to do about them",
		Example: `  tapioctl profile advice --service checkout --since 15m
  tapioctl profile advice --service checkout --type mutex_duration -o json`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			response, name, err := a.analyzeProfile(ctx, c, f, func(request *tapiov1.AnalyzeProfileRequest) { request.Top = 1 })
			if err != nil {
				return err
			}
			response.Functions = nil
			a.noteWarnings(response)
			if format.value != "text" {
				a.printMessage(format.value, response)
				return nil
			}
			switch {
			case response.GetSummary().GetSampleCount() == 0:
				a.noteIfNone(0, "samples of "+name)
			case len(response.GetBottlenecks()) == 0:
				a.note("no rule reports a bottleneck in the samples of %s", name)
			}
			a.printBottlenecks(response)
			return nil
		}),
	}
	f.add(cmd)
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

// noteWarnings prints what makes a profile less reliable.
func (a *app) noteWarnings(response *tapiov1.AnalyzeProfileResponse) {
	for _, warning := range response.GetWarnings() {
		a.note("%s", oneLine(warning))
	}
}

// printBottlenecks prints a paragraph for each.
func (a *app) printBottlenecks(response *tapiov1.AnalyzeProfileResponse) {
	for i, b := range response.GetBottlenecks() {
		if i > 0 {
			a.write("\n")
		}
		fmt.Fprintf(a.out, "%s %s  %s\n", a.paint(yellow, shareText(b.GetShare())), a.paint(bold, oneLine(b.GetTitle())),
			a.paint(dim, fmt.Sprintf("%s, above %s", oneLine(b.GetRule()), shareText(b.GetThreshold()))))
		a.printFrames("functions", b.GetFunctions())
		a.printFrames("called by", b.GetCallers())
		fmt.Fprintf(a.out, "  why: %s\n  do:  %s\n", oneLine(b.GetExplanation()), oneLine(b.GetAdvice()))
	}
}

// framesShown is how many functions of a bottleneck are printed.
const framesShown = 3

func (a *app) printFrames(title string, frames []*tapiov1.ProfileBottleneck_Frame) {
	if len(frames) == 0 {
		return
	}
	texts := make([]string, 0, framesShown)
	for _, f := range frames[:min(len(frames), framesShown)] {
		texts = append(texts, fmt.Sprintf("%s %s", oneLine(f.GetFunction()), shareText(f.GetShare())))
	}
	fmt.Fprintf(a.out, "  %s: %s\n", title, strings.Join(texts, ", "))
}
