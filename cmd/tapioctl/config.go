// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newConfigCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Read and change the configuration meant for a collector",
		RunE:  needSubcommand,
	}
	cmd.AddCommand(newConfigGetCommand(a), newConfigSetCommand(a))
	return cmd
}

func newConfigGetCommand(a *app) *cobra.Command {
	format := newChoice("content", "content", "json", "yaml")
	effective := false
	cmd := &cobra.Command{
		Use:   "get COLLECTOR",
		Short: "Print the configuration meant for a collector, or the one in force",
		Example: `  tapioctl config get agent-1 > agent-1.yaml
  tapioctl config get agent-1 --effective
  tapioctl config get agent-1 -o json | jq .config.etag`,
		Args: oneArgument("COLLECTOR"),
		RunE: a.connected(func(ctx context.Context, c clients, args []string) error {
			return a.configGet(ctx, c, args[0], format.value, effective)
		}),
	}
	cmd.Flags().BoolVar(&effective, "effective", false, "print what the collector says is really in force")
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "the content alone, or all that is known of it")
	return cmd
}

func (a *app) configGet(ctx context.Context, c clients, id, format string, effective bool) error {
	resp, err := call(ctx, a, c.collectors.GetConfig, &tapiov1.GetConfigRequest{CollectorId: id})
	if err != nil {
		return err
	}
	if format != "content" {
		a.printDocument(format, appendJSON(nil, resp))
		return nil
	}
	if effective {
		if resp.GetStatus().GetEffectiveContent() == "" {
			return &exitError{exitRefused, "the collector " + id + " has not said what is in force"}
		}
		a.writeForeign(resp.GetStatus().GetEffectiveContent())
		return nil
	}
	if resp.GetConfig() == nil {
		return &exitError{exitRefused, "no configuration is set for " + id + ": set one with tapioctl config set"}
	}
	a.writeForeign(resp.GetConfig().GetContent())
	a.note("version %d, etag %s%s", resp.GetConfig().GetVersion(), resp.GetConfig().GetEtag(), answerText(resp.GetStatus()))
	return nil
}

func answerText(answer *tapiov1.ConfigStatus) string {
	switch answer.GetResult() {
	case tapiov1.ConfigStatus_RESULT_APPLIED:
		return ", version " + thousands(answer.GetVersion()) + " is in force"
	case tapiov1.ConfigStatus_RESULT_FAILED:
		return ", version " + thousands(answer.GetVersion()) + " was refused: " + oneLine(answer.GetMessage())
	default:
		return ""
	}
}

// configSetFlags are those of config set.
type configSetFlags struct {
	file, contentType, etag string
	dryRun                  bool
}

func newConfigSetCommand(a *app) *cobra.Command {
	f := &configSetFlags{}
	cmd := &cobra.Command{
		Use:   "set COLLECTOR -f FILE",
		Short: "Set the configuration meant for a collector, which gets it at once if it is connected",
		Example: `  tapioctl config set agent-1 -f agent-1.yaml --etag 4f1c2a9be03d77aa
  tapioctl config set agent-1 -f - --dry-run < agent-1.yaml`,
		Args: oneArgument("COLLECTOR"),
		RunE: a.connected(func(ctx context.Context, c clients, args []string) error { return a.configSet(ctx, c, args[0], f) }),
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "file with the configuration; - reads stdin (required)")
	flags.StringVar(&f.contentType, "content-type", "", "media type of the content (default text/yaml)")
	flags.StringVar(&f.etag, "etag", "", "etag of the configuration that this one replaces: refuse to overwrite another")
	flags.BoolVar(&f.dryRun, "dry-run", false, "let the server check it, and change nothing")
	return cmd
}

func (a *app) configSet(ctx context.Context, c clients, id string, f *configSetFlags) error {
	content, err := a.readFile(f.file)
	if err != nil {
		return err
	}
	resp, err := call(ctx, a, c.collectors.UpdateConfig, &tapiov1.UpdateConfigRequest{
		CollectorId: id, Content: content, ContentType: f.contentType, Etag: f.etag, ValidateOnly: f.dryRun,
	})
	if err != nil {
		return err
	}
	done := "set"
	if f.dryRun {
		done = "sound, and would be set"
	}
	a.note("%s as version %d, etag %s", done, resp.GetConfig().GetVersion(), resp.GetConfig().GetEtag())
	return nil
}

func (a *app) readFile(name string) (string, error) {
	var content []byte
	var err error
	switch name {
	case "":
		return "", usageErrorf("--file is required: name a file, or - for stdin")
	case "-":
		content, err = io.ReadAll(a.in)
	default:
		content, err = os.ReadFile(name)
	}
	if err != nil {
		return "", usageErrorf("--file: %v", err)
	}
	return string(content), nil
}
