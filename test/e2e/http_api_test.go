// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestFrontPage(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	response := askFor(t, "GET", "http://"+c.HTTP+"/", "", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/html; charset=utf-8", response.Header.Get("Content-Type"))
	info, err := apiOf(t, c).events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
	require.NoError(t, err)
	for _, part := range []string{"tapio", info.Version, `href="/openapi.json"`, "docs"} {
		require.Contains(t, html.UnescapeString(string(text)), part)
	}
	status, answer := get(t, "http://"+c.HTTP+"/nothing/here")
	require.Equal(t, http.StatusNotFound, status, "%s", answer)
}

func TestHead(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	for path, want := range map[string]int{"/v1/health": 200, "/v1/info": 200, "/openapi.json": 200, "/": 200, "/v1/events/none": 404, "/v1/logs:query": 405} {
		status, answer := ask(t, "HEAD", "http://"+c.HTTP+path, "", "")
		require.Equal(t, want, status, path)
		require.Empty(t, answer)
	}
}

func TestAnswersAreCompressedOnDemand(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sendGRPC(t, c, lines("app", 0, 50, ""))
	for path, packed := range map[string]bool{"/v1/logs:query": true, "/v1/logs:stream": false, "/v1/health": false} {
		method, body := "POST", `{"filter":{"limit":50}}`
		if path == "/v1/logs:stream" {
			body = `{"historyOnly":true,"start":{"last":50}}`
		}
		if path == "/v1/health" {
			method, body = "GET", ""
		}
		plain := askFor(t, method, "http://"+c.HTTP+path, "", body, "Content-Type", "application/json", "Accept-Encoding", "identity")
		want, err := io.ReadAll(plain.Body)
		require.NoError(t, err)
		require.NoError(t, plain.Body.Close())
		require.Empty(t, plain.Header.Get("Content-Encoding"))
		response := askFor(t, method, "http://"+c.HTTP+path, "", body, "Content-Type", "application/json", "Accept-Encoding", "gzip")
		require.Equal(t, packed, response.Header.Get("Content-Encoding") == "gzip", path)
		var content io.Reader = response.Body
		if packed {
			content, err = gzip.NewReader(response.Body)
			require.NoError(t, err)
		}
		got, err := io.ReadAll(content)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, len(want) > 1000, path != "/v1/health")
		require.Equal(t, strings.Count(string(want), `"logRecord"`), strings.Count(string(got), `"logRecord"`), path)
	}
}

func TestDescriptionIsOpenAPI3(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	_, text := get(t, "http://"+c.HTTP+"/openapi.json")
	var description struct {
		OpenAPI    string
		Security   []map[string][]string
		Components struct {
			SecuritySchemes map[string]any
			Schemas         map[string]any
		}
		Paths map[string]map[string]struct {
			OperationID string
			Responses   map[string]any
		}
	}
	require.NoError(t, json.Unmarshal(text, &description))
	require.Regexp(t, `^3\.`, description.OpenAPI)
	require.NotEmpty(t, description.Components.Schemas)
	for _, requirement := range description.Security {
		for scheme := range requirement {
			require.Contains(t, description.Components.SecuritySchemes, scheme)
		}
	}
	require.Contains(t, description.Paths["/v1/collectors:send"]["post"].Responses, "413")
	require.NotContains(t, string(text), "#/definitions/")
}

const traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// Events that are written under a span belong to it, unless they say otherwise.
func TestEventsBelongToTheSpanTheyAreWrittenUnder(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	const events = `{"batch":{"events":[{"logRecord":{"eventName":"plain"}},{"logRecord":{"eventName":"own","traceId":"11111111111111111111111111111111","spanId":"2222222222222222"}}]}}`
	for _, path := range []string{"/v1/collectors:send", "/v1/collectors:stream"} {
		status, answer := ask(t, "POST", "http://"+c.HTTP+path, "", events, "Content-Type", "application/json", "Traceparent", traceParent)
		require.Equal(t, http.StatusOK, status, answer)
	}
	ctx := metadata.AppendToOutgoingContext(bounded(t), "traceparent", traceParent)
	_, err := apiOf(t, c).collectors.SendEventBatch(ctx, &tapiov1.SendEventBatchRequest{Batch: eventBatch("b", 1, 2)})
	require.NoError(t, err)
	for _, bad := range []string{"", "00-0-0-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01"} {
		status, answer := ask(t, "POST", "http://"+c.HTTP+"/v1/collectors:send", "", `{"batch":{"events":[{"logRecord":{"eventName":"none"}}]}}`, "Content-Type", "application/json", "Traceparent", bad)
		require.Equal(t, http.StatusOK, status, answer)
	}
	got, err := apiOf(t, c).GetLogs(bounded(t), &tapiov1.GetLogsRequest{})
	require.NoError(t, err)
	count := map[string]int{}
	for _, record := range got.Logs {
		log := record.LogRecord
		count[log.EventName+" "+hex.EncodeToString(log.TraceId)+" "+hex.EncodeToString(log.SpanId)]++
	}
	require.Equal(t, 2, count["plain 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331"], count)
	require.Equal(t, 2, count["own 11111111111111111111111111111111 2222222222222222"], count)
	require.Equal(t, 3, count["none  "], count)
	inTrace, err := apiOf(t, c).GetLogs(bounded(t), &tapiov1.GetLogsRequest{TraceId: "0af7651916cd43dd8448eb211c80319c"})
	require.NoError(t, err)
	require.Len(t, inTrace.Logs, 2+1, "two over HTTP, one over gRPC")
}

// With own traces enabled, the server's spans continue the client's trace.
func TestOwnSpansContinueTheClientsTrace(t *testing.T) {
	t.Parallel()
	backend := Start(t, standard)
	traced := strings.Replace(standard, "    metrics: {level: none}\n", `    metrics: {level: none}
    traces:
      propagators: [tracecontext]
      processors:
        - batch: {schedule_delay: 100, exporter: {otlp: {protocol: http/protobuf, endpoint: "http://`+backend.OTLPHTTP+`/v1/traces"}}}
`, 1)
	c := Start(t, traced)
	status, answer := ask(t, "POST", "http://"+c.HTTP+"/v1/logs:query", "", "{}", "Content-Type", "application/json", "Traceparent", traceParent)
	require.Equal(t, http.StatusOK, status, answer)
	names := map[string]bool{}
	eventually(t, callLimit, func() bool {
		got, err := apiOf(t, backend).GetTraces(bounded(t), &tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{TraceIds: []string{"0af7651916cd43dd8448eb211c80319c"}}})
		require.NoError(t, err)
		for _, trace := range got.Traces {
			for _, resource := range trace.ResourceSpans {
				for _, scope := range resource.ScopeSpans {
					for _, span := range scope.Spans {
						names[span.Name] = true
					}
				}
			}
		}
		return names["POST"] && names["tapio.v1.ObservabilityService/GetLogs"]
	}, "a span of each server")
}
