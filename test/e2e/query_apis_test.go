// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// queryAPIRoutes are the methods and paths of the APIs that other tools speak.
func queryAPIRoutes() [][2]string {
	return [][2]string{
		{"GET", "/api/services"},
		{"GET", "/api/services/x/operations"},
		{"GET", "/api/operations?service=x"},
		{"GET", "/api/traces?service=x"},
		{"GET", "/api/traces/abcd"},
		{"GET", "/api/dependencies"},
		{"GET", "/api/v3/services"},
		{"GET", "/api/v3/operations?service=x"},
		{"GET", "/api/v3/traces?query.startTimeMin=2026-01-02T00:00:00Z&query.startTimeMax=2026-01-03T00:00:00Z"},
		{"GET", "/api/v3/traces/abcd"},
		{"GET", "/api/v3/trace-summaries?query.startTimeMin=2026-01-02T00:00:00Z&query.startTimeMax=2026-01-03T00:00:00Z"},
		{"POST", "/mcp"},
		{"GET", "/mcp"},
		{"DELETE", "/mcp"},
	}
}

// mcpHeaders are what a client of the Model Context Protocol sends.
func mcpHeaders(more ...string) []string {
	return append([]string{"Content-Type", "application/json", "Accept", "application/json, text/event-stream"}, more...)
}

const mcpToolList = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`

// Every path needs a login and the right to read.
func TestQueryAPIsAreGuarded(t *testing.T) {
	t.Parallel()
	c := Start(t, guarded)
	for _, route := range queryAPIRoutes() {
		url := "http://" + c.HTTP + route[1]
		for user, want := range map[string]int{"": 401, "nobody": 401, "writer": 403} {
			headers := mcpHeaders()
			if user != "" {
				headers = mcpHeaders("Authorization", password{user, "secret"}.header())
			}
			status, answer := ask(t, route[0], url, "", mcpToolList, headers...)
			require.Equal(t, want, status, "%s as %q: %s", route, user, answer)
		}
		status, answer := ask(t, route[0], url, "", mcpToolList, mcpHeaders("Authorization", password{"reader", "secret"}.header())...)
		require.NotContains(t, []int{401, 403}, status, "%s: %s", route, answer)
	}
	status, answer := ask(t, "POST", "http://"+c.HTTP+"/mcp", "", mcpToolList, mcpHeaders("Authorization", password{"reader", "secret"}.header())...)
	require.Equal(t, http.StatusOK, status, "%s", answer)
	require.Contains(t, answer, "list_incidents")
	require.Positive(t, figuresOf(t, apiAt(dial(t, c.GRPC, insecure.NewCredentials(), grpc.WithPerRPCCredentials(password{"reader", "secret"})))).RejectedCallCounts["PermissionDenied"])
}

// Each API is switched off by itself; the front page names those that are on.
func TestQueryAPIsAreSwitchedOff(t *testing.T) {
	t.Parallel()
	for off, on := range map[string]string{"jaeger": "/mcp", "mcp": "/api/services"} {
		c := Start(t, standard, "--set=extensions::tapio::ui::enabled=false", "--set=extensions::tapio::"+off+"::enabled=false")
		_, page := get(t, "http://"+c.HTTP+"/")
		require.Contains(t, string(page), `href="`+on+`"`)
		for _, route := range queryAPIRoutes() {
			status, answer := ask(t, route[0], "http://"+c.HTTP+route[1], "", mcpToolList, mcpHeaders()...)
			switch isMCP := route[1] == "/mcp"; {
			case isMCP == (off == "mcp"):
				require.Contains(t, []int{404, 405}, status, "%s: %s", route, answer)
				require.NotContains(t, answer, "trace not found")
			case isMCP:
				require.Equal(t, map[string]int{"POST": 200, "GET": 405, "DELETE": 405}[route[0]], status, "%s: %s", route, answer)
			default:
				require.Contains(t, answer, `"`, "it is answered: %s", route)
			}
		}
		require.NotContains(t, string(page), map[string]string{"jaeger": "/api/services", "mcp": "/mcp"}[off])
	}
}

