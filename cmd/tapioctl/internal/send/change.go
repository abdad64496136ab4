// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// sendChangeFlags are those of send change.
type sendChangeFlags struct {
	kind   selector.Choice
	status selector.Choice
	at     string
	change tapiov1.Change
	labels []string
}

func newSendChangeCommand(a *app.App) *cobra.Command {
	f := &sendChangeFlags{
		kind:   selector.NewChoice("deployment", "deployment", "configuration", "feature_flag", "scale", "infrastructure"),
		status: selector.NewChoice("succeeded", "started", "succeeded", "failed"),
	}
	cmd := &cobra.Command{
		Use:   "change",
		Short: "Record a planned change: a deployment, a configuration, a feature flag",
		Example: `  tapioctl send change --service checkout --from 1.0.4 --to 1.1.0 --url https://ci.example.com/42
  tapioctl send change --type feature_flag --name new-cart --to on --service cart
  tapioctl send change --type configuration --service payment --name pool.size --from 20 --to 5`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error { return sendChange(ctx, a, c, f) }),
	}
	flags, change := cmd.Flags(), &f.change
	selector.AddChoice(cmd, flags, &f.kind, "type", "", "what was changed")
	selector.AddChoice(cmd, flags, &f.status, "status", "", "how it ended")
	flags.StringVar(&f.at, "at", "", "when, "+selector.TimeForms+" (default now)")
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

func sendChange(ctx context.Context, a *app.App, c app.Clients, f *sendChangeFlags) error {
	change := &f.change
	change.Type = tapiov1.Change_Type(tapiov1.Change_Type_value["TYPE_"+strings.ToUpper(f.kind.Value)])
	change.Status = f.status.Value
	var err error
	if change.Time, err = selector.ParseMoment(&a.Out.Clock, "--at", f.at); err != nil {
		return err
	}
	for _, text := range f.labels {
		key, value, found := strings.Cut(text, "=")
		if !found || key == "" {
			return exitcode.UsageErrorf("invalid --attribute %q: write key=value", text)
		}
		if change.Attributes == nil {
			change.Attributes = map[string]string{}
		}
		change.Attributes[key] = value
	}
	resp, err := app.Call(ctx, a, c.Operations.SendChange, &tapiov1.SendChangeRequest{Change: change})
	if err != nil {
		return err
	}
	a.Out.WriteForeign(resp.GetEventId() + "\n")
	return nil
}
