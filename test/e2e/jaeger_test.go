// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/test/running"
)

// jaegerAnswer is what Jaeger answered to a request, in the form of canonical.
type jaegerAnswer struct {
	Request string
	Status  int
	Body    any
}

const jaegerAnswers = "testdata/jaeger/answers.json"

// jaegerRequests are those whose answers are compared with Jaeger's: what Jaeger UI
// and Grafana's data source ask, and what is wrong. The spans of
// testdata/jaeger/spans.json lie between the times.
func jaegerRequests() []string {
	const (
		span    = "start=1767322790000000&end=1767322890000000"
		spanV3  = "query.start_time_min=2026-01-02T02:59:50Z&query.start_time_max=2026-01-02T03:01:30Z"
		a       = "5b8efff798038103d269b633813fc60c"
		unknown = "ffffffffffffffffffffffffffffffff"
	)
	requests := []string{
		"/api/services",
		"/api/services/frontend/operations", "/api/services/unknown/operations", "/api/services/missing-service-name/operations",
		"/api/operations?service=frontend", "/api/operations?service=frontend&spanKind=server", "/api/operations?service=unknown", "/api/operations",
		"/api/traces/" + a + "?raw=true", "/api/traces/ABCD", "/api/traces/000000000000abcd", "/api/traces/" + unknown,
		"/api/traces/xyz", "/api/traces/" + a + "0", "/api/traces/" + a + "?raw=perhaps", "/api/traces/" + a + "?start=soon",
		"/api/traces?service=frontend&" + span, "/api/traces?service=frontend&operation=GET+%2F*&" + span,
		"/api/traces?service=cart&limit=20&lookback=1h&maxDuration&minDuration&" + span,
		"/api/traces?service=frontend&tags=%7B%22http.response.status_code%22%3A%22503%22%7D&" + span,
		"/api/traces?service=frontend&tags=%7B%22error%22%3A%22true%22%7D&" + span,
		"/api/traces?service=frontend&tag=user.name:Zo%C3%AB+%E6%BC%A2%E5%AD%97+%F0%9F%8E%89&" + span,
		"/api/traces?service=frontend&tag=exception.type:java.net.ConnectException&" + span,
		"/api/traces?service=frontend&tag=scope.attr:x&" + span, "/api/traces?service=frontend&tag=service.version:1.2.4&" + span,
		"/api/traces?service=frontend&tag=service.version:9&" + span, "/api/traces?service=frontend&minDuration=250ms&" + span,
		"/api/traces?service=frontend&maxDuration=30ms&" + span, "/api/traces?service=unknown&" + span,
		"/api/traces?service=frontend&start=1767322801000000&end=1767322801500000",
		"/api/traces?traceID=" + a + "&traceID=abcd&traceID=" + unknown,
		"/api/traces", "/api/traces?service=frontend&start=x", "/api/traces?service=frontend&end=x", "/api/traces?service=frontend&limit=x",
		"/api/traces?service=frontend&tags=%7Bx", "/api/traces?service=frontend&tag=x", "/api/traces?service=frontend&minDuration=5",
		"/api/traces?service=frontend&maxDuration=x", "/api/traces?service=frontend&minDuration=2s&maxDuration=1s", "/api/traces?traceID=xyz",
		"/api/traces?service=frontend&raw=x",
		"/api/dependencies?endTs=1767322890000&lookback=604800000", "/api/dependencies?endTs=1767322890000&lookback=100000&service=cart",
		"/api/dependencies?endTs=1767322000000&lookback=1000", "/api/dependencies?endTs=x", "/api/dependencies?endTs=1767322890000&lookback=x",
		"/api/v3/services", "/api/v3/operations?service=frontend", "/api/v3/operations?service=frontend&span_kind=client", "/api/v3/operations?service=unknown",
		"/api/v3/traces/" + a + "?raw_traces=true", "/api/v3/traces/" + unknown, "/api/v3/traces/xyz", "/api/v3/traces/" + a + "?raw_traces=x",
		"/api/v3/traces/" + a + "?start_time=x", "/api/v3/traces/" + a + "?end_time=x",
		"/api/v3/traces?query.num_traces=10&" + spanV3, "/api/v3/traces?query.service_name=cart&query.num_traces=10&" + spanV3,
		"/api/v3/traces?query.service_name=frontend&query.operation_name=GET+%2F&query.num_traces=10&" + spanV3,
		"/api/v3/traces?query.service_name=frontend&query.duration_min=250ms&query.num_traces=10&" + spanV3,
		"/api/v3/traces?query.service_name=unknown&query.num_traces=10&" + spanV3,
		"/api/v3/traces?query.service_name=frontend", "/api/v3/traces?query.start_time_min=x&query.start_time_max=x",
		"/api/v3/traces?query.num_traces=x&" + spanV3, "/api/v3/traces?query.duration_min=x&" + spanV3, "/api/v3/traces?query.duration_max=x&" + spanV3,
		"/api/v3/traces?query.raw_traces=x&" + spanV3,
	}
	for _, id := range []string{
		a, "abcd", "10000000000000002", "aaaabbbbccccddddeeeeffff00001111", "1111111111111111aaaaaaaaaaaaaaaa", "22222222222222223333333333333333",
	} {
		requests = append(requests, "/api/traces/"+id, "/api/v3/traces/"+id)
	}
	return requests
}

