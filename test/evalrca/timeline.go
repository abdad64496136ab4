// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// slot is the event time that one request covers: what a sender that batches
// would put into one.
const slot = 2 * time.Second

// requests are what is sent for one slot; a signal that has none is empty.
type requests struct {
	logs    plog.Logs
	traces  ptrace.Traces
	metrics pmetric.Metrics
}

// timeline holds records by the slot in which they were finished.
type timeline struct {
	slots map[uint64]*requests
	first uint64 // time of the first record; 0: none
	by    *disturbance
}

func newTimeline(by *disturbance) *timeline { return &timeline{slots: map[uint64]*requests{}, by: by} }

// at returns the requests of a time, or of some time later.
func (t *timeline) at(when pcommon.Timestamp, delay uint64) (*requests, uint64) {
	if t.first == 0 || uint64(when) < t.first {
		t.first = uint64(when)
	}
	number := (uint64(when) + delay) / uint64(slot)
	found := t.slots[number]
	if found == nil {
		found = &requests{logs: plog.NewLogs(), traces: ptrace.NewTraces(), metrics: pmetric.NewMetrics()}
		t.slots[number] = found
	}
	return found, number
}

// numbers returns the slots that hold anything, in order.
func (t *timeline) numbers() []uint64 { return slices.Sorted(maps.Keys(t.slots)) }

func (t *timeline) addTraces(line []byte) error {
	request := ptraceotlp.NewExportRequest()
	if err := request.UnmarshalJSON(line); err != nil {
		return err
	}
	for _, ofResource := range request.Traces().ResourceSpans().All() {
		scopes := map[uint64]ptrace.ScopeSpans{}
		for _, ofScope := range ofResource.ScopeSpans().All() {
			clear(scopes)
			for _, span := range ofScope.Spans().All() {
				if !t.by.keeps(span.TraceID()) {
					continue
				}
				t.by.mark(span)
				for _, delay := range t.by.copies() {
					into, number := t.at(span.EndTimestamp(), delay)
					scope, made := scopes[number]
					if !made {
						to := into.traces.ResourceSpans().AppendEmpty()
						ofResource.Resource().CopyTo(to.Resource())
						scope = to.ScopeSpans().AppendEmpty()
						ofScope.Scope().CopyTo(scope.Scope())
						scopes[number] = scope
					}
					span.CopyTo(scope.Spans().AppendEmpty())
				}
			}
		}
	}
	return nil
}

func (t *timeline) addLogs(line []byte) error {
	request := plogotlp.NewExportRequest()
	if err := request.UnmarshalJSON(line); err != nil {
		return err
	}
	for _, ofResource := range request.Logs().ResourceLogs().All() {
		scopes := map[uint64]plog.ScopeLogs{}
		for _, ofScope := range ofResource.ScopeLogs().All() {
			clear(scopes)
			for _, record := range ofScope.LogRecords().All() {
				for _, delay := range t.by.copies() {
					into, number := t.at(max(record.Timestamp(), record.ObservedTimestamp()), delay)
					scope, made := scopes[number]
					if !made {
						to := into.logs.ResourceLogs().AppendEmpty()
						ofResource.Resource().CopyTo(to.Resource())
						scope = to.ScopeLogs().AppendEmpty()
						ofScope.Scope().CopyTo(scope.Scope())
						scopes[number] = scope
					}
					record.CopyTo(scope.LogRecords().AppendEmpty())
				}
			}
		}
	}
	return nil
}

// addMetrics puts each resource of a line where its newest point is: a line is
// one scrape.
func (t *timeline) addMetrics(line []byte) error {
	request := pmetricotlp.NewExportRequest()
	if err := request.UnmarshalJSON(line); err != nil {
		return err
	}
	for _, ofResource := range request.Metrics().ResourceMetrics().All() {
		var newest pcommon.Timestamp
		for _, ofScope := range ofResource.ScopeMetrics().All() {
			for _, metric := range ofScope.Metrics().All() {
				newest = max(newest, newestPoint(metric))
			}
		}
		for _, delay := range t.by.copies() {
			into, _ := t.at(newest, delay)
			ofResource.CopyTo(into.metrics.ResourceMetrics().AppendEmpty())
		}
	}
	return nil
}

func newestPoint(metric pmetric.Metric) (newest pcommon.Timestamp) {
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		return newestOf(metric.Gauge().DataPoints().All())
	case pmetric.MetricTypeSum:
		return newestOf(metric.Sum().DataPoints().All())
	case pmetric.MetricTypeHistogram:
		return newestOf(metric.Histogram().DataPoints().All())
	case pmetric.MetricTypeExponentialHistogram:
		return newestOf(metric.ExponentialHistogram().DataPoints().All())
	case pmetric.MetricTypeSummary:
		return newestOf(metric.Summary().DataPoints().All())
	default:
		return 0
	}
}

func newestOf[P interface{ Timestamp() pcommon.Timestamp }](points func(func(int, P) bool)) (newest pcommon.Timestamp) {
	for _, point := range points {
		newest = max(newest, point.Timestamp())
	}
	return newest
}
