// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tapio/tapio/test/running"
)

// sender replays timelines as OTLP, in event time.
type sender struct {
	logs    plogotlp.GRPCClient
	traces  ptraceotlp.GRPCClient
	metrics pmetricotlp.GRPCClient
}

func newSender(c *running.Collector) *sender {
	return &sender{
		logs: plogotlp.NewGRPCClient(c.OTLP), traces: ptraceotlp.NewGRPCClient(c.OTLP),
		metrics: pmetricotlp.NewGRPCClient(c.OTLP),
	}
}

// replay sends what the timelines hold from a slot on and before end, slot by slot.
func (s *sender) replay(ctx context.Context, from, end uint64, lines ...*timeline) error {
	numbers := map[uint64]bool{}
	for _, line := range lines {
		for _, number := range line.numbers() {
			numbers[number] = true
		}
	}
	for _, number := range slices.Sorted(maps.Keys(numbers)) {
		if number < from {
			continue
		}
		if number >= slotAfter(end) {
			return nil
		}
		for _, line := range lines {
			if held := line.slots[number]; held != nil {
				if err := s.send(ctx, held); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// slotAfter is the number of the first slot that begins at a time or later.
func slotAfter(t uint64) uint64 { return (t + uint64(slot) - 1) / uint64(slot) }

func (s *sender) send(ctx context.Context, held *requests) error {
	if held.metrics.DataPointCount() > 0 {
		if _, err := s.metrics.Export(ctx, pmetricotlp.NewExportRequestFromMetrics(held.metrics)); err != nil {
			return err
		}
	}
	if held.logs.LogRecordCount() > 0 {
		if _, err := s.logs.Export(ctx, plogotlp.NewExportRequestFromLogs(held.logs)); err != nil {
			return err
		}
	}
	if held.traces.SpanCount() > 0 {
		if _, err := s.traces.Export(ctx, ptraceotlp.NewExportRequestFromTraces(held.traces)); err != nil {
			return err
		}
	}
	return nil
}

// pass lets event time go on, as the next scrape would, so that conclusions
// about what was sent are drawn.
func (s *sender) pass(ctx context.Context, end uint64, by time.Duration) error {
	metrics := pmetric.NewMetrics()
	metric := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("replay.time")
	point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(pcommon.Timestamp(end + uint64(by)))
	point.SetIntValue(1)
	_, err := s.metrics.Export(ctx, pmetricotlp.NewExportRequestFromMetrics(metrics))
	return err
}
