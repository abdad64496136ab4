// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
)

// AddGlobalFlags adds the flags that every command has.
func (a *App) AddGlobalFlags(root *cobra.Command) {
	f, flags := &a.Flags, root.PersistentFlags()
	f.Color = selector.NewChoice("auto", "auto", "always", "never")
	flags.StringVar(&f.Server, "server", "", "address of the server as host:port (env TAPIO_SERVER) (default localhost:4417)")
	flags.BoolVar(&f.TLS, "tls", false, "encrypt the connection; any other --tls flag turns it on too")
	flags.StringVar(&f.TLSCACert, "tls-ca-cert", "", "PEM file of the certificate authorities to trust instead of the system's")
	flags.StringVar(&f.TLSCert, "tls-cert", "", "PEM file of the client's certificate")
	flags.StringVar(&f.TLSKey, "tls-key", "", "PEM file of the client's key")
	flags.StringVar(&f.TLSServerName, "tls-server-name", "", "name that the server's certificate must carry")
	flags.StringVar(&f.Token, "token", "", "bearer token to send with every call (env TAPIO_TOKEN)")
	flags.StringVar(&f.User, "user", "", "user name for basic authentication, with the password in TAPIO_PASSWORD (env TAPIO_USER)")
	flags.DurationVar(&f.Timeout, "timeout", 10*time.Second, "timeout of one call; streams have none")
	flags.StringVar(&f.TimeZone, "time-zone", "", "time zone of times in the output and in --since and --until: UTC, local or a name such as Europe/Berlin (env TAPIO_TIME_ZONE) (default UTC)")
	flags.StringVar(&f.ConfigFile, "config", "", "file that sets these flags (env TAPIO_CONFIG) (default ~/.config/tapioctl/config.yaml)")
	selector.AddChoice(root, flags, &f.Color, "color", "", "when to color the output")
}

// CompleteFlags takes what no flag sets from the environment, and what neither
// sets from the configuration file. The token is not made a flag's default, for
// --help would print it.
func (a *App) CompleteFlags(given func(flag string) bool) error {
	f := &a.Flags
	if f.Server == "" {
		f.Server = a.Environ("TAPIO_SERVER")
	}
	if f.Token == "" {
		f.Token = a.Environ("TAPIO_TOKEN")
	}
	if f.User == "" {
		f.User = a.Environ("TAPIO_USER")
	}
	if f.TimeZone == "" {
		f.TimeZone = a.Environ("TAPIO_TIME_ZONE")
	}
	f.Password = a.Environ("TAPIO_PASSWORD")
	set, err := f.ReadSettings(a.Environ)
	if err != nil {
		return err
	}
	if err := f.FillFrom(set, given); err != nil {
		return err
	}
	if f.Server == "" {
		f.Server = "localhost:4417"
	}
	if a.Out.Zone, err = selector.LoadZone(f.TimeZone); err != nil {
		return err
	}
	a.Out.SetColor(f.Color.Value, a.Environ)
	if f.Timeout <= 0 {
		return exitcode.UsageErrorf("--timeout must be above 0, is %v", f.Timeout)
	}
	return nil
}
