// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/tapio/tapio/receiver/ebpfreceiver"
)

// profilesGate is the upstream feature gate without which a configuration must not have a
// profiles pipeline.
const profilesGate = "service.profilesSupport"

// Run executes the command line of the process. Profiles are supported unless
// `--feature-gates=-service.profilesSupport` disables them.
func Run(set otelcol.CollectorSettings) error {
	if isProfiler, err := ebpfreceiver.RunProfiler(os.Args[1:]); isProfiler {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return err
	}
	if err := EnableProfiles(); err != nil {
		return err
	}
	set.BuildInfo.Version = versionOf(set.BuildInfo.Version)
	return NewCommand(set).Execute()
}

// EnableProfiles lets configurations have profiles pipelines. Flags that are read later
// take precedence.
func EnableProfiles() error {
	if err := featuregate.GlobalRegistry().Set(profilesGate, true); err != nil {
		return fmt.Errorf("enable profiles: %w", err)
	}
	return nil
}

// NewCommand returns the command of otelcol, whose subcommands stay as they are.
// The flags of the root command are defined again, for otelcol keeps theirs to
// itself.
func NewCommand(set otelcol.CollectorSettings) *cobra.Command {
	cmd := otelcol.NewCommand(set)
	locations := &configFlagValue{}
	usage := func(name string) string { return cmd.Flags().Lookup(name).Usage }
	flags := new(flag.FlagSet)
	flags.Var(locations, "config", usage("config"))
	flags.Func("set", usage("set"), locations.set)
	featuregate.GlobalRegistry().RegisterFlags(flags)
	cmd.ResetFlags()
	cmd.Flags().AddGoFlagSet(flags)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := locations.apply(&set); err != nil {
			return err
		}
		return newSupervisor(set).run(cmd.Context())
	}
	return cmd
}

// configFlagValue are the values of --config, and of --set, which take precedence. Its
// name shows in the help, as upstream's does.
type configFlagValue struct{ files, sets []string }

func (l *configFlagValue) String() string { return "[" + strings.Join(l.files, ", ") + "]" }

// Set implements flag.Value.
func (l *configFlagValue) Set(location string) error {
	l.files = append(l.files, location)
	return nil
}

func (l *configFlagValue) set(property string) error {
	key, value, found := strings.Cut(property, "=")
	if !found {
		return errors.New("missing equal sign")
	}
	key = strings.TrimSpace(strings.ReplaceAll(key, ".", "::"))
	l.sets = append(l.sets, "yaml:"+key+": "+strings.TrimSpace(value))
	return nil
}

// apply writes the locations into the settings, as otelcol does.
func (l *configFlagValue) apply(set *otelcol.CollectorSettings) error {
	resolver := &set.ConfigProviderSettings.ResolverSettings
	if uris := append(append([]string(nil), l.files...), l.sets...); len(uris) > 0 {
		resolver.URIs = uris
	}
	if len(resolver.URIs) == 0 {
		return errors.New("at least one config flag must be provided")
	}
	if resolver.DefaultScheme == "" {
		resolver.DefaultScheme = "env"
	}
	return nil
}
