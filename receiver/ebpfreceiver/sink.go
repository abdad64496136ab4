// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
)

// sink hands on to the pipelines there are. What a pipeline refuses is counted
// by receiverhelper and gone: the kernel does not tell twice.
type sink struct {
	logs    consumer.Logs
	metrics consumer.Metrics
	traces  consumer.Traces
	report  *receiverhelper.ObsReport
}

func newSink(set receiver.Settings, _ *metadata.TelemetryBuilder) (*sink, error) {
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: "kernel", ReceiverCreateSettings: set,
	})
	return &sink{report: report}, err
}

func (s *sink) consumeLogs(ctx context.Context, logs plog.Logs) error {
	n := logs.LogRecordCount()
	if s.logs == nil || n == 0 {
		return nil
	}
	ctx = s.report.StartLogsOp(ctx)
	err := s.logs.ConsumeLogs(ctx, logs)
	s.report.EndLogsOp(ctx, metadata.Type.String(), n, err)
	return err
}

func (s *sink) consumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	n := metrics.DataPointCount()
	if s.metrics == nil || n == 0 {
		return nil
	}
	ctx = s.report.StartMetricsOp(ctx)
	err := s.metrics.ConsumeMetrics(ctx, metrics)
	s.report.EndMetricsOp(ctx, metadata.Type.String(), n, err)
	return err
}

func (s *sink) consumeTraces(ctx context.Context, traces ptrace.Traces) error {
	n := traces.SpanCount()
	if s.traces == nil || n == 0 {
		return nil
	}
	ctx = s.report.StartTracesOp(ctx)
	err := s.traces.ConsumeTraces(ctx, traces)
	s.report.EndTracesOp(ctx, metadata.Type.String(), n, err)
	return err
}
