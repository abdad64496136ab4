// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
)

// shell is the processor of one pipeline.
type shell struct {
	engine  *engine
	readers sync.Pool // of *otlp.Reader: pipelines are called concurrently
}

func newShell(shared *engine) *shell {
	return &shell{engine: shared, readers: sync.Pool{New: func() any { return new(otlp.Reader) }}}
}

// Start implements component.Component.
func (s *shell) Start(_ context.Context, host component.Host) error { return s.engine.start(host) }

// Shutdown implements component.Component.
func (*shell) Shutdown(context.Context) error { return nil }

// reader lends a reader until done is called; then its rows are reused. After a panic
// it is not called: the reader's state is unknown then.
func (s *shell) reader() (reader *otlp.Reader, done func()) {
	reader = s.readers.Get().(*otlp.Reader)
	reader.Latest = model.Nanos(time.Now().Add(maxSkew).UnixNano())
	return reader, func() { s.readers.Put(reader) }
}

// logsShell is the processor of a logs pipeline.
type logsShell struct {
	*shell
	merges bool // findings of other engines
	next   consumer.Logs
}

// Shutdown implements component.Component. The engine ends with the pipeline
// that its findings leave through.
func (s *logsShell) Shutdown(ctx context.Context) error {
	s.engine.leave(ctx, s.next)
	return nil
}

// Capabilities implements consumer.Logs: records get attributes.
func (*logsShell) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// ConsumeLogs implements consumer.Logs.
func (s *logsShell) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	s.engine.contain(func() { //nolint:contextcheck // a flush is counted even when the caller is gone
		if s.merges {
			s.engine.mergeFindings(logs)
		}
		reader, done := s.reader()
		marks := s.engine.observeLogs(reader, logs)
		done()
		otlp.MarkLogs(logs, marks)
	})
	return s.next.ConsumeLogs(ctx, logs)
}

// tracesShell is the processor of a traces pipeline.
type tracesShell struct {
	*shell
	next consumer.Traces
}

// Capabilities implements consumer.Traces: spans get attributes.
func (*tracesShell) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// ConsumeTraces implements consumer.Traces.
func (s *tracesShell) ConsumeTraces(ctx context.Context, traces ptrace.Traces) error {
	s.engine.contain(func() { //nolint:contextcheck // a flush is counted even when the caller is gone
		reader, done := s.reader()
		marks := s.engine.observeTraces(reader, traces)
		done()
		otlp.MarkTraces(traces, marks)
	})
	return s.next.ConsumeTraces(ctx, traces)
}

// metricsShell is the processor of a metrics pipeline.
type metricsShell struct {
	*shell
	next consumer.Metrics
}

// Capabilities implements consumer.Metrics. A point is not marked: an attribute
// more would make another series of it.
func (*metricsShell) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// ConsumeMetrics implements consumer.Metrics. What was counted or computed from telemetry
// that passed already would be evidence twice.
func (s *metricsShell) ConsumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	if otlp.IsDerived(metrics) {
		return s.next.ConsumeMetrics(ctx, metrics)
	}
	s.engine.contain(func() { //nolint:contextcheck // a flush is counted even when the caller is gone
		reader, done := s.reader()
		s.engine.observeMetrics(reader, metrics)
		done()
	})
	return s.next.ConsumeMetrics(ctx, metrics)
}

// profilesShell is the processor of a profiles pipeline.
type profilesShell struct {
	*shell
	next xconsumer.Profiles
}

// Capabilities implements xconsumer.Profiles.
func (*profilesShell) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// ConsumeProfiles implements xconsumer.Profiles.
func (s *profilesShell) ConsumeProfiles(ctx context.Context, profiles pprofile.Profiles) error {
	s.engine.contain(func() { s.engine.observeProfiles(profiles) })
	return s.next.ConsumeProfiles(ctx, profiles)
}
