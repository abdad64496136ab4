// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package nodesummaryconnector

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tapio/tapio/connector/nodesummaryconnector/internal/metadata"
	"github.com/tapio/tapio/internal/panics"
)

// requests counts the requests that spans show, by interval of event time.
type requests struct {
	id        component.ID
	logger    *zap.Logger
	config    *Config
	next      consumer.Metrics
	telemetry *metadata.TelemetryBuilder
	now       func() time.Time

	running sync.WaitGroup
	end     sync.Once
	ended   chan struct{}
	panics  panics.Count

	mu      sync.Mutex // guards what follows
	summary *summary
}

func newRequests(set connector.Settings, config *Config, next consumer.Metrics) (*requests, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &requests{
		id: set.ID, logger: set.Logger, config: config, next: next, telemetry: telemetry, now: time.Now, ended: make(chan struct{}),
		summary: newSummary(config.Interval, config.MaxSeries, nodeName(config)),
	}, nil
}

// Start implements component.Component.
func (r *requests) Start(context.Context, component.Host) error {
	r.running.Go(func() { panics.Restart(r.ended, r.run, r.panicked) })
	return nil
}

// Shutdown implements component.Component. It sends what was counted.
func (r *requests) Shutdown(ctx context.Context) error {
	r.end.Do(func() { close(r.ended) })
	r.running.Wait()
	defer r.telemetry.Shutdown()
	return r.send(ctx, r.take(true))
}

// Capabilities implements consumer.Traces.
func (*requests) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// ConsumeTraces implements consumer.Traces. A span that cannot be counted is no reason to
// refuse the others.
func (r *requests) ConsumeTraces(ctx context.Context, traces ptrace.Traces) error {
	dropped := 0
	err := panics.Catch(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		dropped = r.summary.add(traces, r.now())
	})
	if err != nil {
		r.panicked(err)
	}
	r.drop(ctx, dropped, "max_series")
	return nil
}

// run sends the intervals that are over.
func (r *requests) run() {
	ticker := time.NewTicker(max(r.config.Interval/10, 100*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-r.ended:
			return
		case <-ticker.C:
			if err := r.send(context.Background(), r.take(false)); err != nil {
				r.logger.Warn("failed to send a summary of requests; it is lost", zap.Error(err))
			}
		}
	}
}

// take returns the points of the intervals that are over, or of all.
func (r *requests) take(all bool) pmetric.Metrics {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.now()
	if all {
		before = before.Add(maxAhead + r.config.Interval)
	}
	return r.summary.take(before)
}

func (r *requests) send(ctx context.Context, metrics pmetric.Metrics) error {
	if metrics.ResourceMetrics().Len() == 0 {
		return nil
	}
	points := metrics.DataPointCount()
	if err := r.next.ConsumeMetrics(ctx, metrics); err != nil {
		r.drop(ctx, points, "refused")
		return err
	}
	return nil
}

func (r *requests) drop(ctx context.Context, n int, reason string) {
	if n > 0 {
		r.telemetry.TapioNodeSummaryDropped.Add(ctx, int64(n), metric.WithAttributes(
			attribute.String("connector", r.id.String()), attribute.String("reason", reason)))
	}
}

// panicked counts a panic. Its stack is logged once.
func (r *requests) panicked(err error) {
	if stack := r.panics.Add(err); stack != "" {
		r.logger.Error("recovered from a panic while requests were counted; telemetry goes on", zap.Error(err), zap.String("stack", stack))
	}
}
