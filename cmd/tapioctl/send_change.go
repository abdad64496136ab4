// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// sendChangeFlags are those of send change.
type sendChangeFlags struct {
	kind   choice
	status choice
	at     string
	change tapiov1.Change
	labels []string
}

func newSendChangeCommand(a *app) *cobra.Command {
	f := &sendChangeFlags{
		kind:   newChoice("deployment", "deployment", "configuration", "feature_flag", "scale", "infrastructure"),
		status: newChoice("succeeded", "started", "succeeded", "failed"),
	}
	cmd := &cobra.Command{
		Use:   "change",
		Short: "Tell the server that something was changed on purpose: a deployment, a configuration, a feature flag",
		Example: `  tapioctl send change --service checkout --from 1.0.4 --to 1.1.0 --url https://ci.example.com/42
  tapioctl send change --type feature_flag --name new-cart --to on --service cart
  tapioctl send change --type configuration --service payment --name pool.size --from 20 --to 5`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error { return a.sendChange(ctx, c, f) }),
	}
	flags, change := cmd.Flags(), &f.change
	addChoice(cmd, flags, &f.kind, "type", "", "what was changed")
	addChoice(cmd, flags, &f.status, "status", "", "how it ended")
	flags.StringVar(&f.at, "at", "", "when, "+timeForms+" (default now)")
	flags.StringVar(&change.Service, "service", "", "the service.name that was changed")
	flags.StringVar(&change.Namespace, "namespace", "", "its k8s.namespace.name")
	flags.StringVar(&change.Environment, "environment", "", "the deployment.environment.name")
	flags.StringVar(&change.Name, "name", "", "what of it: the feature flag, the key of a configuration, the deployment")
	flags.StringVar(&change.OldValue, "from", "", "version, value, variant or number of instances before")
	flags.StringVar(&change.NewValue, "to", "", "the same after")
	flags.StringVar(&change.Author, "author", "", "who changed it (default what the server knows of you)")
	flags.StringVar(&change.Url, "url", "", "a page with details")
	flags.StringVar(&change.Description, "description", "", "one line on what and why (default made of the other flags)")
	flags.StringArrayVar(&f.labels, "attribute", nil, "further attribute as key=value; repeatable")
	return cmd
}

func (a *app) sendChange(ctx context.Context, c clients, f *sendChangeFlags) error {
	change := &f.change
	change.Type = tapiov1.Change_Type(tapiov1.Change_Type_value["TYPE_"+strings.ToUpper(f.kind.value)])
	change.Status = f.status.value
	var err error
	if change.Time, err = a.parseMoment("--at", f.at); err != nil {
		return err
	}
	for _, text := range f.labels {
		key, value, found := strings.Cut(text, "=")
		if !found || key == "" {
			return usageErrorf("invalid --attribute %q: write key=value", text)
		}
		if change.Attributes == nil {
			change.Attributes = map[string]string{}
		}
		change.Attributes[key] = value
	}
	resp, err := call(ctx, a, c.operations.SendChange, &tapiov1.SendChangeRequest{Change: change})
	if err != nil {
		return err
	}
	a.writeForeign(resp.GetEventId() + "\n")
	return nil
}
