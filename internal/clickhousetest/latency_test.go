// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/backend/conformance"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
)

// latencyVariable is how many log records TestLatencies writes, a multiple of 20,000; a
// fifth as many spans and points come beside them.
const latencyVariable = "TAPIO_LATENCY_RECORDS"

const (
	latencyRounds   = 15
	latencyServices = 20
	latencyStart    = model.Nanos(1_790_000_000_000_000_000)
	latencyBatch    = 20_000
)

// latencyData makes one batch: log records are a millisecond apart.
func latencyData(first int) conformance.Telemetry {
	logs, traces, metrics := plog.NewLogs(), ptrace.NewTraces(), pmetric.NewMetrics()
	for service := range latencyServices {
		name := fmt.Sprintf("service-%02d", service)
		ofLogs, ofSpans, ofPoints := logs.ResourceLogs().AppendEmpty(), traces.ResourceSpans().AppendEmpty(), metrics.ResourceMetrics().AppendEmpty()
		for _, resource := range []pcommon.Resource{ofLogs.Resource(), ofSpans.Resource(), ofPoints.Resource()} {
			resource.Attributes().PutStr("service.name", name)
		}
		records, spans := ofLogs.ScopeLogs().AppendEmpty().LogRecords(), ofSpans.ScopeSpans().AppendEmpty().Spans()
		gauge := ofPoints.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		gauge.SetName("queue.length")
		points := gauge.SetEmptyGauge().DataPoints()
		for i := first + service; i < first+latencyBatch; i += latencyServices {
			at := pcommon.Timestamp(latencyStart) + pcommon.Timestamp(i)*1e6
			record := records.AppendEmpty()
			record.SetTimestamp(at)
			record.SetSeverityNumber(plog.SeverityNumberInfo)
			record.Body().SetStr(fmt.Sprintf("order %d of user-%d took %d ms", i, i%977, i%313))
			if i/latencyServices%5 > 0 {
				continue
			}
			span := spans.AppendEmpty()
			span.SetTraceID(traceOf(i))
			span.SetSpanID(pcommon.SpanID{2, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
			span.SetName(fmt.Sprintf("GET /%d", i/latencyServices%7))
			span.SetKind(ptrace.SpanKindServer)
			span.SetStartTimestamp(at)
			span.SetEndTimestamp(at + pcommon.Timestamp(i%313)*1e6)
			point := points.AppendEmpty()
			point.SetTimestamp(at / 1e9 * 1e9)
			point.SetDoubleValue(float64(i % 50))
		}
	}
	return conformance.Telemetry{Logs: logs, Traces: traces, Metrics: metrics}
}

func traceOf(i int) pcommon.TraceID {
	return pcommon.TraceID{1, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
}

// latencyQuery is one query, which returns how many items the answer has.
type latencyQuery struct {
	name string
	ask  func(ctx context.Context, r query.Reader) (int, error)
}

func latencyQueries(records int) []latencyQuery {
	middle := latencyStart + model.Nanos(records/2)*1e6
	hour := model.TimeRange{Start: latencyStart, End: latencyStart + model.Nanos(records)*1e6 + 1}
	service := model.Filter{Time: hour, Services: []string{"service-05"}}
	logs := func(f model.Filter) func(context.Context, query.Reader) (int, error) {
		return func(ctx context.Context, r query.Reader) (int, error) {
			page, err := r.QueryEvents(ctx, model.EventQuery{Filter: f, Paging: model.Paging{Limit: 100}})
			return len(page.Rows), err
		}
	}
	text := model.Filter{Time: hour, Text: model.FoldText(fmt.Sprintf("order %d of", records/3))}
	return []latencyQuery{
		{"100 newest logs", logs(model.Filter{Time: hour})},
		{"100 newest logs of a service", logs(service)},
		{"100 logs of a moment", logs(model.Filter{Time: model.TimeRange{Start: middle, End: middle + 1e9}})},
		{"logs with a rare text", logs(text)},
		{"20 traces of a service", func(ctx context.Context, r query.Reader) (int, error) {
			page, err := r.QueryTraces(ctx, model.TraceQuery{Filter: service, Paging: model.Paging{Limit: 20}})
			return len(page.Rows), err
		}},
		{"one trace", func(ctx context.Context, r query.Reader) (int, error) {
			id := records / 2 / 100 * 100
			page, err := r.QueryTraces(ctx, model.TraceQuery{TraceIDs: []model.TraceID{model.TraceID(traceOf(id))}, Paging: model.Paging{Limit: 1}})
			return len(page.Rows), err
		}},
		{"services", func(ctx context.Context, r query.Reader) (int, error) {
			list, err := r.ListServices(ctx, model.ServiceQuery{Filter: model.Filter{Time: hour}, Paging: model.ListPaging{Limit: 100}})
			return len(list.Items), err
		}},
		{"operations of a service", func(ctx context.Context, r query.Reader) (int, error) {
			list, err := r.ListOperations(ctx, model.OperationQuery{Filter: service, Paging: model.ListPaging{Limit: 100}})
			return len(list.Items), err
		}},
		{"logs by service and minute", func(ctx context.Context, r query.Reader) (int, error) {
			counts, err := r.CountRecords(ctx, model.CountQuery{
				Selection: model.RecordSelection{Signal: model.SignalLogs, Filter: model.Filter{Time: hour}}, Resolution: time.Minute, GroupBy: "service", Limit: 100,
			})
			return len(counts.Groups), err
		}},
		{"median of a gauge by service", func(ctx context.Context, r query.Reader) (int, error) {
			series, _, err := r.Aggregate(ctx, model.AggregateQuery{
				Names: []string{"queue.length"}, Filter: model.Filter{Time: hour}, Aggregation: model.AggregateP50, GroupBy: []model.LabelKey{model.NewLabelKey("service.name")}, Limit: 100,
			})
			return len(series), err
		}},
	}
}

func medianOf(t *testing.T, r query.Reader, one latencyQuery) (time.Duration, int) {
	t.Helper()
	var times []time.Duration
	items := 0
	for range latencyRounds {
		begin := time.Now()
		n, err := one.ask(t.Context(), r)
		times = append(times, time.Since(begin))
		require.NoError(t, err, one.name)
		items = n
	}
	slices.Sort(times)
	return times[latencyRounds/2], items
}

// TestLatencies prints how long the same queries take on memory and on the engine, which
// must give as many items.
func TestLatencies(t *testing.T) {
	records, _ := strconv.Atoi(os.Getenv(latencyVariable))
	if records < latencyBatch {
		t.Skipf("set %s to %d or more: make bench-clickhouse", latencyVariable, latencyBatch)
	}
	d := newDatabase(t, false)
	memory := store.New(store.Limits{Logs: 1 << 30, Traces: 1 << 30, Metrics: 1 << 30, QueryMemory: 1 << 30}, time.Now)
	t.Cleanup(memory.Close)
	for first := 0; first+latencyBatch <= records; first += latencyBatch {
		data := latencyData(first)
		d.write(t, data)
		_, err := memory.AppendEvents(otlp.EventsFromLogs(data.Logs))
		require.NoError(t, err)
		_, err = memory.AppendSpans(otlp.SpansFromTraces(data.Traces))
		require.NoError(t, err)
		_, err = memory.AppendPoints(otlp.PointsFromMetrics(data.Metrics))
		require.NoError(t, err)
	}
	options := d.options()
	options.Endpoint = "clickhouse://" + d.engine.native
	options.QueryMemory = 1 << 30
	older := newReader(t, options)
	var table strings.Builder
	table.WriteString("\n| query | memory ms | ClickHouse ms | ratio |\n|---|---|---|---|\n")
	for _, one := range latencyQueries(records) {
		inMemory, want := medianOf(t, memory.Reader(), one)
		inClickHouse, got := medianOf(t, older, one)
		require.Positive(t, want, one.name)
		require.Equal(t, want, got, one.name)
		fmt.Fprintf(&table, "| %s | %.2f | %.1f | %.0f |\n", one.name, inMemory.Seconds()*1e3, inClickHouse.Seconds()*1e3, float64(inClickHouse)/float64(inMemory))
	}
	t.Log(table.String())
	t.Log("bytes on disk a row:\n" + d.engine.run(t, d.name, "SELECT table, sum(rows), round(sum(bytes_on_disk) / sum(rows), 1) FROM system.parts "+
		"WHERE active AND database = '"+d.name+"' GROUP BY table HAVING sum(rows) > 0 ORDER BY table"))
}
