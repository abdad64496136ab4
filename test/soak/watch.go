//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// watch looks at the collector once a minute.
type watch struct {
	*collector
	namespace            int64
	resident, goroutines []int
	faults               []error
}

// shownFaults is how many faults are printed; all are counted.
const shownFaults = 20

func newWatch(c *collector) (*watch, error) {
	namespace, err := ownNamespace()
	return &watch{collector: c, namespace: namespace}, err
}

// run reloads and checks until ctx ends.
func (w *watch) run(ctx context.Context) {
	fmt.Println("minute  RSS MiB  goroutines  of 500 seen  lost  false connection_closed")
	for minute := 1; ; minute++ {
		if pause(ctx, 20*time.Second) != nil {
			return
		}
		if err := w.reload(ctx); err != nil {
			w.fault("reload: %w", err)
		}
		if pause(ctx, 10*time.Second) != nil {
			return
		}
		w.check(ctx, minute)
		if pause(ctx, 30*time.Second) != nil {
			return
		}
	}
}

func (w *watch) fault(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if w.faults = append(w.faults, err); len(w.faults) <= shownFaults {
		fmt.Println("FAULT", err)
	}
}

// check takes one look. What the end of the run interrupts is no fault.
func (w *watch) check(ctx context.Context, minute int) {
	if err := w.alive(); err != nil {
		w.fault("%w", err)
		return
	}
	path := "/exact/" + strconv.Itoa(minute)
	if err := exactRequests(ctx, path); err != nil {
		w.faultUnlessOver(ctx, "requests for "+path+": %w", err)
		return
	}
	seen, err := w.awaitExact(ctx, path)
	if err != nil {
		w.faultUnlessOver(ctx, "read spans: %w", err)
		return
	}
	lost, err := w.counter(ctx, "otelcol_tapio_ebpf_lost")
	if err != nil {
		w.faultUnlessOver(ctx, "read counter: %w", err)
		return
	}
	if !seen.explains(exactCount, lost) {
		w.fault("%s: %v of %d requests seen, but only %.0f records counted as lost", path, seen.requests, exactCount, lost)
	}
	closed := w.falselyClosed(ctx)
	figures, err := w.tapio.GetMetrics(ctx, &tapiov1.TapioServiceGetMetricsRequest{})
	if err != nil {
		w.faultUnlessOver(ctx, "read figures: %w", err)
		return
	}
	w.resident = append(w.resident, w.residentMiB())
	w.goroutines = append(w.goroutines, int(figures.GetGoroutineCount()))
	fmt.Printf("%6d  %7d  %10d  %11.0f  %4.0f  %d\n", minute, w.resident[len(w.resident)-1], figures.GetGoroutineCount(), seen.requests, lost, closed)
}

// sighting is of how many requests there are spans. Above a rate of requests of the host,
// spans stand for others.
type sighting struct{ requests, variance float64 }

// explains reports whether as many requests as there were are seen, or counted as lost.
func (s sighting) explains(requests int, lost float64) bool {
	missing, chance := float64(requests)-s.requests, 6*math.Sqrt(s.variance)
	return missing <= lost+chance && missing >= -chance
}

func (s *sighting) add(span *tracev1.Span) {
	weight := 1.0
	if _, rest, found := strings.Cut(span.GetTraceState(), "ot=th:"); found {
		text, _, _ := strings.Cut(rest, ";")
		if threshold, err := strconv.ParseUint(text+strings.Repeat("0", 14-len(text)), 16, 64); err == nil {
			weight = math.Exp2(56) / (math.Exp2(56) - float64(threshold))
		}
	}
	s.requests += weight
	s.variance += weight * (weight - 1)
}

