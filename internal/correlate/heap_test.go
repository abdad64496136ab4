// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// heapOf is what the engine really holds, by the garbage collector's account.
func heapOf(t *testing.T, fill func(e *Engine)) (held, limit int, stats Stats) {
	t.Helper()
	e, err := New(Config{MemoryLimit: 32 << 20})
	require.NoError(t, err)
	live := func() int {
		runtime.GC()
		runtime.GC() // what the first one finalized
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := live()
	fill(e)
	held = live() - before
	stats = e.Stats()
	runtime.KeepAlive(e)
	return held, e.config.MemoryLimit, stats
}

// varied names something that no other has, as long as names often are.
func varied(what string, i int) string { return fmt.Sprintf("%s-%08x-of-some-length", what, i*7919) }

// manyOf feeds records of ever new names, so that each table fills up: series that
// live for long, operations with many steps, error lines, edges, kernel events.
type manyOf struct {
	e *Engine
	n uint64
}

func (m *manyOf) series(count, points int) {
	for p := range points {
		for i := range count {
			r := resourceOf(varied("service", i/64))
			m.e.ObservePoints([]model.Point{{
				Time: begin + model.Nanos(p)*60*second, Number: model.NumberInt, Bits: uint64(i * p % 97),
				Series: &model.Series{
					Resource: r, Metric: &model.Metric{Name: varied("memory.utilization", i%64), Unit: "1", Type: model.MetricGauge},
					Attributes: model.Attributes{{Key: "n", Value: model.StringValue(varied("value", i))}},
				},
			}})
		}
	}
}

func (m *manyOf) traces(count int) {
	for i := range count {
		r := resourceOf(varied("service", i%3000))
		at := begin + model.Nanos(i)*second/200
		var trace model.TraceID
		copy(trace[:], fmt.Sprintf("%016x", i))
		id := func() model.SpanID {
			m.n++
			return model.SpanID{byte(m.n), byte(m.n >> 8), byte(m.n >> 16), byte(m.n >> 24), 1}
		}
		root, client := id(), id()
		var events []model.Event
		for k := range 12 {
			severity := int32(9)
			if k == 0 {
				severity = 17
			}
			events = append(events, model.Event{
				Time: at, TraceID: trace, SpanID: root, Resource: r, SeverityNumber: severity,
				Body:       model.StringValue(varied("step", i%3000*12+k) + strings.Repeat(" word", k) + " and the end of it"),
				Attributes: model.Attributes{{Key: "exception.stacktrace", Value: model.StringValue("Error: x\n    at " + varied("f", i) + " (/app/pay.js:42:13)\n")}},
			})
		}
		m.e.ObserveEvents(events)
		m.e.ObserveSpans([]model.Span{
			{TraceID: trace, SpanID: root, Name: varied("operation", i), Kind: kindServer, Start: at, End: at + second, Resource: r, StatusCode: model.StatusError},
			{TraceID: trace, SpanID: client, ParentID: root, Name: varied("call", i), Kind: kindClient, Start: at, End: at + second/2, Resource: r, Attributes: model.Attributes{
				{Key: "server.address", Value: model.StringValue(varied("peer", i))},
				{Key: "network.peer.address", Value: model.StringValue(varied("address", i))},
			}},
			{TraceID: trace, SpanID: id(), ParentID: client, Name: varied("operation", i+1), Kind: kindServer, Start: at, End: at + second/4, Resource: resourceOf(varied("peer", i))},
		})
		m.e.ObserveEvents([]model.Event{{Time: at, Name: "tapio.tcp.connect_failed", Resource: r, Attributes: model.Attributes{
			{Key: "error.type", Value: model.StringValue("ECONNREFUSED")}, {Key: "network.peer.address", Value: model.StringValue(varied("address", i))},
		}}})
		m.e.Flush(at)
	}
}

// openTraces feeds traces that go on, so that all of them wait for their end.
func (m *manyOf) openTraces(count int) {
	for i := range count {
		r := resourceOf(varied("service", i%50))
		at := begin + 1000*second + model.Nanos(i)
		var trace model.TraceID
		copy(trace[:], fmt.Sprintf("%016x", i))
		for k := range byte(3) {
			m.e.ObserveEvents([]model.Event{{
				Time: at, TraceID: trace, SpanID: model.SpanID{k}, Resource: r, SeverityNumber: 9, Body: model.StringValue("a step of it"),
			}})
			m.e.ObserveSpans([]model.Span{{
				TraceID: trace, SpanID: model.SpanID{k}, Name: "GET", Kind: kindClient, Start: at, End: at + second, Resource: r,
				Attributes: model.Attributes{{Key: "server.address", Value: model.StringValue(varied("peer", i))}},
			}})
		}
	}
}

// plain feeds lines of log files of ever new programs, and ever new lines.
func (m *manyOf) plain(count int) {
	for i := range count {
		at := begin + 2000*second + model.Nanos(i)*second/500
		level := [...]string{"INFO", "WARN", "ERROR"}[i%3]
		m.e.ObserveEvents([]model.Event{{
			Time: at, Body: model.StringValue(level + " " + varied("word", i) + strings.Repeat(" word", i%20) + " and the end of it"),
			Attributes: model.Attributes{{Key: fileNameKey, Value: model.StringValue(varied("program", i%5000))}},
		}})
		if i%500 == 0 {
			m.e.Flush(at)
		}
	}
}

// The engine holds no more than it may, by the heap and not by its own account.
func TestTheHeapStaysWithinTheBound(t *testing.T) {
	if underRace {
		t.Skip("measures memory, which the race detector takes itself")
	}
	for name, fill := range map[string]func(*manyOf){
		"series": func(m *manyOf) { m.series(6000, 64) },
		"traces": func(m *manyOf) { m.traces(40_000) },
		"open":   func(m *manyOf) { m.openTraces(60_000) },
		"plain":  func(m *manyOf) { m.plain(100_000) },
		"all":    func(m *manyOf) { m.series(6000, 64); m.traces(40_000); m.openTraces(60_000); m.plain(100_000) },
	} {
		t.Run(name, func(t *testing.T) {
			held, limit, stats := heapOf(t, func(e *Engine) { fill(&manyOf{e: e}) })
			t.Logf("held %.1f MiB of %.0f MiB, accounted %.1f MiB, evictions %v", float64(held)/(1<<20), float64(limit)/(1<<20), float64(stats.MemoryBytes)/(1<<20), stats.Evictions)
			assert.LessOrEqual(t, held, limit)
			assert.LessOrEqual(t, stats.MemoryBytes, limit)
			assert.NotEmpty(t, stats.Evictions, "it was full")
		})
	}
}
