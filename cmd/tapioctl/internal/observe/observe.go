// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/input"
	"github.com/tapio/tapio/cmd/tapioctl/internal/profile"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	defaultLast = 20
	maxLast     = 10_000
)

// observeFlags are what every observe command has.
type observeFlags struct {
	follow    bool
	last      uint32
	since     string
	until     string
	inputFile string
	format    selector.Choice
}

// NewCommand makes `tapioctl observe`.
func NewCommand(a *app.App) *cobra.Command {
	f := &observeRecordsFlags{observeFlags: observeFlags{format: selector.NewRecordFormat("compact")}}
	cmd := &cobra.Command{
		Use:   "observe [logs|events|spans|metrics|profiles|incidents]",
		Short: "Show the latest records, and follow them live",
		Long: `Show the latest log records, events, spans or metric points, the oldest first,
in the order of the store; with --follow, wait for more.

Events are log records with an event name, such as those of the kernel. They are
shown by "observe events"; "observe" and "observe logs" leave them out unless
--event-name or --with-events includes them.

Records that the server had to skip are reported on stderr. An interrupted
stream resumes where it ended, for as long as the command runs.

With --input-file, records that a command printed with -o json or -o jsonpb, or
that are OTLP/JSON, are shown instead of a server's.`,
		Example: `  tapioctl observe -f --service checkout --severity warn
  tapioctl observe events --since 10m --event-name 'tapio.*' -o json
  tapioctl observe -l 'pod=~"cart-.*",!debug' --last 100
  tapioctl observe spans -f --error --min-duration 500ms
  tapioctl observe --input-file - --severity error < incident.jsonl`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"logs", "events"},
	}
	cmd.RunE = observing(a, &f.observeFlags, func(args []string) (input.FileKind, render.Printer, error) {
		filter, err := f.filterUntil(&f.FilterFlags, &a.Out.Clock)
		if err != nil {
			return input.FileKind{}, nil, err
		}
		kind, err := input.RecordsOfFile(filter, f.kindOfFile(args), a.Out.Now())
		return kind, render.NewRecordPrinter(a.Out, f.format.Value), err
	}, func(ctx context.Context, c app.Clients, args []string) error {
		return observeRecords(ctx, a, c, f, f.kind(args))
	})
	f.AddForRecords(cmd)
	f.AddWithEvents(cmd)
	f.add(cmd)
	cmd.AddCommand(newObserveSpansCommand(a), newObserveMetricsCommand(a), profile.NewObserveCommand(a), newObserveIncidentsCommand(a))
	return cmd
}

// observing makes the body of an observe command: what a file holds, if there is
// one, else what a server does.
func observing(
	a *app.App, f *observeFlags, ofFile func(args []string) (input.FileKind, render.Printer, error), ofServer app.Command,
) func(*cobra.Command, []string) error {
	connected := a.Connected(ofServer)
	return func(cmd *cobra.Command, args []string) error {
		if f.inputFile == "" {
			return connected(cmd, args)
		}
		kind, printer, err := ofFile(args)
		if err != nil {
			return err
		}
		return replayFile(cmd.Context(), a, f, kind, printer)
	}
}

// kind is which records the command shows: logs by default, without the events
// unless a flag includes them.
func (f *observeRecordsFlags) kind(args []string) model.RecordKind {
	switch {
	case len(args) > 0 && args[0] == "events":
		return model.EventsOnly
	case f.IncludesEvents():
		return model.LogsAndEvents
	default:
		return model.LogsOnly
	}
}

// kindOfFile is kind for a file, all records of which are shown unless the
// command names a kind.
func (f *observeRecordsFlags) kindOfFile(args []string) model.RecordKind {
	if len(args) == 0 {
		return model.LogsAndEvents
	}
	return f.kind(args)
}

