// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package archive holds the commands about the archive in an object store.
package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// NewCommand makes the command with its subcommands.
func NewCommand(a *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "archive",
		Short: "List and restore what the server archives in an object store (S3)",
		RunE:  app.NeedSubcommand,
	}
	cmd.AddCommand(newListCommand(a), newRestoreCommand(a))
	return cmd
}

// selection are the flags that select a part of the archive.
type selection struct {
	signals, services []string
	since, until      string
}

func (s *selection) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&s.signals, "signal", nil, "only these signals: profiles, logs, traces, metrics")
	flags.StringSliceVar(&s.services, "service", nil, "only of these services")
	flags.StringVar(&s.since, "since", "", "only from this time on, "+selector.TimeForms)
	flags.StringVar(&s.until, "until", "", "only before this time, likewise")
}

func (s *selection) message(clock *render.Clock) (*tapiov1.ArchiveSelection, error) {
	start, err := selector.ParseMoment(clock, "--since", s.since)
	if err != nil {
		return nil, err
	}
	end, err := selector.ParseMoment(clock, "--until", s.until)
	if err != nil {
		return nil, err
	}
	message := &tapiov1.ArchiveSelection{Signals: s.signals, Services: s.services}
	if start != nil || end != nil {
		message.TimeRange = &tapiov1.TimeRange{Start: start, End: end}
	}
	return message, nil
}

func newListCommand(a *app.App) *cobra.Command {
	s := &selection{}
	format := selector.NewChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what the archive has, by hour, signal and service",
		Example: `  tapioctl archive list --since 2026-11-01 --until 2026-11-02
  tapioctl archive list --signal profiles --service checkout -o json`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			selected, err := s.message(&a.Out.Clock)
			if err != nil {
				return err
			}
			resp, err := app.Call(ctx, a, c.Operations.ListArchive, &tapiov1.ListArchiveRequest{Selection: selected})
			if err != nil {
				return err
			}
			a.Out.NoteIfNone(len(resp.GetEntries()), "objects in the archive")
			printEntries(a.Out, resp.GetEntries(), format.Value)
			return nil
		}),
	}
	s.add(cmd)
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func printEntries(o *render.Output, entries []*tapiov1.ArchiveEntry, format string) {
	var rows [][]render.Cell
	for _, e := range entries {
		if format != "table" {
			o.PrintDocument(format, render.AppendJSON(nil, e))
			continue
		}
		var row []render.Cell
		for _, text := range []string{
			e.GetHour().AsTime().In(o.Zone).Format("2006-01-02T15:04Z07:00"), e.GetSignal(), render.OrDash(e.GetService()),
			render.Thousands(e.GetRecordCount()), render.Thousands(e.GetObjectCount()), humanize.IBytes(e.GetSizeBytes()),
		} {
			row = append(row, render.Cell{Text: text, Paint: render.Plain})
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		o.PrintTable([]string{"HOUR", "SIGNAL", "SERVICE", "RECORDS", "OBJECTS", "SIZE"}, rows)
	}
}

func newRestoreCommand(a *app.App) *cobra.Command {
	s := &selection{}
	format := selector.NewChoice("text", "text", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Store a part of the archive again in a server that does not archive itself",
		Long: `Store a part of the archive again, the earliest hour first, in a server whose
configuration has archive::upload: false. The server reads the object store, not
tapioctl. Restored records use memory like new ones; a second restore of the same
part stores its records twice.`,
		Example: `  tapioctl archive restore --since 2026-11-01T10:00:00Z --until 2026-11-01T12:00:00Z
  tapioctl archive restore --signal profiles --service checkout --since 30d --until 29d`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			selected, err := s.message(&a.Out.Clock)
			if err != nil {
				return err
			}
			if len(s.signals) == 0 && len(s.services) == 0 && selected.GetTimeRange() == nil {
				return exitcode.UsageErrorf("missing selection: give --signal, --service, --since or --until")
			}
			return restore(ctx, a, c, selected, format.Value)
		}),
	}
	s.add(cmd)
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format of the result")
	return cmd
}

func restore(ctx context.Context, a *app.App, c app.Clients, selected *tapiov1.ArchiveSelection, format string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Operations.RestoreArchive(ctx, &tapiov1.RestoreArchiveRequest{Selection: selected})
	if err != nil {
		return err
	}
	var last *tapiov1.RestoreArchiveResponse
	for {
		progress, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if last != nil {
				a.Out.Note("stopped in the hour %s after %s", last.GetHour().AsTime().In(a.Out.Zone).Format("2006-01-02T15:04Z07:00"), restoredText(last))
			}
			return err
		}
		last = progress
	}
	if format != "text" {
		a.Out.PrintDocument(format, render.AppendJSON(nil, last))
		return nil
	}
	fmt.Fprintln(a.Out, "restored "+restoredText(last))
	return nil
}

// restoredText is the result as a person reads it.
func restoredText(p *tapiov1.RestoreArchiveResponse) string {
	var parts []string
	for _, signal := range slices.Sorted(maps.Keys(p.GetRecordCounts())) {
		parts = append(parts, render.Thousands(p.GetRecordCounts()[signal])+" "+signal)
	}
	if len(parts) == 0 {
		parts = []string{"no records"}
	}
	text := fmt.Sprintf("%s from %s of %s objects (%s)", strings.Join(parts, ", "), render.Thousands(p.GetObjectCount()),
		render.Thousands(p.GetTotalObjectCount()), humanize.IBytes(p.GetReadBytes()))
	for _, problem := range []struct {
		n    uint64
		what string
	}{
		{p.GetRefusedCount(), "records were refused by the store"},
		{p.GetMissingObjectCount(), "objects are gone from the object store"},
		{p.GetDamagedBlockCount(), "blocks are damaged"},
	} {
		if problem.n > 0 {
			text += fmt.Sprintf("; %s %s", render.Thousands(problem.n), problem.what)
		}
	}
	return text
}
