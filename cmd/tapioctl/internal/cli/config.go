// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newConfigCommand(a *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Read and change the desired configuration of a collector",
		RunE:  app.NeedSubcommand,
	}
	cmd.AddCommand(newConfigGetCommand(a), newConfigSetCommand(a))
	return cmd
}

func newConfigGetCommand(a *app.App) *cobra.Command {
	format := selector.NewChoice("content", "content", "json", "yaml")
	effective := false
	cmd := &cobra.Command{
		Use:   "get COLLECTOR",
		Short: "Print the desired configuration of a collector, or its effective one",
		Example: `  tapioctl config get agent-1 > agent-1.yaml
  tapioctl config get agent-1 --effective
  tapioctl config get agent-1 -o json | jq .config.etag`,
		Args: app.OneArgument("COLLECTOR"),
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error {
			return configGet(ctx, a, c, args[0], format.Value, effective)
		}),
	}
	cmd.Flags().BoolVar(&effective, "effective", false, "print the effective configuration that the collector reports")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "the content alone, or with its metadata")
	return cmd
}

func configGet(ctx context.Context, a *app.App, c app.Clients, id, format string, effective bool) error {
	resp, err := app.Call(ctx, a, c.Collectors.GetConfig, &tapiov1.GetConfigRequest{CollectorId: id})
	if err != nil {
		return err
	}
	if format != "content" {
		a.Out.PrintDocument(format, render.AppendJSON(nil, resp))
		return nil
	}
	if effective {
		if resp.GetStatus().GetEffectiveContent() == "" {
			return &exitcode.Error{Code: exitcode.Refused, Message: "the collector " + id + " has not reported its effective configuration"}
		}
		a.Out.WriteForeign(resp.GetStatus().GetEffectiveContent())
		return nil
	}
	if resp.GetConfig() == nil {
		return &exitcode.Error{Code: exitcode.Refused, Message: "no configuration is set for " + id + ": set one with tapioctl config set"}
	}
	a.Out.WriteForeign(resp.GetConfig().GetContent())
	a.Out.Note("version %d, etag %s%s", resp.GetConfig().GetVersion(), resp.GetConfig().GetEtag(), answerText(resp.GetStatus()))
	return nil
}

func answerText(answer *tapiov1.ConfigStatus) string {
	switch answer.GetResult() {
	case tapiov1.ConfigStatus_RESULT_APPLIED:
		return ", version " + render.Thousands(answer.GetVersion()) + " is in force"
	case tapiov1.ConfigStatus_RESULT_FAILED:
		return ", version " + render.Thousands(answer.GetVersion()) + " was refused: " + render.OneLine(answer.GetMessage())
	default:
		return ""
	}
}

// configSetFlags are those of config set.
type configSetFlags struct {
	file, contentType, etag string
	dryRun                  bool
}

func newConfigSetCommand(a *app.App) *cobra.Command {
	f := &configSetFlags{}
	cmd := &cobra.Command{
		Use:   "set COLLECTOR -f FILE",
		Short: "Set the desired configuration of a collector; a connected collector gets it at once",
		Example: `  tapioctl config set agent-1 -f agent-1.yaml --etag 4f1c2a9be03d77aa
  tapioctl config set agent-1 -f - --dry-run < agent-1.yaml`,
		Args: app.OneArgument("COLLECTOR"),
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error { return configSet(ctx, a, c, args[0], f) }),
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "file with the configuration; - reads stdin (required)")
	flags.StringVar(&f.contentType, "content-type", "", "media type of the content (default text/yaml)")
	flags.StringVar(&f.etag, "etag", "", "etag of the configuration to replace; fails if it has changed since")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only validate it on the server")
	return cmd
}

func configSet(ctx context.Context, a *app.App, c app.Clients, id string, f *configSetFlags) error {
	content, err := readFile(a, f.file)
	if err != nil {
		return err
	}
	resp, err := app.Call(ctx, a, c.Collectors.UpdateConfig, &tapiov1.UpdateConfigRequest{
		CollectorId: id, Content: content, ContentType: f.contentType, Etag: f.etag, ValidateOnly: f.dryRun,
	})
	if err != nil {
		return err
	}
	done := "set"
	if f.dryRun {
		done = "sound, and would be set"
	}
	a.Out.Note("%s as version %d, etag %s", done, resp.GetConfig().GetVersion(), resp.GetConfig().GetEtag())
	return nil
}

func readFile(a *app.App, name string) (string, error) {
	var content []byte
	var err error
	switch name {
	case "":
		return "", exitcode.UsageErrorf("--file is required: name a file, or - for stdin")
	case "-":
		content, err = io.ReadAll(a.In)
	default:
		content, err = os.ReadFile(name)
	}
	if err != nil {
		return "", exitcode.UsageErrorf("--file: %v", err)
	}
	return string(content), nil
}
