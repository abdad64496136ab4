// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/tapio"
)

// Reader reads batches for somebody who does not keep the rows: their memory is
// used again by the next call. Resources, scopes, series and metrics, which may
// be kept, are made anew. The zero Reader is ready; it is for one goroutine at a
// time.
type Reader struct {
	events     []tapio.Event
	spans      []tapio.Span
	attributes []tapio.KeyValue
	spanEvents []tapio.SpanEvent
	spanLinks  []tapio.SpanLink
}

// maxKeptRows is the most elements of a slice that a Reader keeps for the next
// call, so that one giant batch does not stay for ever.
const maxKeptRows = 1 << 16

// reuse makes a slab of memory that was used before, if there is enough.
func reuse[T any](memory *[]T, size int) slab[T] {
	if cap(*memory) < size {
		grown := make([]T, size)
		if size <= maxKeptRows {
			*memory = grown
		}
		return slab[T]{free: grown}
	}
	free := (*memory)[:size]
	clear(free)
	return slab[T]{free: free}
}

// Events is EventsFromLogs with rows that the next call overwrites.
func (r *Reader) Events(logs plog.Logs) []tapio.Event {
	records, attributes := countLogs(logs)
	if records == 0 {
		return nil
	}
	rows, memory := reuse(&r.events, records), reuse(&r.attributes, attributes)
	events := rows.free
	readLogs(logs, &rows, &memory)
	return events
}

// Spans is SpansFromTraces with rows that the next call overwrites.
func (r *Reader) Spans(traces ptrace.Traces) []tapio.Span {
	count := traces.SpanCount()
	if count == 0 {
		return nil
	}
	sizes := countTraces(traces)
	rows := reuse(&r.spans, count)
	memory := &spanMemory{
		attributes: reuse(&r.attributes, sizes.attributes),
		events:     reuse(&r.spanEvents, sizes.events),
		links:      reuse(&r.spanLinks, sizes.links),
	}
	spans := rows.free
	readTraces(traces, &rows, memory)
	return spans
}

// Points is PointsFromMetrics. Its series may be kept, and they are most of it.
func (*Reader) Points(metrics pmetric.Metrics) []tapio.Point { return PointsFromMetrics(metrics) }
