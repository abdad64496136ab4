// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// streamVariants are the ways of one and the same log record into the store: by
// OTLP, which is the baseline, and over each stream in each packing.
func streamVariants() []variant {
	return []variant{
		{name: "otlp", signal: logs, configure: withStore, batches: func() ([]*batch, error) { return otlpBatches(logs) }, connect: otlpLink(logs)},
		streamVariant("events", eventBatches, eventRequest, eventWriter()),
		streamVariant("payload", payloadBatches, eventRequest, eventWriter()),
		streamVariant("fleet-events", eventBatches, fleetRequest, fleetWriter()),
		streamVariant("fleet-payload", payloadBatches, fleetRequest, fleetWriter()),
	}
}

// measureStreams runs all variants in turn or, at a RATE, all at once.
func measureStreams(ctx context.Context, set settings, out io.Writer) error {
	chosen := slices.DeleteFunc(streamVariants(), func(v variant) bool {
		return len(set.Variants) > 0 && !slices.Contains(set.Variants, v.name)
	})
	if len(chosen) == 0 {
		return fmt.Errorf("VARIANTS: none is known: write some of %v", names(streamVariants()))
	}
	if set.Rate > 0 {
		return measureSoak(ctx, set, chosen, out)
	}
	fmt.Fprintf(out, "%d rounds of %v after %v, %d senders, batches of %d, load average before: %s\n\n",
		set.Rounds, set.Duration, set.Warmup, set.Senders, recordsPerBatch, loadAverage())
	results, err := runAll(ctx, set, chosen)
	if err != nil {
		return err
	}
	printStreams(out, chosen, results)
	fmt.Fprintf(out, "load average after: %s\n", loadAverage())
	return nil
}

func printStreams(out io.Writer, chosen []variant, results map[string][]result) {
	baseline := results["otlp"]
	fmt.Fprint(out, "| batches over | records/s | of OTLP | ack p50 | ack p99 | CPU s per million | peak RSS |\n|---|---|---|---|---|---|---|\n")
	for _, v := range chosen {
		runs := results[v.name]
		fmt.Fprintf(out, "| %s | %.0f | %s | %.1f ms | %.1f ms | %.2f | %.0f MiB |\n", v.name,
			median(each(runs, func(r result) float64 { return r.rate })),
			ratio(runs, baseline),
			median(each(runs, func(r result) float64 { return milliseconds(r.ack50) })),
			median(each(runs, func(r result) float64 { return milliseconds(r.ack99) })),
			median(each(runs, func(r result) float64 { return r.cpu })),
			median(each(runs, func(r result) float64 { return float64(r.peak) }))/(1<<20))
	}
	fmt.Fprintln(out)
	for _, v := range chosen {
		printRuns(out, v, results[v.name])
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
