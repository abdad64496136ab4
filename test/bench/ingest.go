// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type connector func(context.Context, *collector) (*link, error)

// variant is one way for records to take.
type variant struct {
	name, signal string
	configure    func(settings) (config, error)
	batches      func() ([]*batch, error)
	connect      connector
	// othersWrite is set where the store gets more than the generator sends.
	othersWrite bool
	named       bool // it runs only where VARIANTS names it
}

func variants(signal string) []variant {
	made := func() ([]*batch, error) { return otlpBatches(signal) }
	all := []variant{
		{name: "nop", signal: signal, configure: withNop, batches: made, connect: otlpLink(signal)},
		{name: "tapio", signal: signal, configure: withStore, batches: made, connect: otlpLink(signal)},
		{name: "correlated", signal: signal, configure: withEngine, batches: made, connect: otlpLink(signal), othersWrite: true},
		{name: "none", signal: signal, configure: withDurability("none"), batches: made, connect: otlpLink(signal), named: true},
		{name: "async", signal: signal, configure: withDurability("async"), batches: made, connect: otlpLink(signal), named: true},
		{name: "sync", signal: signal, configure: withDurability("sync"), batches: made, connect: otlpLink(signal), named: true},
		{name: "pinned", signal: signal, configure: onOneCPU, batches: made, connect: otlpLink(signal), named: true},
		{name: "shipped", signal: signal, configure: asShipped, batches: made, connect: otlpLink(signal), othersWrite: true},
	}
	if signal != logs {
		return all
	}
	return append(all,
		streamVariant("events", eventBatches, eventRequest, eventWriter()),
		streamVariant("payload", payloadBatches, eventRequest, eventWriter()),
	)
}

// streamVariant writes batches of logs on one of the streams.
func streamVariant(
	name string, batches func(func(*tapiov1.EventBatch) proto.Message) ([]*batch, error),
	wrap func(*tapiov1.EventBatch) proto.Message, to writer,
) variant {
	return variant{
		name: name, signal: logs, configure: withStore,
		batches: func() ([]*batch, error) { return batches(wrap) }, connect: streamLink(to),
	}
}

// result is what one run came to.
type result struct {
	rate       float64 // records acknowledged a second
	cpu        float64 // CPU seconds of the collector per million of these
	peak       uint64  // bytes
	garbage    garbage // at the end, the store being full
	trouble    string
	appended   uint64 // records that the store says it took, of the whole run
	sent       uint64 // records acknowledged in the whole run
	batchBytes int
	ack50      time.Duration // from sending a batch to its acknowledgement
	ack99      time.Duration
}

func measureIngest(ctx context.Context, set settings, out io.Writer) error {
	if set.Rate > 0 {
		ways, err := signalWays(set)
		if err != nil {
			return err
		}
		return measureSoak(ctx, set, ways, out)
	}
	fmt.Fprintf(out, "%d rounds of %v after %v, %d senders, load average before: %s\n\n",
		set.Rounds, set.Duration, set.Warmup, set.Senders, loadAverage())
	for _, signal := range set.Signals {
		if err := checkSignal(signal); err != nil {
			return err
		}
		if err := measureSignal(ctx, set, signal, out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "load average after: %s\n", loadAverage())
	return nil
}

func checkSignal(signal string) error {
	if !slices.Contains([]string{logs, traces, metrics}, signal) {
		return fmt.Errorf("SIGNALS: unknown signal %q: write logs, traces or metrics", signal)
	}
	return nil
}

// measureSignal runs all variants in turn, and back, so that what disturbs the
// machine disturbs all of them.
func measureSignal(ctx context.Context, set settings, signal string, out io.Writer) error {
	chosen := slices.DeleteFunc(variants(signal), func(v variant) bool {
		return (len(set.Variants) > 0 || v.named) && !slices.Contains(set.Variants, v.name)
	})
	results, err := runAll(ctx, set, chosen)
	if err != nil {
		return fmt.Errorf("%s, %w", signal, err)
	}
	printIngest(out, signal, chosen, results)
	return nil
}

func runAll(ctx context.Context, set settings, chosen []variant) (map[string][]result, error) {
	results := map[string][]result{}
	order := slices.Clone(chosen)
	for range set.Rounds {
		for _, v := range order {
			r, err := runOnce(ctx, set, v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v.name, err)
			}
			results[v.name] = append(results[v.name], r)
		}
		slices.Reverse(order)
	}
	return results, nil
}

