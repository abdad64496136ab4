// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command compare lets models that learn from measures alone look at the systems
// that command simulate shows to the collector, and prints what they find, beside
// the figures of the built collector on the same systems.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/tapio/tapio/test/simulate/evaluate"
	"github.com/tapio/tapio/test/simulate/learned"
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
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	o := evaluate.Options{Settings: world.Settings{Sampling: 1, Spans: true}}
	flags.StringVar(&o.Binary, "binary", "bin/tapio", "the collector; empty: the models only")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of the first system; each further one has the next")
	flags.IntVar(&o.Systems, "systems", 4, "how many systems, one after the other")
	flags.Float64Var(&o.Hours, "hours", 8, "hours of event time of each system, at most")
	flags.Float64Var(&o.Budget, "budget", 1.2e6, "spans of each system, at most")
	flags.IntVar(&o.Settings.Services, "services", 12, "services of a system")
	flags.Float64Var(&o.Settings.Rate, "rate", 4, "requests of users a second on average")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.Systems < 1 {
		return fmt.Errorf("-systems must be 1 or more, is %d", o.Systems)
	}
	fmt.Fprintln(out, "model                      threshold  faults  detected  right first  in first three  false a day")
	found := newFindings()
	for n := range o.Systems {
		if err := ctx.Err(); err != nil {
			return err
		}
		found.add(&o, o.Seed+uint64(n))
	}
	found.print(out)
	if o.Binary == "" {
		return nil
	}
	report, err := evaluate.Run(ctx, o)
	if err != nil {
		return err
	}
	all := report.All()
	line(out, "tapio", "", all.Faults, all.Detected, all.First, all.Third, report.FalsePerDay())
	return nil
}

// findings are the tallies of all models, by threshold.
type findings struct {
	models  []learned.Model
	tallies [][]learned.Tally
}

func newFindings() *findings {
	f := &findings{models: learned.Models()}
	for _, model := range f.models {
		f.tallies = append(f.tallies, make([]learned.Tally, len(model.Thresholds)))
	}
	return f
}

// add lets all models look at the system of a seed.
func (f *findings) add(o *evaluate.Options, seed uint64) {
	var measures *learned.Measures
	w, start := evaluate.Play(*o, seed, func(a *world.Arrivals) {
		if measures == nil {
			measures = learned.NewMeasures(a.At)
		}
		measures.Add(a.Traces)
	})
	for i, model := range f.models {
		scores := measures.Score(model, w.Now())
		for n, threshold := range model.Thresholds {
			f.tallies[i][n].Add(w, start, scores.Incidents(threshold))
		}
	}
}

func (f *findings) print(out io.Writer) {
	for i, model := range f.models {
		for n, threshold := range model.Thresholds {
			t := &f.tallies[i][n]
			line(out, model.Name, fmt.Sprintf("%.2f", threshold), t.Faults, t.Detected, t.First, t.Third, float64(t.False)/t.Days)
		}
	}
}

func line(out io.Writer, name, threshold string, faults, detected, first, third int, falsePages float64) {
	share := func(n int) string { return fmt.Sprintf("%.0f%%", 100*float64(n)/float64(max(faults, 1))) }
	fmt.Fprintf(out, "%-26s %9s %7d %9s %12s %15s %12.1f\n", name, threshold, faults, share(detected), share(first), share(third), falsePages)
}
