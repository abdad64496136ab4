// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command simulate shows simulated systems with faults, noise and planned changes
// to the built collector, bin/tapio, in event time, and prints how often it was
// right. docs/how-to/evaluate-the-engine.md explains the output.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tapio/tapio/test/simulate/evaluate"
	"github.com/tapio/tapio/test/simulate/world"
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
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	o := evaluate.Options{}
	var list, spans bool
	var shuffle time.Duration
	var file string
	flags.StringVar(&o.Binary, "binary", "bin/tapio", "the collector")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of the first system; each further one has the next")
	flags.IntVar(&o.Systems, "systems", 4, "how many systems, one after the other")
	flags.BoolVar(&o.Quiet, "quiet", false, "no faults, only noise and planned changes: counts false pages")
	flags.Float64Var(&o.Hours, "hours", 24, "hours of event time of each system, at most")
	flags.Float64Var(&o.Budget, "budget", 2e6, "spans of each system, at most; fewer hours are played at a high rate")
	flags.StringVar(&o.Kinds, "kinds", "", "only kinds whose name matches this expression")
	flags.IntVar(&o.Settings.Services, "services", 0, "services of a system; 0: 8 to 40 by its seed")
	flags.Float64Var(&o.Settings.Rate, "rate", 0, "requests of users a second on average; 0: by its seed")
	flags.Float64Var(&o.Settings.Sampling, "sampling", 1, "share of traces that are kept")
	flags.BoolVar(&o.Settings.RedOnly, "red", false, "no spans, only metrics of requests")
	flags.BoolVar(&o.Settings.Silent, "silent", false, "no log lines")
	flags.BoolVar(&spans, "spans", false, "no system without spans")
	flags.DurationVar(&shuffle, "shuffle", 0, "records arrive up to so much later")
	flags.StringVar(&o.Dump, "dump", "", "folder for what was said of each system")
	flags.StringVar(&file, "o", "", "file for the report as JSON")
	flags.BoolVar(&list, "list", false, "list the kinds of faults and changes and end")
	verbose := flags.Bool("v", false, "print each fault and each false page")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if list {
		for _, k := range world.Kinds() {
			fmt.Fprintf(out, "%-7s %s\n", map[bool]string{true: "change", false: "fault"}[k.Harmless], k.Name)
		}
		return nil
	}
	o.Settings.Spans, o.Settings.Shuffle = spans, shuffle.Nanoseconds()
	if *verbose {
		o.Progress = out
	}
	report, err := evaluate.Run(ctx, o)
	if err != nil {
		return err
	}
	report.Print(out)
	return write(report, file)
}

func write(report *evaluate.Report, file string) error {
	if file == "" {
		return nil
	}
	to, err := os.Create(file)
	if err != nil {
		return err
	}
	defer to.Close()
	return report.JSON(to)
}
