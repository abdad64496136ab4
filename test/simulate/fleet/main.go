// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command fleet sends the findings and edges of many nodes to one gateway, the built
// collector, and measures what that costs and how long it takes to the right cause. The
// nodes are generators in this process: they send over OTLP what agents with the
// node_summary connector send.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/tapio/tapio/test/running"
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
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	o := options{}
	flags.StringVar(&o.binary, "binary", "bin/tapio", "the collector")
	flags.StringVar(&o.config, "config", "distribution/config/examples/nodes-gateway.yaml", "configuration of the gateway")
	flags.IntVar(&o.agents, "agents", 1000, "nodes")
	flags.IntVar(&o.services, "services", 5, "services on each node")
	flags.DurationVar(&o.before, "before", 8*time.Minute, "event time before the fault")
	flags.DurationVar(&o.during, "during", 4*time.Minute, "event time of the fault, at most")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := o.validate(); err != nil {
		return err
	}
	result, err := simulate(ctx, o)
	if err != nil {
		return err
	}
	result.print(out)
	return nil
}

func (o *options) validate() error {
	switch {
	case o.agents < 10 || o.agents > 10_000:
		return fmt.Errorf("agents: must be within 10 and 10000, is %d", o.agents)
	case o.services < 1 || o.services > 50:
		return fmt.Errorf("services: must be within 1 and 50, is %d", o.services)
	case o.before < 6*time.Minute || o.before > time.Hour:
		return fmt.Errorf("before: must be within 6m and 1h, is %s: baselines need some minutes", o.before)
	case o.during < time.Minute || o.during > time.Hour:
		return fmt.Errorf("during: must be within 1m and 1h, is %s", o.during)
	}
	return nil
}

// startGateway starts the gateway of an example configuration on free ports.
func startGateway(ctx context.Context, o options) (*running.Collector, error) {
	config, err := os.ReadFile(o.config)
	if err != nil {
		return nil, err
	}
	return running.Start(ctx, o.binary, strings.NewReplacer(
		"${env:TAPIO_LISTEN:-0.0.0.0}:4317", "localhost:0", "localhost:13133", "localhost:0",
		"  tapio:\n    store:", "  tapio:\n    grpc: {endpoint: \"localhost:0\"}\n    http: {endpoint: \"localhost:0\"}\n    store:",
		"service:\n", "service:\n  telemetry: {logs: {encoding: json}, metrics: {level: none}}\n",
	).Replace(string(config)))
}
