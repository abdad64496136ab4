// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// guardedOTLP is the standard collector with the tapio extension as middleware.
var guardedOTLP = strings.NewReplacer(
	`grpc: {endpoint: "localhost:0"}
      http: {endpoint: "localhost:0"}`, `grpc: {endpoint: "localhost:0", middlewares: [{id: tapio}]}
      http: {endpoint: "localhost:0", middlewares: [{id: tapio}], read_header_timeout: 1s}`,
).Replace(standard)

// ask sends one request as a browser would and returns the status and the body.
func ask(t *testing.T, method, url, host string, body string, headers ...string) (int, string) {
	t.Helper()
	response := askFor(t, method, url, host, body, headers...)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func askFor(t *testing.T, method, url, host string, body string, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(bounded(t), method, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Host = host
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	return response
}

// routes are all methods and paths that the server describes.
func routes(t *testing.T, c *Collector) [][2]string {
	t.Helper()
	_, text := get(t, "http://"+c.HTTP+"/openapi.json")
	var description struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(text, &description))
	var all [][2]string
	for path, methods := range description.Paths {
		for method := range methods {
			all = append(all, [2]string{strings.ToUpper(method), regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "x")})
		}
	}
	require.NotEmpty(t, all)
	return all
}

func TestWebPagesOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	c := Start(t, guardedOTLP)
	every := append(routes(t, c), [2]string{"GET", "/openapi.json"}, [2]string{"GET", "/v1/opamp"}, [2]string{"POST", "/v1/opamp"}, [2]string{"OPTIONS", "/v1/logs:query"})
	every = append(every, queryAPIRoutes()...)
	for _, route := range every {
		url := "http://" + c.HTTP + route[1]
		for name, headers := range map[string][]string{
			"origin":     {"Origin", "http://evil.example"},
			"no origin":  {"Origin", "null"},
			"other port": {"Origin", "http://localhost:3000", "Sec-Fetch-Site", "same-site"},
			"cross-site": {"Sec-Fetch-Site", "cross-site"},
			"websocket":  {"Origin", "http://evil.example", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-Websocket-Version", "13", "Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="},
		} {
			status, answer := ask(t, route[0], url, "", "{}", append(headers, "Content-Type", "application/json")...)
			require.Equal(t, http.StatusForbidden, status, "%s: %v %s", name, route, answer)
		}
		status, answer := ask(t, route[0], url, "evil.example:4418", "{}", "Content-Type", "application/json")
		require.Equal(t, http.StatusForbidden, status, "foreign host: %v %s", route, answer)
		require.Contains(t, answer, "allowed_hosts")
	}
	status, _ := ask(t, "POST", "http://"+c.HTTP+"/v1/logs:query", "", "{}", "Content-Type", "application/json", "Origin", "http://"+c.HTTP, "Sec-Fetch-Site", "same-origin")
	require.Equal(t, http.StatusOK, status, "the server's own page")
}

func TestJSONRoutesRequireJSON(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	for _, route := range routes(t, c) {
		if route[0] == "GET" || route[0] == "DELETE" {
			continue
		}
		for _, contentType := range []string{"", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/octet-stream"} {
			if contentType == "application/octet-stream" && route[1] == "/v1/profiles:upload" {
				continue // a file, which browsers ask leave for as they do for JSON
			}
			status, answer := ask(t, route[0], "http://"+c.HTTP+route[1], "", "{}", "Content-Type", contentType)
			require.Equal(t, http.StatusUnsupportedMediaType, status, "%q: %v %s", contentType, route, answer)
			require.Contains(t, answer, "application/json")
		}
	}
	for _, contentType := range []string{"application/json; charset=utf-8", "application/x-ndjson"} {
		status, answer := ask(t, "POST", "http://"+c.HTTP+"/v1/collectors:stream", "", `{"batch":{"events":[{"logRecord":{"eventName":"a"}}]}}`, "Content-Type", contentType)
		require.Equal(t, http.StatusOK, status, "%s", answer)
	}
}

// Clients of Pyroscope send what a web page could send as well, but for its origin.
func TestWebPagesCannotSendProfiles(t *testing.T) {
	t.Parallel()
	c := Start(t, withProfiles)
	for path, contentType := range map[string]string{"/ingest?name=shop.cpu": "text/plain", "/v1/profiles:upload?service=shop": "application/octet-stream"} {
		status, answer := ask(t, "POST", "http://"+c.HTTP+path, "", "main;serve 10\n", "Content-Type", contentType, "Origin", "http://evil.example")
		require.Equal(t, http.StatusForbidden, status, "%s: %s", path, answer)
	}
}