func runOnce(ctx context.Context, set settings, v variant) (result, error) {
	batches, err := v.batches()
	if err != nil {
		return result{}, err
	}
	with, err := v.configure(set)
	if err != nil {
		return result{}, err
	}
	if with.folder != "" {
		defer func() { _ = os.RemoveAll(with.folder) }() // a temporary folder
	}
	c, err := start(ctx, set.Binary, with)
	if err != nil {
		return result{}, err
	}
	defer c.stop()
	l, err := newLoad(ctx, c, set.Senders, batches, v.connect)
	if err != nil {
		return result{}, err
	}
	defer l.close()
	r, err := measureRun(ctx, set, v, c, l)
	r.batchBytes = len(batches[0].encoded)
	if err != nil || v.name == "nop" {
		return r, err
	}
	return r, verify(ctx, c, v, &r)
}

// measureRun sends for WARMUP and DURATION and takes the figures of the latter.
func measureRun(ctx context.Context, set settings, v variant, c *collector, l *load) (result, error) {
	end := time.Now().Add(set.Warmup + set.Duration)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(ctx, func() bool { return time.Now().Before(end) })
	}()
	wait(ctx, set.Warmup)
	profiled := profile(ctx, set, v, c)
	from, err := l.mark(c)
	wait(ctx, time.Until(end))
	to, err2 := l.mark(c)
	<-done
	profileErr := <-profiled
	peak, err3 := peakMemory(c.process.PID())
	left, err4 := garbageOf(ctx, c)
	for _, failed := range []error{ctx.Err(), err, err2, err3, err4, profileErr} {
		if failed != nil {
			return result{}, failed
		}
	}
	records := float64(to.records - from.records)
	return result{
		rate:    records / to.at.Sub(from.at).Seconds(),
		cpu:     (to.cpu - from.cpu) / records * 1e6,
		peak:    peak,
		garbage: left,
		trouble: l.trouble(),
		sent:    uint64(l.acknowledged.Load()),
		ack50:   quantile(l.times, .5),
		ack99:   quantile(l.times, .99),
	}, nil
}

// moment is where a run stood.
type moment struct {
	at      time.Time
	records int64
	cpu     float64
}

func (l *load) mark(c *collector) (moment, error) {
	cpu, err := cpuSeconds(c.process.PID())
	return moment{at: time.Now(), records: l.acknowledged.Load(), cpu: cpu}, err
}

// verify holds the acknowledgements against what the store says it took.
func verify(ctx context.Context, c *collector, v variant, r *result) error {
	stats, err := storeStats(ctx, c)
	if err != nil {
		return err
	}
	r.appended = stats[v.signal].GetAppendedCount()
	if r.appended < r.sent || (r.appended > r.sent && !v.othersWrite && r.trouble == "") {
		return fmt.Errorf("%d records were acknowledged, but %d appended", r.sent, r.appended)
	}
	return nil
}

// profile takes a CPU profile of the measured part, if profiles are wanted.
func profile(ctx context.Context, set settings, v variant, c *collector) <-chan error {
	done := make(chan error, 1)
	if set.Profiles == "" || c.pprof == "" {
		done <- nil
		return done
	}
	go func() {
		url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", c.pprof, max(int(set.Duration.Seconds()), 1))
		done <- download(ctx, url, filepath.Join(set.Profiles, v.signal+"-"+v.name+".pprof"))
	}()
	return done
}

func download(ctx context.Context, url, to string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("download %s: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("download %s: %w", url, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("download %s: %w", url, err)
	}
	return os.WriteFile(to, content, 0o600)
}

func loadAverage() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(content))[:3], " ")
}
