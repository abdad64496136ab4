// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command evalrca replays labelled faults through the built collector, bin/tapio,
// asks it for the cause, and prints how often it was right: each case alone, to a
// collector of its own, and each day in one pass, to one that goes on. Nothing but
// OTLP goes in, and the label is only seen by the score.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const binary = "bin/tapio"

const config = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:0", max_recv_msg_size_mib: 64}}}
processors: {semantic_correlation: {}}
exporters: {tapio: {extension: tapio}}
extensions:
  tapio:
    grpc: {endpoint: "localhost:0"}
    http: {enabled: false}
service:
  extensions: [tapio]
  telemetry: {logs: {encoding: json}, metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], processors: [semantic_correlation], exporters: [tapio]}
    traces: {receivers: [otlp], processors: [semantic_correlation], exporters: [tapio]}
    metrics: {receivers: [otlp], processors: [semantic_correlation], exporters: [tapio]}
`

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
	if len(args) != 1 {
		return fmt.Errorf("give one folder, as in `make eval-rca DATA=<folder>`, got %q", args)
	}
	folders, err := foldersUnder(args[0])
	if err != nil {
		return err
	}
	for _, way := range [...]struct {
		name     string
		evaluate func(context.Context, *folder, func(*fault, answer)) error
	}{
		{"each case alone", alone},
		{"each day in one pass", inOnePass},
	} {
		fmt.Fprintf(out, "%s:\n", way.name)
		var all board
		for i := range folders {
			set := filepath.Base(folders[i].path)
			tell := func(f *fault, got answer) {
				all.add(set, f, got)
				tellCase(out, set, f, got)
			}
			if err := way.evaluate(ctx, &folders[i], tell); err != nil {
				return fmt.Errorf("%s, %s: %w", folders[i].path, way.name, err)
			}
		}
		all.print(out, way.name)
	}
	return nil
}

func tellCase(out io.Writer, set string, f *fault, got answer) {
	fmt.Fprintf(out, "%-28s %-8s %-16s want %-24s got %v (%.1f s, %d groups), unasked %v\n", set, f.Case, f.Type, f.Service,
		got.services[:min(5, len(got.services))], got.seconds, got.opened, got.told[:min(3, len(got.told))])
}
