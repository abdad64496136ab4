// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command bench measures the built collector, bin/tapio, from outside: `bench
// ingest` what it takes in, `bench stream` what its own streams take beside OTLP,
// `bench tails` what live tails get, `bench query` how long it takes to answer, `bench promql` the same beside
// Prometheus, `bench jaeger` beside Jaeger. The
// generator shares the machine with the collector, so that the ratios of one
// run hold and the absolute figures are those of this machine. Settings come
// from the environment; settings.go lists them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	set, err := settingsFrom(os.LookupEnv)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "ingest":
		return measureIngest(ctx, set, out)
	case len(args) == 1 && args[0] == "stream":
		return measureStreams(ctx, set, out)
	case len(args) == 1 && args[0] == "tails":
		return measureTails(ctx, set, out)
	case len(args) == 1 && args[0] == "query":
		return measureQueries(ctx, set, out)
	case len(args) == 1 && args[0] == "promql":
		return measurePromQL(ctx, set, out)
	case len(args) == 1 && args[0] == "jaeger":
		return measureJaeger(ctx, set, out)
	default:
		return fmt.Errorf("unknown arguments %q: write ingest, stream, tails, query, promql or jaeger", args)
	}
}