// awaitExact counts the spans of the requests once all have come, at the latest
// after half a minute.
func (w *watch) awaitExact(ctx context.Context, path string) (seen sighting, err error) {
	for range 10 {
		if err := pause(ctx, 3*time.Second); err != nil {
			return seen, err
		}
		seen = sighting{}
		err := w.spans(ctx, 2*time.Minute, "url.path", path, func(s *tracev1.Span) {
			if s.GetKind() == tracev1.Span_SPAN_KIND_SERVER {
				seen.add(s)
			}
		})
		if err != nil || seen.explains(exactCount, 0) {
			return seen, err
		}
	}
	return seen, nil
}

func (w *watch) faultUnlessOver(ctx context.Context, format string, args ...any) {
	if ctx.Err() == nil {
		w.fault(format, args...)
	}
}

// falselyClosed counts spans that say that a connection was closed where no
// client was killed.
func (w *watch) falselyClosed(ctx context.Context) (count int) {
	err := w.spans(ctx, 70*time.Second, "error.type", "connection_closed", func(s *tracev1.Span) {
		if clientWasKilled(s) || elsewhere(s.GetAttributes(), w.namespace) {
			return
		}
		count++
		w.fault("false connection_closed: %s %v", s.GetName(), s.GetAttributes())
	})
	if err != nil {
		w.faultUnlessOver(ctx, "read spans: %w", err)
	}
	return count
}

// elsewhere reports whether the exchange is in another network namespace than this
// program's: of other programs on this host.
func elsewhere(attributes []*commonv1.KeyValue, own int64) bool {
	for _, kv := range attributes {
		if kv.GetKey() == "tapio.network.namespace" {
			return kv.GetValue().GetIntValue() != own
		}
	}
	return false
}

// ownNamespace is the inode of the network namespace.
func ownNamespace() (int64, error) {
	info, err := os.Stat("/proc/self/ns/net")
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("this system has no inode numbers")
	}
	return int64(stat.Ino), nil
}

// clientWasKilled reports whether the exchange is with a server or a database whose
// clients are killed. The database is named by the first message of a connection, which may
// be counted as lost; no other client sends the statement of those that are killed.
func clientWasKilled(s *tracev1.Span) bool {
	for _, kv := range s.GetAttributes() {
		text := kv.GetValue().GetStringValue()
		port := strconv.FormatInt(kv.GetValue().GetIntValue(), 10)
		switch key := kv.GetKey(); {
		case strings.HasSuffix(key, ".port") && (port == killedNginxPort || port == killedRedisPort),
			key == "db.namespace" && text == killedDatabase,
			key == "db.operation.name" && text == killedStatement:
			return true
		}
	}
	return false
}

// finish stops the collector and judges the whole.
func (w *watch) finish(ctx context.Context) error {
	if err := w.alive(); err == nil {
		if err := w.stop(); err != nil {
			w.fault("stop: %w", err)
		}
	}
	if n := w.panics(); n > 0 {
		w.fault("the log has %d lines with a panic:\n%s", n, w.process.LogEnd())
	}
	if len(w.resident) >= 3 {
		w.judgeGrowth("RSS in MiB", w.resident, 1.10, 16)
		w.judgeGrowth("goroutines", w.goroutines, 1.10, 20)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(w.faults) > 0 {
		return fmt.Errorf("%d faults, the first: %w", len(w.faults), w.faults[0])
	}
	if len(w.resident) == 0 {
		return errors.New("no check was completed")
	}
	fmt.Printf("passed: %d checks\n", len(w.resident))
	return nil
}

// judgeGrowth compares the median of the last third with that of the middle one:
// by then the caches and shares of the store have filled.
func (w *watch) judgeGrowth(what string, values []int, factor float64, slack int) {
	third := len(values) / 3
	middle, last := median(values[third:2*third]), median(values[len(values)-third:])
	fmt.Printf("%s: median of the middle third %d, of the last third %d\n", what, middle, last)
	if float64(last) > factor*float64(middle)+float64(slack) {
		w.fault("%s grew from %d to %d", what, middle, last)
	}
}

func median(values []int) int {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
