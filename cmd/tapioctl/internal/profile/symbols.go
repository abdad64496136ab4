// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/elffile"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newSymbolsCommand(a *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "symbols",
		Short: "Name the functions of binaries that were profiled without symbols",
		RunE:  app.NeedSubcommand,
	}
	cmd.AddCommand(newSymbolsUploadCommand(a), newSymbolsListCommand(a))
	return cmd
}

func newSymbolsUploadCommand(a *app.App) *cobra.Command {
	var buildID string
	cmd := &cobra.Command{
		Use:   "upload FILE...",
		Short: "Store the functions of executables, libraries or debug files",
		Long: `Store the functions of ELF files: executables and libraries before they were
stripped, their debug files, and Go programs. Profiles find them by build ID; those that
are stored already show them, too. Only names, addresses and source files are sent.`,
		Example: `  tapioctl profile symbols upload bin/checkout
  tapioctl profile symbols upload /usr/lib/debug/.build-id/4f/3c2a1b.debug`,
		Args: cobra.MinimumNArgs(1),
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error {
			for _, path := range args {
				file, err := elffile.Read(path)
				if err != nil {
					return err
				}
				if buildID != "" {
					file.BuildID = buildID
				}
				if err := uploadSymbols(ctx, a, c, file, path); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&buildID, "build-id", "", "build ID that profiles have (default that of the file)")
	return cmd
}

// symbolsPerCall and symbolBytesPerCall bound one request.
const (
	symbolsPerCall     = 20_000
	symbolBytesPerCall = 1 << 20
)

// uploadSymbols sends the functions of a file in parts.
func uploadSymbols(ctx context.Context, a *app.App, c app.Clients, file *elffile.File, path string) error {
	request := &tapiov1.UploadSymbolsRequest{BuildId: file.BuildID, File: filepath.Base(path), Segments: file.Segments}
	var stored *tapiov1.SymbolTable
	for rest := file.Functions; len(rest) > 0; {
		n, bytes := 0, 0
		for n < len(rest) && n < symbolsPerCall && bytes < symbolBytesPerCall {
			bytes += proto.Size(rest[n])
			n++
		}
		request.Functions, rest = rest[:n], rest[n:]
		response, err := app.Call(ctx, a, c.Observability.UploadSymbols, request)
		if err != nil {
			return err
		}
		if gone := response.GetEvictedBuildIds(); len(gone) > 0 {
			a.Out.Note("symbols of other files were dropped to keep to store::profiles::symbols_limit: build ID %s", strings.Join(gone, ", "))
		}
		stored, request.More, request.Segments = response.GetTable(), true, nil
	}
	a.Out.WriteForeign(fmt.Sprintf("%s: %s stored, build ID %s\n", path, render.Plural(stored.GetFunctionCount(), "function"), stored.GetBuildId()))
	return nil
}

func newSymbolsListCommand(a *app.App) *cobra.Command {
	format := selector.NewChoice("table", "table", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the files whose functions are stored",
		Args:  cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			response, err := app.Call(ctx, a, c.Observability.ListSymbols, &tapiov1.ListSymbolsRequest{})
			if err != nil {
				return err
			}
			tables := &render.Table[*tapiov1.SymbolTable]{
				What: "symbols", Heading: []string{"TIME", "FILE", "FUNCTIONS", "SIZE", "BUILD ID"},
				Row: func(t *tapiov1.SymbolTable) []render.Cell {
					return []render.Cell{
						{Text: a.Out.Stamp(t.GetTime()), Paint: render.Dim},
						{Text: render.OrDash(render.OneLine(t.GetFile())), Paint: render.Bold},
						{Text: render.Thousands(t.GetFunctionCount())},
						{Text: render.Size(t.GetSizeBytes())},
						{Text: render.OneLine(t.GetBuildId()), Paint: render.Dim},
					}
				},
			}
			tables.Print(a.Out, format.Value, response.GetTables())
			return nil
		}),
	}
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

// noteUnsymbolized names the binaries that symbols can be uploaded for.
func noteUnsymbolized(o *render.Output, response *tapiov1.AnalyzeProfileResponse) {
	for _, b := range response.GetUnsymbolized() {
		if b.GetShare() >= 0.05 && b.GetBuildId() != "" {
			o.Note("%s of %s without function names: `tapioctl profile symbols upload FILE` with build ID %s",
				render.ShareText(b.GetShare()), render.OneLine(b.GetMapping()), render.OneLine(b.GetBuildId()))
		}
	}
}
