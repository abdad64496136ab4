// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// newLabel is a label that no other row of its signal has.
func newLabel(i int) *common.KeyValue { return text("request.id", fmt.Sprintf("request-%08d", i)) }

// sendNewLabels sends rows of all signals, each with a label of its own.
func sendNewLabels(t *testing.T, c *Collector, from, to int) {
	t.Helper()
	records := lines("cardinality", from, to, "e2e.cardinality")
	for i, record := range records.ResourceLogs[0].ScopeLogs[0].LogRecords {
		record.Attributes = []*common.KeyValue{newLabel(from + i)}
	}
	sendGRPC(t, c, records)
	sendGRPC(t, c, spansWithNewLabels(from, to))
	sendGRPC(t, c, pointsWithNewLabels(from, to))
}

func spansWithNewLabels(from, to int) *coltrace.ExportTraceServiceRequest {
	scope := &trace.ScopeSpans{}
	for i := from; i < to; i++ {
		id := fmt.Appendf(nil, "%08d", i)
		scope.Spans = append(scope.Spans, &trace.Span{
			TraceId: append(id, id...), SpanId: id, Name: "GET /",
			StartTimeUnixNano: nanos(time.Now()), EndTimeUnixNano: nanos(time.Now()), Attributes: []*common.KeyValue{newLabel(i)},
		})
	}
	return &coltrace.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource: origin("service.name", "cardinality"), ScopeSpans: []*trace.ScopeSpans{scope},
	}}}
}

func pointsWithNewLabels(from, to int) *colmetrics.ExportMetricsServiceRequest {
	list := points(time.Now(), 0, make([]float64, to-from)...)
	for i := range list {
		list[i].Attributes = []*common.KeyValue{newLabel(from + i)}
	}
	return metricsOf(origin("service.name", "cardinality"), &metrics.Metric{
		Name: "cardinality", Data: &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: list}},
	})
}

// A new label value in every row fills the store like anything else: it stays within
// its bound, the oldest rows go, and the status shows what the labels cost.
func TestNewLabelsInEveryRowStayInBoundsAndAreReported(t *testing.T) {
	t.Parallel()
	c := Start(t, strings.Replace(standard, "64MiB", "16MiB", 1))
	client := apiOf(t, c)
	evicted := func() bool {
		for _, of := range recordsOf(t, client) {
			if of.EvictedCounts["size"] == 0 {
				return false
			}
		}
		return true
	}
	sent := 0
	for ; sent < 400_000 && !evicted(); sent += 2000 {
		sendNewLabels(t, c, sent, sent+2000)
		for _, of := range recordsOf(t, client) {
			require.LessOrEqual(t, of.SizeBytes, of.CapacityBytes, of.Signal)
		}
	}
	require.True(t, evicted(), "%d rows of each signal fit 16 MiB", sent)

	store := recordsOf(t, client)
	for _, of := range store {
		require.Equal(t, uint64(sent), of.AppendedCount, of.Signal)
		require.Equal(t, uint64(sent), of.RecordCount+of.EvictedCounts["size"], of.Signal)
	}
	for _, of := range store[:2] {
		require.Equal(t, []string{"request.id"}, of.UnindexedKeys, of.Signal)
	}
	require.Positive(t, store[2].EvictedSeriesCount)
	require.Positive(t, store[2].SeriesBytes)
	require.Equal(t, uint64(sent), store[2].SeriesCount+store[2].EvictedSeriesCount)
	told := string(tapioctl(t, c, "status"))
	require.Contains(t, told, "1 label keys are not indexed, for their values are too many")
	require.Contains(t, told, "series were dropped with their last point")

	newest, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: selecting("request.id", "=", fmt.Sprintf("request-%08d", sent-1))})
	require.NoError(t, err)
	require.Equal(t, []int{sent - 1}, numbers(newest.Logs), "what is not indexed is found all the same")
}

