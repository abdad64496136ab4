// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/archive"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/get"
	"github.com/tapio/tapio/cmd/tapioctl/internal/observe"
	"github.com/tapio/tapio/cmd/tapioctl/internal/profile"
	"github.com/tapio/tapio/cmd/tapioctl/internal/send"
)

const rootHelp = `tapioctl queries a Tapio server for logs, events, traces, metrics and profiles,
follows them live, explains incidents, and sends events from files.

Exit codes:
  0  success
  1  the server reports an error: not healthy, not found, access denied, failed
  2  usage error: unknown flag, or a value that the server refuses
  3  the server is not reachable, not ready, or did not answer within --timeout`

func newRootCommand(a *app.App) *cobra.Command {
	root := &cobra.Command{
		Use:               "tapioctl",
		Version:           a.Version,
		Short:             "Query a Tapio server for telemetry",
		Long:              rootHelp,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.CompleteFlags(cmd.Flags().Changed) },
	}
	root.SetVersionTemplate("tapioctl {{.Version}}\n")
	root.SetFlagErrorFunc(app.SuggestFlag)
	a.AddGlobalFlags(root)
	root.AddCommand(
		newStatusCommand(a), observe.NewCommand(a), get.NewCommand(a), newExplainCommand(a), newExportCommand(a), newVersionCommand(a),
		newTopCommand(a), newConfigCommand(a), send.NewCommand(a), get.NewCompareCommand(a), newSilenceCommand(a),
		newMCPCommand(a), newDemoCommand(a), profile.NewCommand(a), archive.NewCommand(a), newDocsCommand(a),
	)
	a.CompleteAll(root)
	return root
}

func newVersionCommand(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(a.Out, "tapioctl %s (%s, %s/%s)\n", ownVersion(a.Version), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// ownVersion falls back to what `go install` records in the binary.
func ownVersion(version string) string {
	info, ok := debug.ReadBuildInfo()
	if version != "dev" || !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return version
	}
	return info.Main.Version
}

// runCommand executes one command line and returns the exit code.
func runCommand(ctx context.Context, a *app.App, args []string) int {
	return execute(ctx, a, newRootCommand(a), args) //nolint:contextcheck // commands run with the context that execute passes to cobra
}

func execute(ctx context.Context, a *app.App, root *cobra.Command, args []string) int {
	root.SetArgs(args)
	root.SetOut(a.Out)
	root.SetErr(a.Out.ErrOut)
	err := root.ExecuteContext(ctx)
	if flushErr := a.Out.Flush(); err == nil && flushErr != nil {
		err = exitcode.WriteError(flushErr)
	}
	if err == nil {
		return exitcode.OK
	}
	failure := a.Flags.Explain(err)
	a.Out.Note("%s", failure.Message)
	return failure.Code
}
