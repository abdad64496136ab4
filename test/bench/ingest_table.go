// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
)

// printIngest writes the medians of the rounds; the ratio is the median of each
// round's own, for two runs one after the other had most in common.
func printIngest(out io.Writer, signal string, chosen []variant, results map[string][]result) {
	floor := results["nop"]
	fmt.Fprintf(out, "| %s | records/s | of nop | CPU s per million | peak RSS | bytes a record |\n|---|---|---|---|---|---|\n", signal)
	for _, v := range chosen {
		runs := results[v.name]
		fmt.Fprintf(out, "| %s | %.0f | %s | %.2f | %.0f MiB | %d |\n", v.name,
			median(each(runs, func(r result) float64 { return r.rate })),
			ratio(runs, floor),
			median(each(runs, func(r result) float64 { return r.cpu })),
			median(each(runs, func(r result) float64 { return float64(r.peak) }))/(1<<20),
			runs[0].batchBytes/recordsPerBatch)
	}
	fmt.Fprintln(out)
	for _, v := range chosen {
		printRuns(out, v, results[v.name])
	}
	fmt.Fprintln(out)
}

// printRuns shows every run, so that noise can be seen.
func printRuns(out io.Writer, v variant, runs []result) {
	fmt.Fprintf(out, "%s:", v.name)
	for _, r := range runs {
		fmt.Fprintf(out, " %.0f/s", r.rate)
	}
	if v.name != "nop" {
		var sent, appended uint64
		for _, r := range runs {
			sent, appended = sent+r.sent, appended+r.appended
		}
		fmt.Fprintf(out, "; acknowledged %d, appended %d", sent, appended)
	}
	fmt.Fprintln(out)
	fmt.Fprintf(out, "  %s\n", &runs[len(runs)-1].garbage)
	for i, r := range runs {
		if r.trouble != "" {
			fmt.Fprintf(out, "  run %d: %s\n", i+1, r.trouble)
		}
	}
}

func ratio(runs, floor []result) string {
	if len(runs) != len(floor) {
		return "-"
	}
	ratios := make([]float64, len(runs))
	for i := range runs {
		ratios[i] = runs[i].rate / floor[i].rate
	}
	return fmt.Sprintf("%.2f", median(ratios))
}

func each(runs []result, figure func(result) float64) []float64 {
	figures := make([]float64, len(runs))
	for i, r := range runs {
		figures[i] = figure(r)
	}
	return figures
}
