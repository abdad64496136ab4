// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"context"
	"errors"
	"maps"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tapio/tapio/internal/correlate"
	"github.com/tapio/tapio/processor/semanticcorrelationprocessor/internal/metadata"
)

// publish makes the figures of the engine the collector's own metrics. They are
// read when the metrics are collected.
func (e *engine) publish(settings component.TelemetrySettings) error {
	builder, err := metadata.NewTelemetryBuilder(settings)
	if err != nil {
		return err
	}
	e.telemetry = builder
	return errors.Join(
		builder.RegisterTapioCorrelationObservedCallback(labelled("signal", e.observedBySignal)),
		builder.RegisterTapioCorrelationSkippedCallback(labelled("reason", e.skippedByReason)),
		builder.RegisterTapioCorrelationFindingsCallback(labelled("finding", func() map[string]uint64 { return e.outbox.counts(e.outbox.sent) })),
		builder.RegisterTapioCorrelationMadeCallback(labelled("finding", func() map[string]uint64 { return e.outbox.counts(e.outbox.made) })),
		builder.RegisterTapioCorrelationDroppedCallback(labelled("reason", func() map[string]uint64 { return e.outbox.counts(e.outbox.dropped) })),
		builder.RegisterTapioCorrelationEvictedCallback(labelled("reason", e.evictedByReason)),
		builder.RegisterTapioCorrelationPanicsCallback(e.observePanics),
		builder.RegisterTapioCorrelationGroupsOpenCallback(e.gauge(func(s correlate.Stats) int { return s.OpenGroups })),
		builder.RegisterTapioCorrelationMemoryCallback(e.gauge(func(s correlate.Stats) int { return s.MemoryBytes })),
		builder.RegisterTapioCorrelationMemoryLimitCallback(e.gauge(func(s correlate.Stats) int { return s.MemoryLimit })),
	)
}

func (e *engine) stats() (stats correlate.Stats) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.think(func() { stats = e.thinking.Stats() })
	return stats
}

func (e *engine) observePanics(_ context.Context, o metric.Int64Observer) error {
	o.Observe(int64(e.health.count.Total()))
	return nil
}

func (e *engine) observedBySignal() map[string]uint64 {
	return map[string]uint64{
		"logs":     e.observed[logs].Load(),
		"traces":   e.observed[traces].Load(),
		"metrics":  e.observed[metrics].Load(),
		"profiles": e.observed[profiles].Load(),
	}
}

func (e *engine) skippedByReason() map[string]uint64 {
	stats := e.stats()
	return map[string]uint64{
		"finding":        e.findings.Load(),
		"frequent_point": stats.FrequentPoints,
		"future":         e.ahead.Load(),
		"late":           stats.Late,
		"ordinary_log":   e.ordinary[logs].Load(),
		"ordinary_span":  e.ordinary[traces].Load() + stats.SkippedSpans,
	}
}

func (e *engine) evictedByReason() map[string]uint64 {
	counts := map[string]uint64{}
	for reason, n := range e.stats().Evictions {
		counts[reason] = uint64(n)
	}
	return counts
}

func (o *outbox) counts(of map[string]uint64) map[string]uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(of)
}

func (e *engine) gauge(figure func(correlate.Stats) int) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(figure(e.stats())))
		return nil
	}
}

func labelled(label string, figures func() map[string]uint64) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		for value, n := range figures() {
			o.Observe(int64(n), metric.WithAttributes(attribute.String(label, value)))
		}
		return nil
	}
}