// Jaeger's own answers, recorded by `make golden-jaeger`, are those of Tapio.
func TestAnswersOfJaeger(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(jaegerAnswers)
	require.NoError(t, err)
	var recorded []jaegerAnswer
	require.NoError(t, json.Unmarshal(text, &recorded))
	require.Len(t, recorded, len(jaegerRequests()), "run make golden-jaeger")
	c := Start(t, standard)
	sendJaegerSpans(t, c.OTLPHTTP)
	for _, want := range recorded {
		t.Run(want.Request, func(t *testing.T) {
			status, body := get(t, "http://"+c.HTTP+want.Request)
			require.Equal(t, want.Status, status, "%s", body)
			requireSameJSON(t, want.Body, canonical(t, want.Request, body))
		})
	}
}

func requireSameJSON(t *testing.T, want, got any) {
	t.Helper()
	wanted, err := json.MarshalIndent(want, "", " ")
	require.NoError(t, err)
	gotten, err := json.MarshalIndent(got, "", " ")
	require.NoError(t, err)
	require.Equal(t, string(wanted), string(gotten))
}

func sendJaegerSpans(t *testing.T, address string) {
	t.Helper()
	spans, err := os.ReadFile("testdata/jaeger/spans.json")
	require.NoError(t, err)
	status, answer := ask(t, http.MethodPost, "http://"+address+"/v1/traces", "", string(spans), "Content-Type", "application/json")
	require.Equal(t, http.StatusOK, status, "%s", answer)
}

// TestRecordJaegerAnswers records the answers of the Jaeger in JAEGER_BIN.
func TestRecordJaegerAnswers(t *testing.T) {
	if os.Getenv("JAEGER_BIN") == "" {
		t.Skip("run make golden-jaeger: it builds Jaeger first")
	}
	var recorded []jaegerAnswer
	query := ""
	for _, request := range jaegerRequests() {
		// This Jaeger adjusts the spans that it stores each time that API v3 reads them.
		if query == "" || strings.HasPrefix(request, "/api/v3/traces") {
			query = startJaeger(t)
		}
		status, body := get(t, "http://"+query+request)
		recorded = append(recorded, jaegerAnswer{Request: request, Status: status, Body: canonical(t, request, body)})
		if strings.HasPrefix(request, "/api/v3/traces") {
			query = ""
		}
	}
	text, err := json.MarshalIndent(recorded, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(jaegerAnswers, append(text, '\n'), 0o600))
}

const jaegerConfig = `
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: {traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}}
  telemetry: {metrics: {level: none}, logs: {encoding: json}}
extensions:
  jaeger_query: {storage: {traces: memory}, http: {endpoint: "localhost:0"}, grpc: {endpoint: "localhost:0"}}
  jaeger_storage: {backends: {memory: {memory: {max_traces: 1000}}}}
receivers: {otlp: {protocols: {http: {endpoint: "localhost:0"}}}}
exporters: {jaeger_storage_exporter: {trace_storage: memory}}
`

// startJaeger runs a Jaeger until the test ends, gives it the spans and returns the
// address of its query API.
func startJaeger(t *testing.T) (query string) {
	t.Helper()
	folder := t.TempDir()
	config := filepath.Join(folder, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(jaegerConfig), 0o600))
	jaeger := background(t, running.Command{Args: []string{os.Getenv("JAEGER_BIN"), "--config", config}, Log: filepath.Join(folder, "log")})
	t.Cleanup(func() { jaeger.Stop() })
	at, err := jaeger.AwaitReady(t.Context(), 0, startLimit)
	require.NoError(t, err)
	sendJaegerSpans(t, at.OTLPHTTP)
	return at.HTTP
}
