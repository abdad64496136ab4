// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/get"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// topFlags are those of top.
type topFlags struct {
	interval time.Duration
	count    int
}

func newTopCommand(a *app.App) *cobra.Command {
	f := &topFlags{}
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch what the server receives, stores and refuses",
		Long: "Watch what the server receives, stores and refuses, and its collectors. On a terminal the picture is\n" +
			"renewed in place until Ctrl-C; else one picture follows the other.",
		Example: "  tapioctl top\n  tapioctl top --interval 5s --count 3 > figures.txt",
		Args:    cobra.NoArgs,
		RunE:    a.Connected(func(ctx context.Context, c app.Clients, _ []string) error { return runTop(ctx, a, c, f) }),
	}
	cmd.Flags().DurationVar(&f.interval, "interval", 2*time.Second, "time between pictures")
	cmd.Flags().IntVar(&f.count, "count", 0, "end after so many pictures; 0: go on")
	return cmd
}

// picture is the server's figures at one moment.
type picture struct {
	at         time.Time
	figures    *tapiov1.TapioServiceGetMetricsResponse
	collectors *tapiov1.ListCollectorsResponse // nil: the server has no registry
}

func runTop(ctx context.Context, a *app.App, c app.Clients, f *topFlags) error {
	if f.interval < 100*time.Millisecond {
		return exitcode.UsageErrorf("--interval must be 100ms or more, is %v", f.interval)
	}
	now, err := look(ctx, a, c)
	if err != nil {
		return err // before the terminal is touched
	}
	if !a.Out.Terminal {
		return eachPicture(ctx, a, c, f, now, func(now, before *picture) { printTop(a, now, before) })
	}
	a.Out.WriteText(render.EnterScreen)
	var last, beforeLast *picture
	err = eachPicture(ctx, a, c, f, now, func(now, before *picture) {
		a.Out.WriteText(render.Redraw)
		printTop(a, now, before)
		last, beforeLast = now, before
	})
	a.Out.WriteText(render.LeaveScreen)
	printTop(a, last, beforeLast) // which stays on the terminal
	return err
}

// eachPicture shows picture after picture, from the first on.
func eachPicture(ctx context.Context, a *app.App, c app.Clients, f *topFlags, now *picture, show func(now, before *picture)) error {
	var before *picture
	for n := 1; ; n++ {
		show(now, before)
		if err := a.Out.Flush(); err != nil {
			return exitcode.WriteError(err)
		}
		if n == f.count || a.Sleep(ctx, f.interval) != nil {
			return nil
		}
		next, err := look(ctx, a, c)
		if err != nil {
			return app.QuietOnInterrupt(ctx, err)
		}
		before, now = now, next
	}
}

func look(ctx context.Context, a *app.App, c app.Clients) (*picture, error) {
	figures, err := app.Call(ctx, a, c.Tapio.GetMetrics, &tapiov1.TapioServiceGetMetricsRequest{})
	if err != nil {
		return nil, err
	}
	now := &picture{at: figures.GetTime().AsTime(), figures: figures}
	now.collectors, err = app.Call(ctx, a, c.Collectors.ListCollectors, &tapiov1.ListCollectorsRequest{
		OrderBy: "last_seen_at desc", Filter: &tapiov1.Filter{Limit: 10},
	})
	if err != nil {
		now.collectors = nil
	}
	return now, nil
}

func printTop(a *app.App, now, before *picture) {
	f := now.figures
	fmt.Fprintf(a.Out, "%s at %s   heap %s   %s   %s   %s\n\n", a.Out.Paint(render.Bold, "tapio"), a.Flags.Server,
		render.Size(f.GetHeapBytes()), render.Plural(f.GetGoroutineCount(), "goroutine"), render.Plural(f.GetOpenStreamCount(), "stream"),
		render.Plural(f.GetOpenConnectionCount(), "connection"))
	printSignals(a.Out, now, before)
	a.Out.WriteText("\n")
	printWrites(a.Out, now, before)
	if now.collectors != nil && len(now.collectors.GetCollectors()) > 0 {
		fmt.Fprintf(a.Out, "\ncollectors: %s\n", get.StateCounts(now.collectors.GetStateCounts()))
		get.PrintCollectors(a.Out, now.collectors.GetCollectors())
	}
	a.Out.WriteText("\n")
}

func printSignals(o *render.Output, now, before *picture) {
	var rows [][]render.Cell
	for i, s := range now.figures.GetStore() {
		rate := "-"
		if before != nil && i < len(before.figures.GetStore()) {
			rate = perSecond(s.GetAppendedCount(), before.figures.GetStore()[i].GetAppendedCount(), now.at.Sub(before.at))
		}
		rows = append(rows, render.Cells(s.GetSignal(), rate, render.Thousands(s.GetRecordCount()), render.Size(s.GetSizeBytes()),
			share(s.GetSizeBytes(), s.GetCapacityBytes()), render.Reasons(s.GetEvictedCounts()), render.Reasons(s.GetRefusedCounts())))
	}
	o.PrintTable([]string{"SIGNAL", "STORED/S", "HELD", "SIZE", "FULL", "EVICTED", "REFUSED"}, rows)
}

// printWrites prints what the API itself receives.
func printWrites(o *render.Output, now, before *picture) {
	f, rate := now.figures, "-"
	if before != nil {
		rate = perSecond(f.GetAcceptedRecordCount(), before.figures.GetAcceptedRecordCount(), now.at.Sub(before.at))
	}
	fmt.Fprintf(o, "writes: %s/s, %s in hand, acknowledged in %s (median) and %s (99 of 100), sent again %s\n", rate,
		render.Size(f.GetInFlightBytes()), render.ShortDuration(f.GetAckLatencyP50().AsDuration()), render.ShortDuration(f.GetAckLatencyP99().AsDuration()),
		render.Thousands(f.GetDuplicateBatchCount()))
	fmt.Fprintf(o, "refused: records %s; calls %s; streams %s; lost by slow readers %s\n",
		render.Reasons(f.GetRejectedRecordCounts()), render.Reasons(f.GetRejectedCallCounts()), render.Reasons(f.GetDroppedStreamCounts()),
		render.Thousands(f.GetLostRecordCount()))
	if counts := f.GetFindingCounts(); counts != nil { // an older server reports none
		fmt.Fprintf(o, "found: %s, %s, %s, updates included\n", render.Plural(counts[semconv.EventCorrelation], "correlation"),
			render.Plural(counts[semconv.EventSemanticGroup], "group"), render.Plural(counts[semconv.EventInsight], "insight"))
	}
}

func perSecond(now, before uint64, passed time.Duration) string {
	if now < before || passed <= 0 { // it was restarted
		return "-"
	}
	return render.Thousands(uint64(float64(now-before)/passed.Seconds() + 0.5))
}
