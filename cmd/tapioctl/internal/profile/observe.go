// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// observeProfilesFlags are those of observe profiles.
type observeProfilesFlags struct {
	selector.FilterFlags
	follow     bool
	sampleType string
	limit      uint32
	interval   time.Duration
	window     time.Duration
	last       uint32
	format     selector.Choice
}

// NewObserveCommand makes `tapioctl observe profiles`.
func NewObserveCommand(a *app.App) *cobra.Command {
	f := &observeProfilesFlags{format: selector.NewChoice("table", "table", "json", "yaml")}
	cmd := &cobra.Command{
		Use:   "profiles",
		Short: "Show the functions that cost most at the moment, and follow them live",
		Long: `Show the functions that cost most in the profiles of the latest --window; with
--follow, again every --interval. On a terminal each list replaces the one before.
With --last the windows before it are printed first, the oldest first.`,
		Example: `  tapioctl observe profiles -f --service checkout
  tapioctl observe profiles -f --type off_cpu --window 5m --interval 10s
  tapioctl observe profiles --last 6 --window 10m`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error { return observeProfiles(ctx, a, c, f) }),
	}
	f.Add(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with the latest window")
	flags.StringVar(&f.sampleType, "type", "", "sample type, for example cpu or off_cpu (default cpu if there is one)")
	flags.Uint32Var(&f.limit, "limit", 20, "maximum number of functions to print")
	flags.DurationVar(&f.interval, "interval", 5*time.Second, "time between two lists")
	flags.DurationVar(&f.window, "window", time.Minute, "how far back each list looks")
	flags.Uint32Var(&f.last, "last", 0, "begin with this number of earlier windows, at most 100")
	selector.AddChoice(cmd, flags, &f.format, "output", "o", "output format")
	return cmd
}

func observeProfiles(ctx context.Context, a *app.App, c app.Clients, f *observeProfilesFlags) error {
	if f.limit == 0 {
		return exitcode.UsageErrorf("--limit must be 1 or more")
	}
	if f.last > maxPastWindows {
		return exitcode.UsageErrorf("--last must be 0 to %d, is %d", maxPastWindows, f.last)
	}
	filter, err := f.Filter()
	if err != nil {
		return err
	}
	selected := &tapiov1.GetProfilesRequest{Filter: filter}
	if f.sampleType != "" {
		selected.SampleTypes = []string{f.sampleType}
	}
	if err := chooseType(ctx, a, c, selected); err != nil {
		return err
	}
	request := &tapiov1.StreamProfilesRequest{
		Filter: filter, SampleType: selected.GetSampleTypes()[0], Top: f.limit,
		Interval: durationpb.New(f.interval), Window: durationpb.New(f.window),
	}
	if err := pastWindows(ctx, a, c, f, request); err != nil || f.last > 0 && !f.follow {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Observability.StreamProfiles(ctx, request)
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		printProfileWindow(a.Out, f, request.GetSampleType(), message)
		if !f.follow {
			return nil
		}
	}
}

// maxPastWindows is the most windows of the past that are printed.
const maxPastWindows = 100

// pastWindows prints the windows before now, the last of which ends now.
func pastWindows(ctx context.Context, a *app.App, c app.Clients, f *observeProfilesFlags, of *tapiov1.StreamProfilesRequest) error {
	now := a.Out.Now()
	past := *f
	past.follow = false // nothing replaces what is printed
	for back := time.Duration(f.last); back > 0; back-- {
		end := now.Add(-(back - 1) * f.window)
		window := &tapiov1.TimeRange{Start: timestamppb.New(end.Add(-f.window)), End: timestamppb.New(end)}
		filter := proto.CloneOf(of.GetFilter())
		filter.TimeRange = window
		analysis, err := app.Call(ctx, a, c.Observability.AnalyzeProfile, &tapiov1.AnalyzeProfileRequest{
			Filter: filter, SampleType: of.GetSampleType(), Top: of.GetTop(),
		})
		if err != nil {
			return err
		}
		printProfileWindow(a.Out, &past, of.GetSampleType(), &tapiov1.StreamProfilesResponse{Analysis: analysis, Window: window})
	}
	return nil
}

// clearScreen moves the cursor to the top left and clears what is below.
const clearScreen = "\x1b[H\x1b[2J"

func printProfileWindow(o *render.Output, f *observeProfilesFlags, sampleType string, message *tapiov1.StreamProfilesResponse) {
	if f.format.Value != "table" {
		o.PrintMessage(f.format.Value, message)
		return
	}
	analysis, end := message.GetAnalysis(), message.GetWindow().GetEnd()
	if f.follow && o.Terminal {
		o.WriteText(clearScreen)
	}
	o.WriteText(o.Stamp(end) + "  " + sampleType + " " + costText(analysis.GetTotalValue(), analysis.GetSampleUnit()) + " in " +
		f.window.String() + ", " + render.Plural(analysis.GetProfileCount(), "profile") + "\n")
	printFunctions(o, f.format.Value, sampleType, analysis)
}
