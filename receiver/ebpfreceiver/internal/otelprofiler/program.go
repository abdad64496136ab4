//go:build linux && (amd64 || arm64)

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/xreceiver"
	"go.opentelemetry.io/ebpf-profiler/collector"
	"go.opentelemetry.io/ebpf-profiler/collector/config"
	"go.opentelemetry.io/ebpf-profiler/reporter"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/tapio/tapio/internal/programpages"
)

const (
	// samplesFile is the file descriptor that startProcess gives the process.
	samplesFile = 3
	// flushInterval is how long a sample waits for others.
	flushInterval = 200 * time.Millisecond
	// startLasts is after which time the pages are given back that only the start needed.
	startLasts = 20 * time.Second
	// gcPercent keeps the heap small: the profiler allocates little.
	gcPercent = 50
)

// Main runs the profiler if the arguments of this process ask for it, and reports whether
// they do. It returns when the profiler has ended, or the process that started this one.
func Main(args []string) (isProfiler bool, err error) {
	if len(args) != 2 || args[0] != Command {
		return false, nil
	}
	perSecond, err := strconv.Atoi(args[1])
	if err != nil {
		return true, fmt.Errorf("samples per second: %w", err)
	}
	debug.SetGCPercent(gcPercent)
	return true, serve(os.Stdin, newSender(os.NewFile(samplesFile, "samples")), perSecond)
}

// serve sends samples until the input ends or the profiler does. Nothing is left behind: the
// process ends after it.
func serve(input io.Reader, to *sender, perSecond int) error {
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(io.Discard, input)
	}()
	taker := &taker{to: to, ended: make(chan struct{})}
	running, err := build(taker, perSecond)
	if err == nil {
		err = running.Start(context.Background(), nil) // it does not look at the host
	}
	if err != nil {
		return to.fail(err)
	}
	flush := time.NewTicker(flushInterval)
	defer flush.Stop()
	started := time.After(startLasts)
	for {
		select {
		case <-over:
			return nil
		case <-taker.ended:
			return to.fail(errStopped)
		case <-started:
			_ = programpages.Release() // else they stay
			debug.FreeOSMemory()
		case <-flush.C:
			if err := to.flush(); err != nil {
				return err // no one reads any more
			}
		}
	}
}

func build(take *taker, samplesPerSecond int) (xreceiver.Profiles, error) {
	factory := collector.NewFactory()
	c, ok := factory.CreateDefaultConfig().(*config.Config)
	if !ok {
		return nil, errors.New("OpenTelemetry's eBPF profiler has another type of configuration")
	}
	c.SamplesPerSecond = samplesPerSecond
	c.SendErrorFrames = true // they mark stacks that are incomplete
	if err := c.Validate(); err != nil {
		return nil, err
	}
	set := receiver.Settings{
		ID: component.NewID(factory.Type()),
		TelemetrySettings: component.TelemetrySettings{
			Logger: newLogger(take.to), MeterProvider: metricnoop.NewMeterProvider(), TracerProvider: tracenoop.NewTracerProvider(),
			Resource: pcommon.NewResource(),
		},
	}
	create := collector.BuildProfilesReceiver(
		collector.WithReporterFactory(func(*reporter.Config, xconsumer.Profiles) (reporter.Reporter, error) { return take, nil }),
		collector.WithExecutableReporter(newLargeFiles(set.Logger)),
	)
	return create(context.Background(), set, c, nil)
}
