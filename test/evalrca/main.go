// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command evalrca replays labelled faults through the built collector, bin/tapio,
// asks it for the cause, and prints how often it was right. Each case has a
// collector of its own; nothing but OTLP goes in, and the label is only seen by
// the score.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
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
	flags := flag.NewFlagSet("evalrca", flag.ContinueOnError)
	earlier := flags.Bool("earlier", false, "send the records of the earlier cases of the day before each case")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if args = flags.Args(); len(args) != 1 {
		return fmt.Errorf("give one folder, as in `make eval-rca DATA=<folder>`, got %q", args)
	}
	folders, err := foldersUnder(args[0])
	if err != nil {
		return err
	}
	var all board
	for i := range folders {
		if err := evaluate(ctx, &folders[i], *earlier, &all, out); err != nil {
			return fmt.Errorf("%s: %w", folders[i].path, err)
		}
	}
	all.print(out)
	return nil
}

// evaluate runs the cases of one data set, each told on a line. A collector that is
// shown the earlier ones too has a past, as one that runs for long has.
func evaluate(ctx context.Context, set *folder, earlier bool, all *board, out io.Writer) error {
	metrics, err := set.metrics()
	if err != nil {
		return err
	}
	baseline, err := set.records("baseline")
	if err != nil {
		return err
	}
	var past []*timeline
	for _, f := range set.sorted() {
		records, err := set.records(f.Case)
		if err != nil {
			return err
		}
		got, err := runCase(ctx, &f, quietMinute(&f, baseline), append(slices.Clip(past), metrics, baseline, records)...)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Case, err)
		}
		if earlier {
			past = append(past, records)
		}
		all.add(filepath.Base(set.path), &f, got)
		fmt.Fprintf(out, "%-28s %-8s %-16s want %-24s got %v (%.1f s, %d groups), unasked %v\n",
			filepath.Base(set.path), f.Case, f.Type, f.Service, got.services[:min(5, len(got.services))], got.seconds, got.opened,
			got.told[:min(3, len(got.told))])
	}
	return nil
}

// runCase shows a collector of its own what happened until the end of a case, and
// asks it. The fault-free minute begins at quiet.
func runCase(ctx context.Context, f *fault, quiet uint64, lines ...*timeline) (answer, error) {
	began := time.Now()
	c, err := running.Start(ctx, binary, config)
	if err != nil {
		return answer{}, err
	}
	defer c.Stop()
	s := newSender(c)
	if err := s.replay(ctx, f.end(), lines...); err != nil {
		return answer{}, err
	}
	if err := s.pass(ctx, f.end(), time.Minute); err != nil {
		return answer{}, err
	}
	api := tapiov1.NewTapioServiceClient(c.API)
	groups, err := settledGroups(ctx, api)
	if err != nil {
		return answer{}, err
	}
	got := told(groups, f, quiet)
	if got.services, err = analyzed(ctx, api, f); err != nil {
		return answer{}, err
	}
	got.seconds = time.Since(began).Seconds()
	return got, nil
}

// quietMinute is where the fault-free minute begins: with the baseline, or two
// minutes before the fault where there is none.
func quietMinute(f *fault, baseline *timeline) uint64 {
	if baseline.first != 0 {
		return baseline.first
	}
	return f.At - uint64(2*time.Minute)
}
