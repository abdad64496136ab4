// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrolprocessor

import (
	"context"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottldatapoint"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/ingestcontrol"
	"github.com/tapio/tapio/internal/losslog"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/processor/ingestcontrolprocessor/internal/metadata"
)

// control is what the processors of all signals have in common.
type control struct {
	source    string
	gate      *ingestcontrol.Gate
	telemetry *metadata.TelemetryBuilder
	now       func() time.Time
	logger    *zap.Logger
	config    ingestcontrol.Config
	losses    *losslog.Log
}

func newControl(set processor.Settings, signal, source string, c ingestcontrol.Config) (*control, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	gate := ingestcontrol.NewGate(c)
	err = telemetry.RegisterTapioIngestControlDroppedCallback(func(_ context.Context, o metric.Int64Observer) error {
		for reason, n := range gate.Dropped() {
			o.Observe(int64(n), metric.WithAttributes(
				attribute.String("processor", set.ID.String()), attribute.String("signal", signal), attribute.String("reason", reason.String())))
		}
		return nil
	})
	if err != nil {
		telemetry.Shutdown()
		return nil, err
	}
	return &control{
		source: source, gate: gate, telemetry: telemetry, now: time.Now, logger: set.Logger, config: c,
		losses: losslog.New(set.Logger, "records above max_per_second were dropped", "records", time.Now),
	}, nil
}

func (c *control) options() []processorhelper.Option {
	return []processorhelper.Option{
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
		processorhelper.WithStart(func(context.Context, component.Host) error {
			c.logStart()
			return nil
		}),
		processorhelper.WithShutdown(func(context.Context) error {
			c.telemetry.Shutdown()
			return nil
		}),
	}
}

// logStart logs the effective settings.
func (c *control) logStart() {
	c.logger.Info("ingest control started", zap.String("source", c.source), zap.Bool("enabled", c.config.Enabled),
		zap.Strings("include", c.config.Include), zap.Strings("exclude", c.config.Exclude),
		zap.Float64("sampling_percent", c.config.SamplingPercent), zap.Float64("max_per_second", c.config.MaxPerSecond))
}

// logLosses logs what exceeded the maximum per second. What the other settings drop is
// wanted, and only counted.
func (c *control) logLosses() {
	for reason, n := range c.gate.Dropped() {
		if reason == ingestcontrol.ReasonRateLimit {
			c.losses.Total(reason.String(), n, nil)
		}
	}
}

// label says which source the resource came from, if one is configured.
func (c *control) label(resource pcommon.Resource) {
	if c.source != "" {
		resource.Attributes().PutStr(semconv.Source, c.source)
	}
}

// skip counts the records of a signal that is switched off.
func (c *control) skip(n int) error {
	c.gate.DropAll(ingestcontrol.ReasonDisabled, n)
	return processorhelper.ErrSkipProcessingData
}

type logsControl struct {
	*control
	filter ingestcontrol.Filter[*ottllog.TransformContext]
}

// process takes out what shall not go on. The label is set first, so that
// conditions see it.
func (p *logsControl) process(ctx context.Context, logs plog.Logs) (plog.Logs, error) {
	if !p.gate.Enabled() {
		return logs, p.skip(logs.LogRecordCount())
	}
	for _, resource := range logs.ResourceLogs().All() {
		p.label(resource.Resource())
	}
	if p.gate.Open() && p.filter.Idle() {
		return logs, nil
	}
	defer p.logLosses()
	now := p.now()
	otlp.DropLogs(logs, func(resource plog.ResourceLogs, scope plog.ScopeLogs, record plog.LogRecord) bool {
		of := ottllog.NewTransformContextPtr(resource, scope, record)
		defer of.Close()
		return p.gate.Drop(now, p.filter.Wants(ctx, of), [16]byte{})
	})
	return logs, unlessEmpty(logs.ResourceLogs().Len())
}

type metricsControl struct {
	*control
	filter ingestcontrol.Filter[*ottldatapoint.TransformContext]
}

func (p *metricsControl) process(ctx context.Context, metrics pmetric.Metrics) (pmetric.Metrics, error) {
	if !p.gate.Enabled() {
		return metrics, p.skip(metrics.DataPointCount())
	}
	for _, resource := range metrics.ResourceMetrics().All() {
		p.label(resource.Resource())
	}
	if p.gate.Open() && p.filter.Idle() {
		return metrics, nil
	}
	defer p.logLosses()
	now := p.now()
	otlp.DropPoints(metrics, func(resource pmetric.ResourceMetrics, scope pmetric.ScopeMetrics, m pmetric.Metric, point any) bool {
		of := ottldatapoint.NewTransformContextPtr(resource, scope, m, point)
		defer of.Close()
		return p.gate.Drop(now, p.filter.Wants(ctx, of), [16]byte{})
	})
	return metrics, unlessEmpty(metrics.ResourceMetrics().Len())
}

type tracesControl struct {
	*control
	filter ingestcontrol.Filter[*ottlspan.TransformContext]
}

func (p *tracesControl) process(ctx context.Context, traces ptrace.Traces) (ptrace.Traces, error) {
	if !p.gate.Enabled() {
		return traces, p.skip(traces.SpanCount())
	}
	for _, resource := range traces.ResourceSpans().All() {
		p.label(resource.Resource())
	}
	if p.gate.Open() && p.filter.Idle() {
		return traces, nil
	}
	defer p.logLosses()
	now := p.now()
	otlp.DropSpans(traces, func(resource ptrace.ResourceSpans, scope ptrace.ScopeSpans, span ptrace.Span) bool {
		of := ottlspan.NewTransformContextPtr(resource, scope, span)
		defer of.Close()
		return p.gate.Drop(now, p.filter.Wants(ctx, of), span.TraceID())
	})
	return traces, unlessEmpty(traces.ResourceSpans().Len())
}

func unlessEmpty(resources int) error {
	if resources == 0 {
		return processorhelper.ErrSkipProcessingData
	}
	return nil
}
