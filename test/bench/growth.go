// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
)

// growth is the percentages of the log records after which is shown what the
// garbage collector has to do.
func growth() []int { return []int{1, 10, 50, 100} }

// fillAll stores what is asked for, and shows that the garbage collector does not
// have more to do the more is stored.
func fillAll(ctx context.Context, set settings, c *collector, out io.Writer) error {
	fmt.Fprint(out, "While the store is filled, each time at rest:\n\n",
		"| log records stored | heap objects | MiB live | pauses of 30 collections: median | longest |\n|---|---|---|---|---|\n")
	stored := 0
	for _, percent := range growth() {
		target := set.Logs / 100 * percent
		if err := fill(ctx, set, c, logs, target-stored); err != nil {
			return err
		}
		stored = target
		if err := printGrowth(ctx, c, out); err != nil {
			return err
		}
	}
	for signal, records := range map[string]int{traces: set.Spans, metrics: set.Points} {
		if err := fill(ctx, set, c, signal, records); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	return nil
}

func printGrowth(ctx context.Context, c *collector, out io.Writer) error {
	stats, err := storeStats(ctx, c)
	if err != nil {
		return err
	}
	g, err := garbageAtRest(ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "| %d | %d | %d | %v | %v |\n", stats[logs].GetRecordCount(), g.objects, g.live>>20,
		rounded(quantile(g.pauses, .5)), rounded(quantile(g.pauses, 1)))
	return nil
}
