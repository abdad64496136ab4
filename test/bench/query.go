// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// warmups is how often a question is asked before it is timed.
const warmups = 3

func measureQueries(ctx context.Context, set settings, out io.Writer) error {
	if set.Logs < 2*needleEvery {
		return fmt.Errorf("set N to %d or more, it is %d: the text search would find nothing", 2*needleEvery, set.Logs)
	}
	if set.MemoryLimit == "" {
		set.MemoryLimit = "1GiB"
	}
	with, err := withStore(set)
	if err != nil {
		return err
	}
	c, err := start(ctx, set.Binary, with)
	if err != nil {
		return err
	}
	defer c.stop()
	if err := fillAll(ctx, set, c, out); err != nil {
		return err
	}
	filled := time.Now()
	fmt.Fprintf(out, "%d repetitions or %v a query, memory_limit %s, load average before: %s\n",
		set.Repetitions, set.QueryLimit, set.MemoryLimit, loadAverage())
	if err := measureAtRest(ctx, set, c, filled, out); err != nil {
		return err
	}
	if err := measureUnderLoad(ctx, set, c, filled, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "load average after: %s\n", loadAverage())
	return nil
}

func measureAtRest(ctx context.Context, set settings, c *collector, filled time.Time, out io.Writer) error {
	if err := printStore(ctx, c, out, "Nothing is written"); err != nil {
		return err
	}
	return askAll(ctx, set, c, filled, out)
}

// measureUnderLoad asks the same while one sender a signal sends as fast as it
// is acknowledged.
func measureUnderLoad(ctx context.Context, set settings, c *collector, filled time.Time, out io.Writer) error {
	var loads []*load
	for _, signal := range []string{logs, traces, metrics} {
		batches, err := otlpBatches(signal)
		if err != nil {
			return err
		}
		l, err := newLoad(ctx, c, 1, batches, otlpLink(signal))
		if err != nil {
			return err
		}
		defer l.close()
		loads = append(loads, l)
	}
	began := time.Now()
	ctx, end := context.WithCancel(ctx)
	defer end()
	stopped := make(chan struct{}, len(loads))
	for _, l := range loads {
		go func() {
			l.run(ctx, func() bool { return true })
			stopped <- struct{}{}
		}()
	}
	wait(ctx, set.Warmup)
	err := errors.Join(printStore(ctx, c, out, "All signals are written at full speed"), askAll(ctx, set, c, filled, out))
	printLoads(out, loads, time.Since(began))
	end()
	for range loads {
		<-stopped
	}
	return err
}

func printLoads(out io.Writer, loads []*load, took time.Duration) {
	fmt.Fprint(out, "\nWritten meanwhile, records/s of logs, traces and metrics:")
	for _, l := range loads {
		fmt.Fprintf(out, " %.0f", float64(l.acknowledged.Load())/took.Seconds())
	}
	fmt.Fprintln(out)
	for _, l := range loads {
		if trouble := l.trouble(); trouble != "" {
			fmt.Fprintln(out, trouble)
		}
	}
}

func printStore(ctx context.Context, c *collector, out io.Writer, title string) error {
	stats, err := storeStats(ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s.\n\n| | rows stored | MiB stored | bytes a record |\n|---|---|---|---|\n", title)
	for _, signal := range []string{logs, traces, metrics} {
		s := stats[signal]
		fmt.Fprintf(out, "| %s | %d | %.0f | %.0f |\n", signal, s.GetRecordCount(),
			float64(s.GetSizeBytes())/(1<<20), float64(s.GetSizeBytes())/float64(max(s.GetRecordCount(), 1)))
	}
	peak, err := peakMemory(c.process.PID())
	if err != nil {
		return err
	}
	garbage, err := garbageOf(ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nPeak RSS: %d MiB. %v.\n", peak>>20, &garbage)
	return nil
}

func askAll(ctx context.Context, set settings, c *collector, filled time.Time, out io.Writer) error {
	conn, err := dial(c.api)
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprint(out, "\n| query | median | p99 | times |\n|---|---|---|---|\n")
	for _, q := range questions(conn, filled) {
		times, err := repeat(ctx, set, q)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		fmt.Fprintf(out, "| %s | %v | %v | %d |\n", q.name, rounded(quantile(times, .5)), rounded(quantile(times, .99)), len(times))
	}
	return nil
}

// rounded keeps three digits.
func rounded(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}

// repeat asks and times. A question whose answer falls short is an error, but
// for a record that was evicted before it could be asked for. One that takes
// longer than the limit is not asked again to be timed.
func repeat(ctx context.Context, set settings, q question) ([]time.Duration, error) {
	var times []time.Duration
	began := time.Now()
	for asked := 0; len(times) == 0 || len(times) < set.Repetitions && time.Since(began) < set.QueryLimit; asked++ {
		ask, err := q.prepare(ctx)
		if err != nil {
			return times, err
		}
		start := time.Now()
		err = ask()
		took := time.Since(start)
		switch {
		case status.Code(err) == codes.NotFound:
		case err != nil:
			return times, err
		case asked >= warmups || took > set.QueryLimit:
			times = append(times, took)
		}
	}
	return times, nil
}
