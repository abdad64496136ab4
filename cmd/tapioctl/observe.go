// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	defaultLast = 20
	maxLast     = 10_000
)

type observeFlags struct {
	filterFlags
	follow bool
	last   uint32
	since  string
	format choice
}

func newObserveCommand(a *app) *cobra.Command {
	f := &observeFlags{format: newRecordFormat("compact")}
	cmd := &cobra.Command{
		Use:   "observe [logs|events]",
		Short: "Show the latest log records or events, and follow them live",
		Long: `Show the latest log records (or only those that have an event name), the oldest
first, in the order of the store; with --follow, wait for more.

What the server had to pass over is told on stderr. A cut stream is taken up
again where it ended, for as long as the command runs.`,
		Example: `  tapioctl observe -f --service checkout --severity warn
  tapioctl observe events --since 10m --event-name 'tapio.*' -o json
  tapioctl observe -l 'pod=~"cart-.*",!debug' --last 100`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"logs", "events"},
	}
	cmd.RunE = a.connected(func(ctx context.Context, c clients, args []string) error {
		return a.observe(ctx, c, f, len(args) > 0 && args[0] == "events", cmd.Flags().Changed("last"))
	})
	f.addForRecords(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "wait for new records")
	flags.Uint32Var(&f.last, "last", 0, "begin with the last N matching records (default 20 without --follow and --since)")
	flags.StringVar(&f.since, "since", "", "begin with the records that are at most this old, "+timeForms)
	cmd.MarkFlagsMutuallyExclusive("last", "since")
	addChoice(cmd, flags, &f.format, "output", "o", "output format")
	return cmd
}

func (a *app) observe(ctx context.Context, c clients, f *observeFlags, events, lastSet bool) error {
	if lastSet && (f.last == 0 || f.last > maxLast) {
		return usageErrorf("--last must be 1 to %d, is %d", maxLast, f.last)
	}
	filter, err := f.filter()
	if err != nil {
		return err
	}
	begin, err := f.begin(a.now())
	if err != nil {
		return err
	}
	open := openLogs(c.observability, filter)
	if events {
		open = openEvents(c.tapio, filter)
	}
	printer := &recordPrinter{app: a, format: f.format.value}
	if f.follow {
		follower := &follower{app: a, tapio: c.tapio, open: open, printer: printer, begin: begin}
		return follower.run(ctx)
	}
	return quietOnInterrupt(ctx, a.history(ctx, open, begin, printer))
}

// begin says where the stream starts, before anything was read.
func (f *observeFlags) begin(now time.Time) (beginning, error) {
	if f.since == "" && f.last == 0 && !f.follow {
		return beginning{last: defaultLast}, nil
	}
	moment, err := parseMoment("--since", f.since, now)
	if err != nil || moment == nil {
		return beginning{last: f.last}, err
	}
	if !moment.AsTime().Before(now) {
		return beginning{}, usageErrorf("--since %s lies in the future", f.since)
	}
	return beginning{since: moment.AsTime()}, nil
}

// beginning is where a stream starts; the zero beginning is with the next
// record.
type beginning struct {
	last  uint32
	since time.Time
}

func (b beginning) start(now time.Time) *tapiov1.StreamStart {
	switch {
	case b.last > 0:
		return &tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{Last: b.last}}
	case !b.since.IsZero():
		return &tapiov1.StreamStart{Position: &tapiov1.StreamStart_Since{Since: durationpb.New(now.Sub(b.since))}}
	default:
		return nil
	}
}

// history prints what is stored and ends.
func (a *app) history(ctx context.Context, open openRecords, begin beginning, printer *recordPrinter) error {
	receive, err := open(ctx, begin.start(a.now()), true)
	if err != nil {
		return err
	}
	for {
		batch, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := printer.print(batch); err != nil {
			return err
		}
	}
}

func quietOnInterrupt(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// openRecords opens a stream of log records; receive returns io.EOF at its end.
type openRecords func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (receive func() (recordBatch, error), err error)

func openLogs(client tapiov1.ObservabilityServiceClient, filter *tapiov1.Filter) openRecords {
	return func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (func() (recordBatch, error), error) {
		stream, err := client.StreamLogs(ctx, &tapiov1.StreamLogsRequest{Filter: filter, Start: start, HistoryOnly: historyOnly})
		if err != nil {
			return nil, err
		}
		return func() (recordBatch, error) {
			m, err := stream.Recv()
			return recordBatch{raw: m, events: m.GetLogs(), loss: m.GetLoss()}, err
		}, nil
	}
}

func openEvents(client tapiov1.TapioServiceClient, filter *tapiov1.Filter) openRecords {
	return func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (func() (recordBatch, error), error) {
		stream, err := client.SubscribeToEvents(ctx,
			&tapiov1.SubscribeToEventsRequest{Filter: filter, Start: start, HistoryOnly: historyOnly})
		if err != nil {
			return nil, err
		}
		return func() (recordBatch, error) {
			m, err := stream.Recv()
			return recordBatch{raw: m, events: m.GetEvents(), loss: m.GetLoss()}, err
		}, nil
	}
}