// What is older than max_age goes, though nothing is written any more.
func TestWhatIsTooOldGoes(t *testing.T) {
	t.Parallel()
	c := Start(t, strings.Replace(standard, "max_age: 1h", "max_age: 1s", 1))
	client := apiOf(t, c)
	sendNewLabels(t, c, 0, 100)
	require.Eventually(t, func() bool {
		for _, of := range recordsOf(t, client) {
			if of.AppendedCount != 100 || of.RecordCount != 0 || of.EvictedCounts["age"] != 100 || of.SizeBytes != 0 {
				return false
			}
		}
		return true
	}, 10*time.Second, 50*time.Millisecond, "rows stay beyond their age")
}

// recordsOf is the parts of the store for logs, traces and metrics.
func recordsOf(t *testing.T, client api) []*tapiov1.StoreStats {
	t.Helper()
	return storeOf(t, client)[:3]
}

func storeOf(t *testing.T, client api) []*tapiov1.StoreStats {
	t.Helper()
	info, err := client.events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
	require.NoError(t, err)
	return info.Store
}

func queryMemory(t *testing.T, client api) *tapiov1.QueryMemory {
	t.Helper()
	info, err := client.events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
	require.NoError(t, err)
	return info.QueryMemory
}

func TestAQueryBeyondItsMemoryFailsAlone(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, "--set=extensions::tapio::store::query_memory=8MiB")
	client := apiOf(t, c)
	for i := range 20 { // series, each of which is small enough
		sendGRPC(t, c, metricsOf(origin("service.name", fmt.Sprint("large-", i)), gauge("large", time.Now(), make([]float64, 10_000)...)))
	}
	sendGRPC(t, c, lines("small", 0, 10, "e2e.small"))
	percentile := &tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{
		MetricNames: []string{"large"}, Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_P95,
	}}
	refused := make(chan error, 8)
	for range cap(refused) {
		go func() {
			_, err := client.GetMetrics(context.WithoutCancel(t.Context()), percentile)
			refused <- err
		}()
	}
	for range cap(refused) {
		page, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{EventNames: []string{"e2e.small"}}})
		require.NoError(t, err, "others are answered meanwhile")
		require.Len(t, page.Logs, 10)
		err = <-refused
		require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
		require.Contains(t, err.Error(), "store::query_memory")
		require.Contains(t, err.Error(), "narrow")
	}
	memory := queryMemory(t, client)
	require.Equal(t, uint64(cap(refused)), memory.RefusedCount)
	require.Zero(t, memory.UsedBytes, "what they held is given back")
	require.LessOrEqual(t, memory.PeakBytes, uint64(8<<20))
	require.Contains(t, string(tapioctl(t, c, "status")), "queries: 8 were refused")

	percentile.Query.Aggregation = tapiov1.MetricQuery_AGGREGATION_TYPE_AVG // which holds sums only
	answer, err := client.GetMetrics(bounded(t), percentile)
	require.NoError(t, err)
	require.Len(t, answer.Series, 1)
}

// A search that looks at every record ends with its caller, whether that sets a
// deadline or hangs up.
func TestASearchEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	const records = 150_000
	for from := 0; from < records; from += 5000 {
		sendGRPC(t, c, lines("search", from, from+5000, "e2e.search"))
	}
	all := &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Text: "search", Invert: true}}

	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := client.GetLogs(short, all)
	require.Equal(t, codes.DeadlineExceeded, status.Code(err), "%v", err)

	hung, hangUp := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := client.GetLogs(hung, all)
		ended <- err
	}()
	hangUp()
	require.Equal(t, codes.Canceled, status.Code(<-ended))
	eventually(t, startLimit, func() bool { return queryMemory(t, client).UsedBytes == 0 }, "what the searches held is given back")

	page, err := client.GetLogs(bounded(t), all)
	require.NoError(t, err)
	require.Empty(t, page.Logs, "the same search, given time, answers")
}