func (f *observeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "wait for new records")
	flags.Uint32Var(&f.last, "last", 0, "begin with the last N matching records (default 20 without --follow and --since)")
	flags.StringVar(&f.since, "since", "", "start with the records of this time, "+selector.TimeForms)
	flags.StringVar(&f.until, "until", "", "end with the records before this time, "+selector.TimeForms)
	flags.StringVar(&f.inputFile, "input-file", "", "show the records of this file, - for standard input, instead of a server's")
	cmd.MarkFlagsMutuallyExclusive("last", "since")
	cmd.MarkFlagsMutuallyExclusive("input-file", "follow")
	cmd.MarkFlagsMutuallyExclusive("until", "follow")
	selector.AddChoice(cmd, flags, &f.format, "output", "o", "output format")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return f.check(cmd.Flags().Changed("last")) }
}

func (f *observeFlags) check(lastSet bool) error {
	if lastSet && (f.last == 0 || f.last > maxLast) {
		return exitcode.UsageErrorf("--last must be 1 to %d, is %d", maxLast, f.last)
	}
	return nil
}

// observeRecordsFlags are those of the commands that show log records.
type observeRecordsFlags struct {
	observeFlags
	selector.FilterFlags
}

func observeRecords(ctx context.Context, a *app.App, c app.Clients, f *observeRecordsFlags, kind model.RecordKind) error {
	filter, err := f.filterUntil(&f.FilterFlags, &a.Out.Clock)
	if err != nil {
		return err
	}
	if kind == model.EventsOnly {
		return observe(ctx, a, c, &f.observeFlags, source{"logs", input.OpenEvents(c.Tapio, filter)}, render.NewRecordPrinter(a.Out, f.format.Value))
	}
	return observe(ctx, a, c, &f.observeFlags, source{"logs", input.OpenLogs(c.Observability, filter, kind == model.LogsOnly)}, render.NewRecordPrinter(a.Out, f.format.Value))
}

// filterUntil is what to show, and until when.
func (f *observeFlags) filterUntil(selected *selector.FilterFlags, c *render.Clock) (*tapiov1.Filter, error) {
	filter, err := selected.Filter()
	if err != nil || f.until == "" {
		return filter, err
	}
	end, err := selector.ParseMoment(c, "--until", f.until)
	if err != nil {
		return nil, err
	}
	since, err := selector.ParseMoment(c, "--since", f.since)
	if err != nil {
		return nil, err
	}
	if since != nil && end.AsTime().Before(since.AsTime()) {
		return nil, exitcode.UsageErrorf("--until %s is before --since %s", f.until, f.since)
	}
	filter.TimeRange = &tapiov1.TimeRange{End: end}
	return filter, nil
}

// source is one signal of a server.
type source struct {
	signal string // as the server's figures of the store name it
	open   input.OpenStream
}

// observe shows what is stored or, with --follow, what comes.
func observe(ctx context.Context, a *app.App, c app.Clients, f *observeFlags, from source, printer render.Printer) error {
	begin, err := f.begin(&a.Out.Clock)
	if err != nil {
		return err
	}
	if f.follow {
		follower := &follower{App: a, tapio: c.Tapio, source: from, printer: printer, begin: begin}
		return follower.run(ctx)
	}
	return app.QuietOnInterrupt(ctx, printHistory(ctx, a, from.open, begin, printer))
}

// begin reports where the stream starts, before anything was read.
func (f *observeFlags) begin(c *render.Clock) (beginning, error) {
	if f.since == "" && f.last == 0 && !f.follow {
		return beginning{last: defaultLast}, nil
	}
	moment, err := selector.ParseMoment(c, "--since", f.since)
	if err != nil || moment == nil {
		return beginning{last: f.last}, err
	}
	if !moment.AsTime().Before(c.Now()) {
		return beginning{}, exitcode.UsageErrorf("--since %s is in the future", f.since)
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

// printHistory prints what is stored and ends.
func printHistory(ctx context.Context, a *app.App, open input.OpenStream, begin beginning, printer render.Printer) error {
	receive, err := open(ctx, begin.start(a.Out.Now()), true)
	if err != nil {
		return err
	}
	for rows := 0; ; {
		b, err := receive()
		if errors.Is(err, io.EOF) {
			a.Out.NoteIfNone(rows, "records")
			return nil
		}
		if err != nil {
			return err
		}
		rows += b.Rows
		if err := printer.Print(b); err != nil {
			return err
		}
	}
}
