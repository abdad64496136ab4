//go:build linux && (amd64 || arm64)

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/xreceiver"
	"go.opentelemetry.io/ebpf-profiler/collector"
	"go.opentelemetry.io/ebpf-profiler/collector/config"
	"go.opentelemetry.io/ebpf-profiler/libpf"
	"go.opentelemetry.io/ebpf-profiler/reporter"
	"go.opentelemetry.io/ebpf-profiler/reporter/samples"
	"go.opentelemetry.io/ebpf-profiler/times"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

// Start begins to start the profiler; Running reports what came of it. Its warnings and
// errors go to the logger of set.
func Start(set receiver.Settings, samplesPerSecond int) *Profiler {
	ctx, stop := context.WithCancel(context.Background())
	p := &Profiler{
		stop: stop, decided: make(chan struct{}), ended: make(chan struct{}), over: make(chan struct{}), seen: map[uint32]symbols.Process{},
	}
	set.Logger = set.Logger.Named("otel_profiler").WithOptions(zap.IncreaseLevel(zap.WarnLevel))
	// Its instruments are kept in variables of its package, which a reload would write to
	// while they are used.
	set.MeterProvider = noop.NewMeterProvider()
	go func() {
		defer close(p.over)
		p.run(ctx, set, samplesPerSecond)
	}()
	return p
}

// run starts the profiler and waits for its end. A failed start leaves nothing behind.
func (p *Profiler) run(ctx context.Context, set receiver.Settings, samplesPerSecond int) {
	var running xreceiver.Profiles
	err := panics.Catch(func() {
		if p.err = lacking(); p.err != nil {
			return
		}
		running, p.err = p.build(ctx, set, samplesPerSecond)
		if p.err == nil {
			p.err = running.Start(ctx, nil) // it does not look at the host
		}
	})
	p.err = errors.Join(p.err, err)
	close(p.decided)
	if p.err == nil {
		select {
		case <-ctx.Done():
		case <-p.ended:
		}
	}
	if running != nil {
		if err := panics.Catch(func() { _ = running.Shutdown(context.WithoutCancel(ctx)) }); err != nil {
			set.Logger.Error("failed to stop OpenTelemetry's eBPF profiler", zap.Error(err))
		}
	}
}

func (p *Profiler) build(ctx context.Context, set receiver.Settings, samplesPerSecond int) (xreceiver.Profiles, error) {
	c, ok := collector.NewFactory().CreateDefaultConfig().(*config.Config)
	if !ok {
		return nil, errors.New("OpenTelemetry's eBPF profiler has another type of configuration")
	}
	c.SamplesPerSecond = samplesPerSecond
	c.SendErrorFrames = true // they mark stacks that are incomplete
	if err := c.Validate(); err != nil {
		return nil, err
	}
	create := collector.BuildProfilesReceiver(
		collector.WithReporterFactory(func(*reporter.Config, xconsumer.Profiles) (reporter.Reporter, error) {
			return &taker{of: p}, nil
		}),
		collector.WithExecutableReporter(newLargeFiles(set.Logger)),
	)
	return create(ctx, set, c, nil)
}

// taker gives the profiler's samples to the Profiler.
type taker struct {
	of *Profiler
	// offset is what the profiler added to the kernel's time of the sample before. It
	// changes when the clock is set: a sample that comes meanwhile has no certain time.
	offset int64
}

var _ reporter.Reporter = (*taker)(nil)

// Start implements reporter.Reporter.
func (*taker) Start(context.Context) error { return nil }

// Stop implements reporter.Reporter. The profiler also calls it when it gives up.
func (t *taker) Stop() { t.of.endOne.Do(func() { close(t.of.ended) }) }

// ReportTraceEvent implements reporter.Reporter.
func (t *taker) ReportTraceEvent(trace *libpf.Trace, meta *samples.TraceEventMeta) error {
	return panics.Catch(func() {
		if !t.of.unwinds.Load() && ofProgram(trace.Frames) {
			t.of.unwinds.Store(true)
		}
		t.of.add(uint32(meta.PID), uint32(meta.TID), meta.Comm.String(), t.kernelTime(int64(meta.Timestamp)), func() []model.Frame { return framesOf(trace.Frames) })
	})
}

// kernelTime returns the time of the kernel's monotonic clock that the profiler made a
// timestamp of, 0 if that is not certain. The profiler reports one sample after the other,
// each as soon as it has converted its time.
func (t *taker) kernelTime(timestamp int64) uint64 {
	before := t.offset
	t.offset = times.KTime(0).UnixNano()
	if before != t.offset {
		return 0
	}
	return uint64(timestamp - t.offset)
}

// largeFile is from which size on an executable file is reported: the profiler keeps the
// tables to unwind it in memory, of one of 500 MB some 300 MB.
const (
	largeFile     = 256 << 20
	maxLargeFiles = 1024
)

// largeFiles reports each large file once.
type largeFiles struct {
	logger *zap.Logger
	mu     sync.Mutex
	known  map[string]bool
}

func newLargeFiles(logger *zap.Logger) *largeFiles {
	return &largeFiles{logger: logger, known: map[string]bool{}}
}

// ReportExecutable implements reporter.ExecutableReporter.
func (l *largeFiles) ReportExecutable(args *reporter.ExecutableMetadata) {
	if args == nil || args.Mapping == nil || args.Mapping.Length < largeFile {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	path := strings.Clone(args.Mapping.Path) // it may be part of a buffer
	if l.known[path] || len(l.known) >= maxLargeFiles {
		return
	}
	l.known[path] = true
	l.logger.Warn(fmt.Sprintf("a program maps a file with %d MiB of code: the tables to unwind it may take as much memory; "+
		"`cpu_profiler: builtin` needs none", args.Mapping.Length>>20), zap.String("file", path))
}