func TestOTLPReceiverRefusesWebPages(t *testing.T) {
	t.Parallel()
	c := Start(t, guardedOTLP)
	url := "http://" + c.OTLPHTTP + "/v1/logs"
	const body = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}`
	for name, tc := range map[string]struct {
		host, body string
		headers    []string
		want       int
	}{
		"SDK":            {"", body, nil, 200},
		"page":           {"", body, []string{"Origin", "http://evil.example"}, 403},
		"rebound name":   {"evil.example:4318", body, []string{"Origin", "http://evil.example:4318"}, 403},
		"simple request": {"", body, []string{"Origin", "http://evil.example", "Content-Type", "text/plain"}, 415},
		"not UTF-8":      {"", strings.Replace(body, `"x"`, "\"\xff\"", 1), nil, 400},
		"not UTF-8, cut": {"", "{\"resourceLogs\":\"\xff", nil, 400},
		"cut, but UTF-8": {"", `{"resourceLogs":{` + strings.Repeat("ü", 100), nil, 400},
	} {
		status, answer := ask(t, "POST", url, tc.host, tc.body, append([]string{"Content-Type", "application/json"}, tc.headers...)...)
		require.Equal(t, tc.want, status, "%s: %s", name, answer)
	}
}

// Where the server is meant for others, they reach it by any name; a listed
// origin may use it.
func TestOtherNamesAndOrigins(t *testing.T) {
	t.Parallel()
	const query, json = "/v1/logs:query", "application/json"
	everywhere := Start(t, standard, "--set=extensions::tapio::http::endpoint=0.0.0.0:0")
	_, port, err := net.SplitHostPort(everywhere.HTTP)
	require.NoError(t, err)
	status, answer := ask(t, "GET", "http://127.0.0.1:"+port+"/v1/health", "tapio.monitoring.svc:4418", "")
	require.Equal(t, http.StatusOK, status, "%s", answer)
	status, _ = ask(t, "POST", "http://127.0.0.1:"+port+query, "tapio.monitoring.svc:4418", "{}", "Content-Type", json, "Origin", "http://evil.example")
	require.Equal(t, http.StatusForbidden, status)

	named := Start(t, standard, "--set=extensions::tapio::allowed_hosts=[tapio.example.com]",
		"--set=extensions::tapio::http::cors::allowed_origins=[https://ui.example.com]")
	for host, want := range map[string]int{"tapio.example.com": 200, "localhost": 200, "evil.example": 403} {
		status, answer = ask(t, "POST", "http://"+named.HTTP+query, host, "{}", "Content-Type", json)
		require.Equal(t, want, status, "%s: %s", host, answer)
	}
	for origin, want := range map[string]int{"https://ui.example.com": 200, "https://evil.example": 403} {
		response := askFor(t, "POST", "http://"+named.HTTP+query, "", "{}", "Content-Type", json, "Origin", origin, "Sec-Fetch-Site", "cross-site")
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, origin)
		require.Equal(t, want == 200, response.Header.Get("Access-Control-Allow-Origin") == origin)
	}

	c := Start(t, guarded)
	login := []string{"Content-Type", json, "Authorization", password{"reader", "secret"}.header()}
	status, answer = ask(t, "POST", "http://"+c.HTTP+query, "tapio.example.com", "{}", login...)
	require.Equal(t, http.StatusOK, status, "a page of a rebound name has no password: %s", answer)
	status, _ = ask(t, "POST", "http://"+c.HTTP+query, "", "{}", append(login, "Origin", "http://evil.example")...)
	require.Equal(t, http.StatusForbidden, status, "a browser sends its password for every page")
}

// The gRPC ports speak HTTP/2 without TLS, which no browser does.
func TestWebPagesCannotSpeakGRPC(t *testing.T) {
	t.Parallel()
	c := Start(t, guardedOTLP)
	for _, address := range []string{c.GRPC, c.OTLPGRPC} {
		conn, err := (&net.Dialer{}).DialContext(bounded(t), "tcp", address)
		require.NoError(t, err)
		_, err = io.WriteString(conn, "POST /tapio.v1.ObservabilityService/GetLogs HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"+
			"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n\x00\x00\x00\x00\x00")
		require.NoError(t, err)
		answer, _ := io.ReadAll(conn) // the server hangs up
		_, err = http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
		require.Error(t, err, "%q", answer)
		require.NoError(t, conn.Close())
	}
}

// A client that does not get on with its request is cut off on every port.
func TestSlowHandshakesAreCutOff(t *testing.T) {
	t.Parallel()
	c := Start(t, guardedOTLP, "--set=extensions::tapio::http::read_header_timeout=1s")
	for _, address := range []string{c.GRPC, c.HTTP, c.OTLPGRPC, c.OTLPHTTP} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			for _, begin := range []string{"", "PRI * HTTP/2.0\r\n", "POST /v1/logs HTTP/1.1\r\nHost: localhost\r\n"} {
				conn, err := (&net.Dialer{}).DialContext(bounded(t), "tcp", address)
				require.NoError(t, err)
				_, err = io.WriteString(conn, begin)
				require.NoError(t, err)
				require.NoError(t, conn.SetReadDeadline(time.Now().Add(startLimit)))
				_, err = io.Copy(io.Discard, conn) // a reset is an end as well
				require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "%q", begin)
				require.NoError(t, conn.Close())
			}
		})
	}
}

// The default configuration holds its own ports to the same.
func TestDefaultConfigurationRefusesWebPages(t *testing.T) {
	t.Parallel()
	config := withFreePorts(t, filepath.Join("..", "..", "distribution", "config", "tapio.yaml"))
	c := Start(t, config, "--set=extensions::tapio::grpc::endpoint=localhost:0", "--set=extensions::tapio::http::endpoint=localhost:0",
		"--set=service::telemetry::logs::encoding=json")
	zpages := regexp.MustCompile(`zpages:\n\s+endpoint: (\S+)`).FindStringSubmatch(config)[1]
	for url, want := range map[string]int{
		"http://" + c.HTTP + "/v1/health": 403, "http://" + c.OTLPHTTP + "/v1/logs": 403, "http://" + zpages + "/debug/servicez": 403,
	} {
		status, _ := ask(t, "GET", url, "evil.example", "")
		require.Equal(t, want, status, url)
		status, _ = ask(t, "GET", url, "", "", "Origin", "http://evil.example")
		require.Equal(t, want, status, url)
	}
	status, _ := get(t, "http://"+zpages+"/debug/servicez")
	require.Equal(t, http.StatusOK, status)
	require.NotContains(t, config, "pprof:\n    endpoint")
	_, err := apiOf(t, c).GetLogs(bounded(t), &tapiov1.GetLogsRequest{})
	require.NoError(t, err)
}
