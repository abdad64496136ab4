// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/kube"
)

const pluginHelp = `kubectl tapio finds the Tapio gateway in the cluster, connects to it with
kubectl port-forward, and runs the command of tapioctl there.

Flags of the connection stand before the command; those of the command after it:

  kubectl tapio -n observability get logs -n shop --since 10m

Exit codes are those of tapioctl; 3 also means that no pod was found.`

// isPlugin reports whether kubectl runs this program as its plugin: it does so by the name.
func isPlugin(program string) bool {
	return strings.TrimSuffix(filepath.Base(program), ".exe") == "kubectl-tapio"
}

// runPlugin executes one command line of `kubectl tapio`.
func runPlugin(ctx context.Context, a *app.App, args []string) int {
	options := &kube.Options{}
	tunnel := kube.NewTunnel(options)
	defer tunnel.Close()
	a.Tunnel = tunnel
	root := newPluginCommand(a, tunnel, options) //nolint:contextcheck // commands run with the context that execute passes to cobra
	// Traversing the commands below, cobra parses the flags before each, and returns faults in them as they are.
	if _, _, err := root.Traverse(args); err != nil {
		root.RunE = func(cmd *cobra.Command, _ []string) error { return app.SuggestFlag(cmd, err) }
		args = []string{} // nil would be those of the process
	}
	return execute(ctx, a, root, args)
}

func newPluginCommand(a *app.App, tunnel *kube.Tunnel, options *kube.Options) *cobra.Command {
	root := newRootCommand(a)
	root.Use = "kubectl-tapio"
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl tapio"}
	root.Short = "Ask the Tapio server of a Kubernetes cluster about telemetry"
	root.Long = pluginHelp
	// Flags before the command belong to the connection.
	root.TraverseChildren = true
	options.AddFlags(root.Flags())
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return app.NeedSubcommand(cmd, args)
	}
	complete := root.PersistentPreRunE
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if root.PersistentFlags().Changed("server") || cmd.Flags().Changed("server") {
			return exitcode.UsageErrorf("--server: kubectl tapio connects to a pod: choose it with -n, --node or --pod before the command, or use tapioctl")
		}
		return complete(cmd, args)
	}
	root.AddCommand(newUICommand(a, tunnel))
	return root
}

// restartDelay is the time between a lost connection to a pod and the next attempt.
const restartDelay = time.Second

func newUICommand(a *app.App, tunnel *kube.Tunnel) *cobra.Command {
	var port uint16
	cmd := &cobra.Command{
		Use:     "ui",
		Short:   "Make the web UI reachable in a browser until Ctrl-C",
		Example: `  kubectl tapio ui --port 8080`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serveUI(cmd.Context(), a, tunnel, fmt.Sprint(port))
		},
	}
	cmd.Flags().Uint16Var(&port, "port", 4418, "local port; 0: any free one")
	return cmd
}

// serveUI forwards the port until the user ends it. The first failure is an error; later ones are tried again.
func serveUI(ctx context.Context, a *app.App, tunnel *kube.Tunnel, port string) error {
	scheme := "http"
	if a.Flags.WantsTLS() {
		scheme = "https"
	}
	address, err := tunnel.OpenAt(ctx, port, defaultHTTPPort)
	if err != nil {
		return app.QuietOnInterrupt(ctx, err)
	}
	_, port, _ = strings.Cut(address, ":") // stays the same from here on
	fmt.Fprintf(a.Out, "web UI at %s://localhost:%s/ until Ctrl-C\n", scheme, port)
	if err := a.Out.Flush(); err != nil {
		return exitcode.WriteError(err)
	}
	for {
		tunnel.Wait(ctx, defaultHTTPPort)
		if ctx.Err() != nil {
			return nil
		}
		a.Out.Note("the connection to the pod was lost, connecting again")
		if err := a.Sleep(ctx, restartDelay); err != nil {
			return nil
		}
		if _, err := tunnel.OpenAt(ctx, port, defaultHTTPPort); err != nil && ctx.Err() == nil {
			a.Out.Note("%v", err)
		}
	}
}