// The calls of Grafana's Jaeger data source, as its documentation and source have
// them: the health check, the query editor, search, a trace, the service graph.
func TestCallsOfGrafanaAndJaegerUI(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sendJaegerSpans(t, c.OTLPHTTP)
	const span = "start=1767322790000000&end=1767322890000000"
	data := func(path string) []any {
		status, body := get(t, "http://"+c.HTTP+path)
		require.Equal(t, http.StatusOK, status, "%s: %s", path, body)
		var answer struct {
			Data   []any
			Errors []any
		}
		require.NoError(t, json.Unmarshal(body, &answer), "%s", body)
		require.Empty(t, answer.Errors)
		return answer.Data
	}
	require.Contains(t, data("/api/services"), "frontend")
	require.Contains(t, data("/api/services/frontend/operations"), "GET /checkout")
	require.Len(t, data("/api/traces?service=frontend&operation=&tags=&minDuration=&maxDuration=&limit=20&lookback=custom&"+span), 3)
	require.Len(t, data("/api/traces?service=frontend&operation=GET%20%2Fcheckout&limit=1&lookback=1h&"+span), 1)
	require.Empty(t, data("/api/traces?service=frontend&lookback=1h"), "nothing in the last hour")
	require.Len(t, data("/api/traces/5b8efff798038103d269b633813fc60c"), 1)
	require.NotEmpty(t, data("/api/dependencies?endTs=1767322890000&lookback=86400000"))

	_, body := get(t, "http://"+c.HTTP+"/api/traces/abcd?prettyPrint=true")
	require.Contains(t, string(body), "\n    \"data\"")
	const times = "query.startTimeMin=2026-01-02T02%3A59%3A50.000Z&query.startTimeMax=2026-01-02T03%3A01%3A30.000Z"
	status, body := get(t, "http://"+c.HTTP+"/api/v3/trace-summaries?query.serviceName=frontend&query.operationName=GET+%2Fcheckout&"+times+
		"&query.searchDepth=20&query.durationMin=10ms&query.attributes=%7B%22error%22%3A%22true%22%7D")
	require.Equal(t, http.StatusOK, status, "%s", body)
	require.JSONEq(t, `{"summaries":[{"traceId":"5b8efff798038103d269b633813fc60c","rootServiceName":"frontend","rootOperationName":"GET /checkout",
		"minStartTimeUnixNano":"1767322800000000000","maxEndTimeUnixNano":"1767322800300000000","spanCount":8,"errorSpanCount":1,
		"services":[{"name":"cart","spanCount":3},{"name":"frontend","spanCount":3,"errorSpanCount":1},{"name":"mailer","spanCount":2}]}]}`, string(body))
	status, body = get(t, "http://"+c.HTTP+"/api/v3/traces/W47_95gDgQPSabYzgT_GDA")
	require.Equal(t, http.StatusOK, status, "an id in base64: %s", body)
	response := askFor(t, "GET", "http://"+c.HTTP+"/api/traces?service=frontend&"+span, "", "", "Accept-Encoding", "gzip")
	require.NoError(t, response.Body.Close())
	require.Equal(t, "gzip", response.Header.Get("Content-Encoding"))
}

// What cannot be answered is named, in Jaeger's structure, and counted.
func TestJaegerAPIRefusesBadInput(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	const v3Times = "query.startTimeMin=2026-01-02T00:00:00Z&query.startTimeMax=2026-01-03T00:00:00Z"
	for request, want := range map[string][2]string{
		"/api/traces?service=x&limit=0":                     {"400", "limit"},
		"/api/traces?service=x&limit=99999":                 {"400", "1 to 10000"},
		"/api/traces?service=x&lookback=soon":               {"400", "lookback"},
		"/api/traces?" + strings.Repeat("traceID=1&", 1001): {"400", "at most 1000"},
		"/api/traces?service=x&start=99999999999999999999":  {"400", "start"},
		"/api/nothing":    {"404", "/api/traces"},
		"/api/v3/nothing": {"404", "/api/v3/traces"},
		"/api/v3/traces?query.searchDepth=0&" + v3Times:           {"400", "query.searchDepth"},
		"/api/v3/traces?query.attributes=x&" + v3Times:            {"400", "query.attributes"},
		"/api/v3/traces?query.filter=%7B%7D&" + v3Times:           {"400", "query.filter"},
		"/api/v3/traces?query.startTimeMin=2026-01-02T00:00:00Z":  {"400", "required"},
		"/api/v3/trace-summaries?query.startTimeMin=x&" + v3Times: {"400", "query.startTimeMin"},
		"/api/v3/trace-summaries":                                 {"400", "required"},
	} {
		status, body := get(t, "http://"+c.HTTP+request)
		require.Equal(t, want[0], strconv.Itoa(status), "%s: %s", request, body)
		require.Contains(t, string(body), want[1], request)
		var answer struct {
			Errors []struct {
				Code int
				Msg  string
			}
			Error struct {
				HTTPCode int
				Message  string
			}
		}
		require.NoError(t, json.Unmarshal(body, &answer))
		if strings.HasPrefix(request, "/api/v3") {
			require.Equal(t, status, answer.Error.HTTPCode)
			continue
		}
		require.Len(t, answer.Errors, 1)
		require.Equal(t, status, answer.Errors[0].Code)
	}
	status, body := ask(t, "POST", "http://"+c.HTTP+"/api/traces", "", "{}", "Content-Type", "application/json")
	require.Equal(t, http.StatusMethodNotAllowed, status, "%s", body)
	require.Positive(t, figuresOf(t, apiOf(t, c)).RejectedCallCounts["InvalidArgument"])
}
