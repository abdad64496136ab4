// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// What a terminal does with these. The pictures have a screen of their own, so
// that what stood on the terminal comes back in the end; the cursor is hidden, and
// what is too long for a line is cut. A picture begins in the corner and clears
// what is below, so that it replaces the one before without flicker.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	redraw      = "\x1b[H\x1b[J"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)

// topFlags are those of top.
type topFlags struct {
	interval time.Duration
	count    int
}

func newTopCommand(a *app) *cobra.Command {
	f := &topFlags{}
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch what the server takes in, holds and refuses",
		Long: "Watch what the server takes in, holds and refuses, and its collectors. On a terminal the picture is\n" +
			"renewed in place until Ctrl-C; else one picture follows the other.",
		Example: "  tapioctl top\n  tapioctl top --interval 5s --count 3 > figures.txt",
		Args:    cobra.NoArgs,
		RunE:    a.connected(func(ctx context.Context, c clients, _ []string) error { return a.top(ctx, c, f) }),
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

func (a *app) top(ctx context.Context, c clients, f *topFlags) error {
	if f.interval < 100*time.Millisecond {
		return usageErrorf("--interval must be 100ms or more, is %v", f.interval)
	}
	now, err := a.look(ctx, c)
	if err != nil {
		return err // before the terminal is touched
	}
	if !a.out.terminal {
		return a.eachPicture(ctx, c, f, now, func(now, before *picture) { a.printTop(now, before) })
	}
	a.write(enterScreen)
	var last, beforeLast *picture
	err = a.eachPicture(ctx, c, f, now, func(now, before *picture) {
		a.write(redraw)
		a.printTop(now, before)
		last, beforeLast = now, before
	})
	a.write(leaveScreen)
	a.printTop(last, beforeLast) // which stays on the terminal
	return err
}

// eachPicture shows picture after picture, from the first on.
func (a *app) eachPicture(ctx context.Context, c clients, f *topFlags, now *picture, show func(now, before *picture)) error {
	var before *picture
	for n := 1; ; n++ {
		show(now, before)
		if err := a.out.Flush(); err != nil {
			return writeError(err)
		}
		if n == f.count || a.sleep(ctx, f.interval) != nil {
			return nil
		}
		next, err := a.look(ctx, c)
		if err != nil {
			return quietOnInterrupt(ctx, err)
		}
		before, now = now, next
	}
}

func (a *app) look(ctx context.Context, c clients) (*picture, error) {
	figures, err := call(ctx, a, c.tapio.GetMetrics, &tapiov1.TapioServiceGetMetricsRequest{})
	if err != nil {
		return nil, err
	}
	now := &picture{at: figures.GetTime().AsTime(), figures: figures}
	now.collectors, err = call(ctx, a, c.collectors.ListCollectors, &tapiov1.ListCollectorsRequest{
		OrderBy: "last_seen_at desc", Filter: &tapiov1.Filter{Limit: 10},
	})
	if err != nil {
		now.collectors = nil
	}
	return now, nil
}

func (a *app) printTop(now, before *picture) {
	f := now.figures
	fmt.Fprintf(a.out, "%s at %s   heap %s   %s   %s   %s\n\n", a.paint(bold, "tapio"), a.flags.server,
		size(f.GetHeapBytes()), plural(f.GetGoroutineCount(), "goroutine"), plural(f.GetOpenStreamCount(), "stream"),
		plural(f.GetOpenConnectionCount(), "connection"))
	a.printSignals(now, before)
	a.write("\n")
	a.printWrites(now, before)
	if now.collectors != nil && len(now.collectors.GetCollectors()) > 0 {
		fmt.Fprintf(a.out, "\ncollectors: %s\n", stateCounts(now.collectors.GetStateCounts()))
		a.printCollectors(now.collectors.GetCollectors())
	}
	a.write("\n")
}

func (a *app) printSignals(now, before *picture) {
	var rows [][]cell
	for i, s := range now.figures.GetStore() {
		rate := "-"
		if before != nil && i < len(before.figures.GetStore()) {
			rate = perSecond(s.GetAppendedCount(), before.figures.GetStore()[i].GetAppendedCount(), now.at.Sub(before.at))
		}
		rows = append(rows, cells(s.GetSignal(), rate, thousands(s.GetRecordCount()), size(s.GetSizeBytes()),
			share(s.GetSizeBytes(), s.GetCapacityBytes()), reasons(s.GetEvictedCounts()), reasons(s.GetRefusedCounts())))
	}
	a.printTable([]string{"SIGNAL", "STORED/S", "HELD", "SIZE", "FULL", "EVICTED", "REFUSED"}, rows)
}

// printWrites tells of what comes over the API itself.
func (a *app) printWrites(now, before *picture) {
	f, rate := now.figures, "-"
	if before != nil {
		rate = perSecond(f.GetAcceptedRecordCount(), before.figures.GetAcceptedRecordCount(), now.at.Sub(before.at))
	}
	fmt.Fprintf(a.out, "writes: %s/s, %s in hand, acknowledged in %s (median) and %s (99 of 100), sent again %s\n", rate,
		size(f.GetInFlightBytes()), shortDuration(f.GetAckLatencyP50().AsDuration()), shortDuration(f.GetAckLatencyP99().AsDuration()),
		thousands(f.GetDuplicateBatchCount()))
	fmt.Fprintf(a.out, "refused: records %s; calls %s; streams %s; lost by slow readers %s\n",
		reasons(f.GetRejectedRecordCounts()), reasons(f.GetRejectedCallCounts()), reasons(f.GetDroppedStreamCounts()),
		thousands(f.GetLostRecordCount()))
	if counts := f.GetFindingCounts(); counts != nil { // an older server tells none
		fmt.Fprintf(a.out, "found: %s, %s, %s, updates included\n", plural(counts[semconv.EventCorrelation], "correlation"),
			plural(counts[semconv.EventSemanticGroup], "group"), plural(counts[semconv.EventInsight], "insight"))
	}
}

func perSecond(now, before uint64, passed time.Duration) string {
	if now < before || passed <= 0 { // it was started anew
		return "-"
	}
	return thousands(uint64(float64(now-before)/passed.Seconds() + 0.5))
}

// reasons writes counts by reason on one line, "0" for none.
func reasons(counts map[string]uint64) string {
	var parts []string
	for reason, n := range counts {
		if n > 0 {
			parts = append(parts, oneLine(reason)+" "+thousands(n))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
