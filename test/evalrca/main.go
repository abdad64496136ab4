// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command evalrca replays labelled faults through the built collector, bin/tapio,
// queries it for the cause, and prints how often it was right: each case alone, to a
// collector of its own, and each day in one pass, to one that goes on. Nothing but
// OTLP goes in, and the label is only seen by the score.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
)

const (
	binary = "bin/tapio"
	// eachAlone names the way that takes a collector for each case.
	eachAlone = "each case alone"
)

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
	by, skipAlone, rest, err := parse(args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return fmt.Errorf("give one folder, as in `make eval-rca DATA=<folder>`, got %q", rest)
	}
	folders, err := foldersUnder(rest[0])
	if err != nil {
		return err
	}
	for i := range folders {
		folders[i].by = by
		if err := folders[i].learnNames(); err != nil {
			return err
		}
	}
	for _, way := range [...]struct {
		name     string
		evaluate func(context.Context, *folder, *board) error
	}{
		{eachAlone, alone},
		{"each day in one pass", inOnePass},
	} {
		if skipAlone && way.name == eachAlone {
			continue
		}
		fmt.Fprintf(out, "%s:\n", way.name)
		all := newBoard(out)
		for i := range folders {
			if err := way.evaluate(ctx, &folders[i], all); err != nil {
				return fmt.Errorf("%s, %s: %w", folders[i].path, way.name, err)
			}
		}
		all.print(out, way.name)
	}
	return nil
}

// parse reads how what is sent differs from what was recorded.
func parse(args []string) (by *disturbance, skipAlone bool, rest []string, err error) {
	by = &disturbance{rand: rand.New(rand.NewPCG(1, 2))}
	flags := flag.NewFlagSet("evalrca", flag.ContinueOnError)
	flags.DurationVar(&by.shuffle, "shuffle", 0, "records arrive up to so much later")
	flags.Float64Var(&by.loss, "loss", 0, "share of records that never arrive")
	flags.Float64Var(&by.duplicates, "duplicates", 0, "share of records that arrive twice")
	flags.Float64Var(&by.sampling, "sampling", 0, "share of traces that head sampling keeps; 0: all")
	flags.DurationVar(&by.asked, "asked", 0, "the cause is asked for so much later than it began; negative: earlier")
	flags.BoolVar(&by.rename, "rename", false, "give all services other names")
	flags.BoolVar(&skipAlone, "pass", false, "only each day in one pass, not each case alone")
	err = flags.Parse(args)
	return by, skipAlone, flags.Args(), err
}

func printCase(out io.Writer, set string, f *fault, got answer) {
	fmt.Fprintf(out, "%-28s %-8s %-16s want %-24s got %v (%.1f s, %d incidents), unasked %v\n", set, f.Case, f.Type, f.Service,
		got.services[:min(5, len(got.services))], got.seconds, got.opened, got.unasked[:min(3, len(got.unasked))])
	for _, g := range got.groups {
		fmt.Fprintf(out, "    %s %+d to %+d s: %s\n      %s\n", g.GetKind(), (int64(nanos(g.GetTimeRange().GetStart()))-int64(f.At))/1e9,
			(int64(nanos(g.GetTimeRange().GetEnd()))-int64(f.At))/1e9, g.GetTitle(), g.GetImpact().GetSummary())
	}
}
