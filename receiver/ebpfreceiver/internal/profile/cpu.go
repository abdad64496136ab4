//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/otelprofiler"
)

const (
	// lastProfiler is how long the end of the receiver waits for OpenTelemetry's profiler.
	lastProfiler = 5 * time.Second
	lostUnwound  = "otel_profiler_queue_full"
	// initialDelay is how long to wait before OpenTelemetry's profiler is restarted after an exit; it
	// doubles with each exit, up to maxDelay.
	initialDelay, maxDelay = 10 * time.Second, time.Hour
)

// cpuSampling samples CPUs, by OpenTelemetry's profiler or by the clocks of this probe:
// never by both, as CPU time would count twice.
type cpuSampling struct {
	config *Config
	set    receiver.Settings
	clocks *clocks // nil if the kernel does not allow them
	// serving reports which threads serve requests while the other one samples; nil if the
	// kernel does not allow them.
	serving *clocks
	other   *otelprofiler.Profiler // nil if it is not wanted
	// running reports that the other one has begun to sample programs, failed that it does
	// not or not any more.
	running, failed bool
	backoff         backoff
	lostBefore      uint64        // samples, by those that ended
	exits           atomic.Uint64 // of others that ran
}

// backoff decides when a profiler that ran is restarted.
type backoff struct {
	ran   bool
	since time.Time // it ran
	wait  time.Duration
	until time.Time
}

// next returns the delay of the next restart.
func (b *backoff) next(now time.Time) time.Duration {
	if b.wait == 0 || now.Sub(b.since) > maxDelay {
		b.wait = initialDelay
	} else {
		b.wait = min(2*b.wait, maxDelay)
	}
	b.until = now.Add(b.wait)
	return b.wait
}

// wantsClocks reports whether the clocks of this probe may be needed.
func (c *cpuSampling) wantsClocks() bool {
	return c.config.Frequency > 0 && c.config.CPUProfiler != CPUProfilerOpenTelemetry
}

// wantsOther reports whether OpenTelemetry's profiler is to be tried.
func (c *cpuSampling) wantsOther() bool {
	return c.config.Frequency > 0 && c.config.CPUProfiler != CPUProfilerBuiltin
}

// begin starts the profiler that is wanted. The program of the clocks is nil if it was not
// loaded. OpenTelemetry's profiler takes seconds to start and to find programs; until then
// the clocks sample.
func (c *cpuSampling) begin(program *ebpf.Program) error {
	if c.config.Frequency == 0 {
		return nil
	}
	if c.wantsOther() {
		c.start()
	}
	if program == nil {
		return nil // reported as a feature that did not load
	}
	c.clocks = newClocks(program, c.config.Frequency)
	return c.clocks.attach()
}

func (c *cpuSampling) start() {
	c.other = otelprofiler.Start(c.set.Logger, int(c.config.Frequency), int64(c.config.CPUProfilerMemoryLimitMiB)<<20)
}

// decide ends the clocks once OpenTelemetry's profiler runs, and starts them again should
// it end; if it ran, it is restarted after a delay.
func (c *cpuSampling) decide(now time.Time) {
	if c.other == nil {
		return
	}
	if c.failed {
		if c.backoff.ran && !now.Before(c.backoff.until) {
			c.lostBefore += c.other.Lost()
			c.failed, c.running = false, false
			c.start()
		}
		return
	}
	switch running, err := c.other.Running(); {
	case err != nil:
		c.failed = true
		c.fallBack(err, now)
	case running && !c.running:
		c.running = true
		c.backoff.ran, c.backoff.since = true, now
		if c.clocks != nil {
			if err := c.clocks.Close(); err != nil {
				c.set.Logger.Warn("failed to stop a clock", zap.String("probe", "profile"), zap.Error(err))
			}
			c.other.Take() // the clocks sampled that time
		}
		if c.serving != nil {
			if err := c.serving.attach(); err != nil {
				c.set.Logger.Warn("a feature is off: profile, on_cpu_links: samples of OpenTelemetry's eBPF profiler are linked to completed requests only",
					zap.String("probe", "profile"), zap.Error(err))
			}
		}
		c.set.Logger.Info("CPUs are sampled by OpenTelemetry's eBPF profiler", zap.String("probe", "profile"))
	}
}

// fallBack reports why OpenTelemetry's profiler does not run, and what does.
func (c *cpuSampling) fallBack(why error, now time.Time) {
	fields := []zap.Field{zap.String("probe", "profile"), zap.Error(why)}
	if c.backoff.ran {
		c.exits.Add(1)
		fields = append(fields, zap.Duration("restart_delay", c.backoff.next(now)))
	}
	if c.config.CPUProfiler == CPUProfilerOpenTelemetry {
		c.set.Logger.Error("a feature is off: profile, on_cpu: OpenTelemetry's eBPF profiler does not run; cpu_profiler: auto samples CPUs without it", fields...)
		return
	}
	if c.serving != nil {
		_ = c.serving.Close()
	}
	if err := c.refresh(); err != nil {
		fields = append(fields, zap.NamedError("clocks", err))
	}
	c.set.Logger.Warn("a feature is limited: profile, on_cpu: OpenTelemetry's eBPF profiler does not run, CPUs are sampled by frame pointers instead, "+
		"without functions of interpreters; cpu_profiler: builtin omits this attempt", fields...)
}

// refresh starts the clocks of CPUs that were put online.
func (c *cpuSampling) refresh() error {
	switch {
	case c.running && !c.failed && c.serving != nil:
		return c.serving.attach()
	case c.clocks == nil || c.running && !c.failed:
		return nil
	default:
		return c.clocks.attach()
	}
}

// take returns the samples of OpenTelemetry's profiler.
func (c *cpuSampling) take(losses *kernel.Losses) []otelprofiler.Sample {
	if c.other == nil {
		return nil
	}
	losses.Set(lostUnwound, c.lostBefore+c.other.Lost())
	taken := c.other.Take()
	if !c.running {
		return nil // the clocks sample
	}
	return taken
}

// Close implements io.Closer.
func (c *cpuSampling) Close() error {
	var errs []error
	for _, started := range []*clocks{c.clocks, c.serving} {
		if started != nil {
			errs = append(errs, started.Close())
		}
	}
	if c.other != nil {
		ctx, cancel := context.WithTimeout(context.Background(), lastProfiler)
		defer cancel()
		if err := c.other.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop OpenTelemetry's eBPF profiler: %w", err))
		}
	}
	return errors.Join(errs...)
}
