// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const rootHelp = `tapioctl asks a Tapio server about the telemetry that it holds: logs, events,
traces and metrics; it follows them live; and it sends events from files.

Exit codes:
  0  all is well
  1  the server says no: not healthy, not found, access denied, or failed
  2  the command line is wrong, or the server refuses one of its values
  3  the server is not reachable, not ready, or did not answer within --timeout`

// globalFlags hold for every command.
type globalFlags struct {
	server        string
	tls           bool
	tlsCACert     string
	tlsCert       string
	tlsKey        string
	tlsServerName string
	token         string
	user          string
	password      string // never a flag: others can read a command line
	timeout       time.Duration
	timeZone      string
	color         choice
	configFile    string
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:               "tapioctl",
		Version:           version,
		Short:             "Ask a Tapio server about telemetry",
		Long:              rootHelp,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.completeFlags(cmd.Flags().Changed) },
	}
	root.SetVersionTemplate("tapioctl {{.Version}}\n")
	root.SetFlagErrorFunc(suggestFlag)
	a.addGlobalFlags(root)
	root.AddCommand(
		newStatusCommand(a), newObserveCommand(a), newGetCommand(a), newExplainCommand(a), newExportCommand(a), newVersionCommand(a),
		newTopCommand(a), newConfigCommand(a), newSendCommand(a), newCompareCommand(a), newSilenceCommand(a),
		newMCPCommand(a), newDemoCommand(a), newProfileCommand(a),
	)
	a.completeAll(root)
	return root
}

func (a *app) addGlobalFlags(root *cobra.Command) {
	f, flags := &a.flags, root.PersistentFlags()
	f.color = newChoice("auto", "auto", "always", "never")
	flags.StringVar(&f.server, "server", "", "address of the server as host:port (env TAPIO_SERVER) (default localhost:4417)")
	flags.BoolVar(&f.tls, "tls", false, "encrypt the connection; any other --tls flag turns it on too")
	flags.StringVar(&f.tlsCACert, "tls-ca-cert", "", "PEM file of the authorities to trust instead of the system's")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "PEM file of the client's certificate")
	flags.StringVar(&f.tlsKey, "tls-key", "", "PEM file of the client's key")
	flags.StringVar(&f.tlsServerName, "tls-server-name", "", "name that the server's certificate must carry")
	flags.StringVar(&f.token, "token", "", "bearer token to send with every call (env TAPIO_TOKEN)")
	flags.StringVar(&f.user, "user", "", "name to send with the password in TAPIO_PASSWORD, for a server that asks for one (env TAPIO_USER)")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "longest wait for the answer to one call; streams are not bounded")
	flags.StringVar(&f.timeZone, "time-zone", "", "time zone of times in the output and in --since and --until: UTC, local or a name such as Europe/Berlin (env TAPIO_TIME_ZONE) (default UTC)")
	flags.StringVar(&f.configFile, "config", "", "file that sets these flags (env TAPIO_CONFIG) (default ~/.config/tapioctl/config.yaml)")
	addChoice(root, flags, &f.color, "color", "", "when to color the output")
}

// completeFlags takes what no flag says from the environment, and what neither
// says from the configuration file. The token is not made a flag's default, for
// --help would print it.
func (a *app) completeFlags(given func(flag string) bool) error {
	f := &a.flags
	if f.server == "" {
		f.server = a.environ("TAPIO_SERVER")
	}
	if f.token == "" {
		f.token = a.environ("TAPIO_TOKEN")
	}
	if f.user == "" {
		f.user = a.environ("TAPIO_USER")
	}
	if f.timeZone == "" {
		f.timeZone = a.environ("TAPIO_TIME_ZONE")
	}
	f.password = a.environ("TAPIO_PASSWORD")
	set, err := a.readSettings()
	if err != nil {
		return err
	}
	if err := f.fillFrom(set, given); err != nil {
		return err
	}
	if f.server == "" {
		f.server = "localhost:4417"
	}
	if a.zone, err = loadZone(f.timeZone); err != nil {
		return err
	}
	if f.timeout <= 0 {
		return usageErrorf("--timeout must be above 0, is %v", f.timeout)
	}
	return nil
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(a.out, "tapioctl %s (%s, %s/%s)\n", ownVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// ownVersion falls back to what `go install` records in the binary.
func ownVersion() string {
	info, ok := debug.ReadBuildInfo()
	if version != "dev" || !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return version
	}
	return info.Main.Version
}

// needSubcommand makes a command that only groups others refuse to stand alone.
func needSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		var names []string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, sub.Name())
			}
		}
		return usageErrorf("missing argument: one of %s; see %s --help", strings.Join(names, ", "), cmd.CommandPath())
	}
	cmd.SuggestionsMinimumDistance = 2
	message := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	return usageErrorf("%s; see %s --help", didYouMean(message, cmd.SuggestionsFor(args[0])), cmd.CommandPath())
}
