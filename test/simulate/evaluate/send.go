// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tapio/tapio/test/running"
	"github.com/tapio/tapio/test/simulate/world"
)

// sender sends over OTLP what arrives.
type sender struct {
	logs    plogotlp.GRPCClient
	traces  ptraceotlp.GRPCClient
	metrics pmetricotlp.GRPCClient
}

func newSender(c *running.Collector) *sender {
	return &sender{
		logs: plogotlp.NewGRPCClient(c.OTLP), traces: ptraceotlp.NewGRPCClient(c.OTLP), metrics: pmetricotlp.NewGRPCClient(c.OTLP),
	}
}

func (s *sender) send(ctx context.Context, a *world.Arrivals) error {
	if a.Metrics.DataPointCount() > 0 {
		if _, err := s.metrics.Export(ctx, pmetricotlp.NewExportRequestFromMetrics(a.Metrics)); err != nil {
			return err
		}
	}
	if a.Logs.LogRecordCount() > 0 {
		if _, err := s.logs.Export(ctx, plogotlp.NewExportRequestFromLogs(a.Logs)); err != nil {
			return err
		}
	}
	if a.Traces.SpanCount() > 0 {
		if _, err := s.traces.Export(ctx, ptraceotlp.NewExportRequestFromTraces(a.Traces)); err != nil {
			return err
		}
	}
	return nil
}

// pass lets event time go on without anything happening, so that conclusions about
// what was sent are drawn.
func (s *sender) pass(ctx context.Context, to int64) error {
	metrics := pmetric.NewMetrics()
	metric := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("clock")
	point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(pcommon.Timestamp(to))
	point.SetIntValue(1)
	_, err := s.metrics.Export(ctx, pmetricotlp.NewExportRequestFromMetrics(metrics))
	return err
}
