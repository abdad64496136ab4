// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tapio/tapio/client"
)

// example returns the processors of an example configuration, as they stand
// there.
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "distribution", "config", "examples", name))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\nprocessors:\n")
	require.True(t, found)
	processors, _, found := strings.Cut(rest, "\nexporters:\n")
	require.True(t, found)
	return "processors:\n" + processors + "\n"
}

// through is the standard collector with processors in the pipelines that OTLP
// comes in by, and its own metrics at the address.
func through(t *testing.T, processors, list string) (config, address string) {
	t.Helper()
	address = freeAddress(t)
	host, port, _ := strings.Cut(address, ":")
	return strings.NewReplacer(
		"metrics: {level: none}", "metrics: {level: detailed, readers: [{pull: {exporter: {prometheus: {host: "+host+", port: "+port+"}}}}]}",
		"exporters:\n", processors+"exporters:\n",
		"receivers: [otlp, tapio], ", "receivers: [otlp, tapio], processors: "+list+", ",
		"receivers: [otlp], ", "receivers: [otlp], processors: "+list+", ",
	).Replace(standard), address
}

// ingestDrops is how many records the processor has dropped for a reason.
func ingestDrops(t *testing.T, address, signal, reason string) (sum float64) {
	t.Helper()
	for series, value := range scrape(t, address) {
		if strings.HasPrefix(series, "otelcol_tapio_ingest_control_dropped{") &&
			strings.Contains(series, `signal="`+signal+`"`) && strings.Contains(series, `reason="`+reason+`"`) {
			sum += value
		}
	}
	return sum
}

// spansOf is a request with spans of an origin, each in a trace of its own.
func spansOf(service string, n int, path string) *coltrace.ExportTraceServiceRequest {
	scope := &trace.ScopeSpans{}
	for range n {
		id := make([]byte, 24)
		_, _ = rand.Read(id)
		scope.Spans = append(scope.Spans, &trace.Span{
			TraceId: id[:16], SpanId: id[16:], Name: "GET", Attributes: []*common.KeyValue{text("url.path", path)},
			StartTimeUnixNano: nanos(time.Now()), EndTimeUnixNano: nanos(time.Now()),
		})
	}
	return &coltrace.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource: origin("service.name", service), ScopeSpans: []*trace.ScopeSpans{scope},
	}}}
}

// The example's agent is labelled, filtered, sampled and bounded, and each record
// is stored or counted by the reason for which it was dropped.
func TestIngestControlOfAnotherAgent(t *testing.T) {
	t.Parallel()
	config, address := through(t, example(t, "own-ebpf-data.yaml"), "[ingest_control/agent]")
	c := Start(t, config)
	api := apiOf(t, c)
	drops := func(signal, reason string) float64 { return ingestDrops(t, address, signal, reason) }

	records := lines("agent", 0, 5, "agent.seen")
	records.ResourceLogs[0].ScopeLogs[0].LogRecords = append(records.ResourceLogs[0].ScopeLogs[0].LogRecords,
		&logs.LogRecord{SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_INFO}, &logs.LogRecord{SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_ERROR})
	sendGRPC(t, c, records)
	require.EqualValues(t, 6, arrived(t, api, "logs"))
	require.EqualValues(t, 1, drops("logs", "filter"))

	at := time.Now().Add(-time.Minute)
	sendGRPC(t, c, metricsOf(origin("service.name", "agent"), gauge("agent.internal.queue", at, 1, 2, 3), gauge("agent.flows", at, 1, 2)))
	require.EqualValues(t, 2, arrived(t, api, "metrics"))
	require.EqualValues(t, 3, drops("metrics", "filter"))

	const spans = 400
	sendGRPC(t, c, spansOf("agent", spans, "/orders"))
	sendGRPC(t, c, spansOf("agent", 7, "/healthz"))
	require.EqualValues(t, 7, drops("traces", "filter"))
	stored := arrived(t, api, "traces")
	require.EqualValues(t, spans, stored+drops("traces", "sampling"), "each span is stored or counted")
	require.Positive(t, stored)
	require.Positive(t, drops("traces", "sampling"))

	labelled := tapioctl(t, c, "get", "events", "-l", "tapio.source=my-ebpf-agent", "-o", "json")
	require.Equal(t, 5, bytes.Count(labelled, []byte(`"agent.seen"`)))
}

// A rate above the maximum is cut, and what is cut is counted to the record. The
// sender gets no error.
func TestIngestControlCutsAtTheMaximum(t *testing.T) {
	t.Parallel()
	config, address := through(t, "processors: {ingest_control: {logs: {max_per_second: 10}, metrics: {max_per_second: 20}, traces: {max_per_second: 0.001}}}\n", "[ingest_control]")
	c := Start(t, config)
	api := apiOf(t, c)
	sendGRPC(t, c, lines("flood", 0, 1000, "flood"))
	sendGRPC(t, c, metricsOf(origin("service.name", "flood"), gauge("flood", time.Now().Add(-time.Hour), make([]float64, 1000)...)))
	sendGRPC(t, c, spansOf("flood", 100, "/"))
	for signal, want := range map[string][2]float64{"logs": {1000, 10}, "metrics": {1000, 20}, "traces": {100, 1}} {
		passed := arrived(t, api, signal)
		cut := ingestDrops(t, address, signal, "rate_limit")
		require.EqualValues(t, want[0], passed+cut, signal)
		require.GreaterOrEqual(t, passed, want[1], signal)
		require.Less(t, passed, want[0]/2, signal)
	}
}

// A program with its own eBPF data uses the client library: what it sends is
// labelled and bounded before it leaves the program.
func TestSourceOfAProgram(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	api := apiOf(t, c)
	source, err := client.NewSource(dial(t, c.OTLPGRPC, insecure.NewCredentials()), client.SourceOptions{
		Name: "program", Logs: client.Quota{MaxPerSecond: 5}, Traces: client.Quota{Disabled: true},
	})
	require.NoError(t, err)
	require.NoError(t, source.SendLogs(bounded(t), lines("program", 0, 100, "seen").ResourceLogs))
	require.NoError(t, source.SendMetrics(bounded(t), metricsOf(origin("service.name", "program"), gauge("flows", time.Now(), 1, 2)).ResourceMetrics))
	require.NoError(t, source.SendTraces(bounded(t), spansOf("program", 3, "/").ResourceSpans))
	dropped, _, spans := source.Dropped()
	require.EqualValues(t, 100, arrived(t, api, "logs")+float64(dropped.RateLimit))
	require.Positive(t, dropped.RateLimit)
	require.EqualValues(t, 2, arrived(t, api, "metrics"))
	require.Zero(t, arrived(t, api, "traces"))
	require.EqualValues(t, 3, spans.Disabled)
	require.NotEmpty(t, tapioctl(t, c, "get", "events", "-l", "tapio.source=program", "-o", "json"))
}
