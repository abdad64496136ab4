// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/dns"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

func onlyHTTP(c *Config) {
	c.Probes = probe.Config{
		File: probe.DefaultFileConfig(), HTTP: protocol.HTTPConfig{Enabled: true, Own: true}, TCP: probe.DefaultTCPConfig(), DNS: dns.DefaultConfig(),
	}
	c.Probes.TCP.Enabled, c.Probes.DNS.Enabled = false, false
}

// spans returns those delivered so far whose path begins so.
func (s *seen) spans(kind ptrace.SpanKind, path string) (found []ptrace.Span) {
	s.eachSpan(func(_ pcommon.Resource, span ptrace.Span) {
		got, _ := span.Attributes().Get("url.path")
		if span.Kind() == kind && strings.HasPrefix(got.Str(), path) {
			found = append(found, span)
		}
	})
	return found
}

func (s *seen) eachSpan(do func(pcommon.Resource, ptrace.Span)) {
	for _, traces := range s.traces.AllTraces() {
		for _, resource := range traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					do(resource.Resource(), span)
				}
			}
		}
	}
}

// ProcessOf returns what is reported of the process that a span is of.
func (s *seen) processOf(id pcommon.SpanID) (found map[string]any) {
	s.eachSpan(func(resource pcommon.Resource, span ptrace.Span) {
		if span.SpanID() == id {
			found = resource.Attributes().AsRaw()
		}
	})
	return found
}

// both waits for so many spans of each side.
func (s *seen) both(t *testing.T, n int, path string) (servers, clients []ptrace.Span) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		servers, clients = s.spans(ptrace.SpanKindServer, path), s.spans(ptrace.SpanKindClient, path)
		if len(servers) >= n && len(clients) >= n || time.Now().After(deadline) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	require.Len(t, servers, n, "spans of the server; %d of the clients", len(clients))
	require.Len(t, clients, n, "spans of the clients")
	return servers, clients
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/kind/missing" {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write(body)
}

func TestHTTPSpansAreJoined(t *testing.T) {
	s := onThisKernel(t, onlyHTTP)
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	response, err := http.Post(server.URL+"/kind/missing?secret=1", "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	servers, clients := s.both(t, 1, "/kind/missing")
	assert.Equal(t, clients[0].TraceID(), servers[0].TraceID())
	assert.Equal(t, clients[0].SpanID(), servers[0].ParentSpanID())
	assert.True(t, clients[0].ParentSpanID().IsEmpty())
	assert.LessOrEqual(t, clients[0].StartTimestamp(), servers[0].StartTimestamp(), "a request is sent before it comes")
	assert.Less(t, servers[0].StartTimestamp(), servers[0].EndTimestamp())
	for _, span := range []ptrace.Span{servers[0], clients[0]} {
		got := span.Attributes().AsRaw()
		assert.Equal(t, "POST", span.Name())
		assert.Equal(t, "/kind/missing", got["url.path"])
		assert.Equal(t, int64(404), got["http.response.status_code"])
		assert.Equal(t, int64(5), got["http.request.body.size"])
		assert.Equal(t, int64(5), got["http.response.body.size"])
		assert.Equal(t, int64(os.Getpid()), s.processOf(span.SpanID())["process.pid"])
		assert.Equal(t, "127.0.0.1", got["network.peer.address"])
	}
	assert.Equal(t, ptrace.StatusCodeError, clients[0].Status().Code())
	assert.Equal(t, ptrace.StatusCodeUnset, servers[0].Status().Code(), "what a client does wrong is no error of the server")
}

func TestHTTPSpanJoinsTheApplicationsTrace(t *testing.T) {
	s := onThisKernel(t, onlyHTTP)
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	request, err := http.NewRequest(http.MethodGet, server.URL+"/traced", http.NoBody)
	require.NoError(t, err)
	request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	servers, clients := s.both(t, 1, "/traced")
	assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", clients[0].TraceID().String())
	assert.Equal(t, "b7ad6b7169203331", clients[0].ParentSpanID().String())
	assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", servers[0].TraceID().String())
	assert.Equal(t, clients[0].SpanID(), servers[0].ParentSpanID())
}

func TestOwnRequestsAreReportedOnlyIfConfigured(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		onlyHTTP(c)
		c.Probes.HTTP.Own = false
	})
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	response, err := http.Get(server.URL + "/own/1")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	output, err := exec.Command("curl", "-sf", "-o", "/dev/null", server.URL+"/own/2").CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Eventually(t, func() bool { return len(s.spans(ptrace.SpanKindClient, "/own/2")) == 1 }, 10*time.Second, 20*time.Millisecond)
	assert.Empty(t, s.spans(ptrace.SpanKindClient, "/own/1"))
	assert.Empty(t, s.spans(ptrace.SpanKindServer, "/own/"))
}

// Every request of several programs is seen, by both sides, while they compete.
func TestEveryHTTPRequestIsSeen(t *testing.T) {
	const clients = 8
	each := 100
	if text := os.Getenv("TAPIO_HTTP_REQUESTS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err, "TAPIO_HTTP_REQUESTS")
		each = n / clients
	}
	s := onThisKernel(t, onlyHTTP)
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	var wait sync.WaitGroup
	for c := range clients {
		wait.Go(func() { ask(t, c, each, server.URL+"/every/") })
	}
	wait.Wait()
	servers, asked := s.both(t, clients*each, "/every/")
	parents := map[string]bool{}
	for _, span := range asked {
		parents[span.TraceID().String()+span.SpanID().String()] = true
	}
	assert.Len(t, parents, clients*each, "each request has a span of its own")
	for _, span := range servers {
		assert.True(t, parents[span.TraceID().String()+span.ParentSpanID().String()], "a server's span without its client's")
	}
	s.counted(t, "http.server.request.duration", uint64(clients*each))
	s.counted(t, "http.client.request.duration", uint64(clients*each))
	t.Logf("%d requests: %d spans of the server, %d of the clients", clients*each, len(servers), len(asked))
}

// ask sends requests by Go, Python and curl in turn, over connections that stay.
func ask(t *testing.T, kind, n int, url string) {
	var command *exec.Cmd
	switch kind % 4 {
	case 0, 1:
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for i := range n {
			response, err := client.Post(fmt.Sprintf("%s%d", url, i), "text/plain", strings.NewReader(strings.Repeat("x", i%1000)))
			if !assert.NoError(t, err) {
				return
			}
			_, _ = io.Copy(io.Discard, response.Body)
			assert.NoError(t, response.Body.Close())
		}
		return
	case 2:
		command = exec.Command("python3", "-c", `
import http.client, sys, urllib.parse
u = urllib.parse.urlparse(sys.argv[1])
c = http.client.HTTPConnection(u.netloc)
for i in range(int(sys.argv[2])):
    c.request("GET", u.path + str(i))
    c.getresponse().read()
`, url, fmt.Sprint(n))
	case 3:
		command = exec.Command("curl", "-sf", "-o", "/dev/null", fmt.Sprintf("%s[1-%d]", url, n))
	}
	output, err := command.CombinedOutput()
	assert.NoError(t, err, "%s: %s", command, output)
}

// counted waits for a histogram that has counted so many, and exemplars.
func (s *seen) counted(t *testing.T, name string, n uint64) {
	t.Helper()
	assert.Eventually(t, func() bool {
		counted, exemplars := uint64(0), 0
		for _, series := range s.newest(name) {
			counted += series.Count()
			exemplars += series.Exemplars().Len()
		}
		return counted >= n // other programs of this host may speak HTTP too
	}, 10*time.Second, 50*time.Millisecond, "%s has not counted %d", name, n)
}

// newest returns the last point of each series: one that did not grow is not sent again.
func (s *seen) newest(name string) map[string]pmetric.HistogramDataPoint {
	series := map[string]pmetric.HistogramDataPoint{}
	for _, metrics := range s.metrics.AllMetrics() {
		for _, resource := range metrics.ResourceMetrics().All() {
			for _, metric := range resource.ScopeMetrics().At(0).Metrics().All() {
				if metric.Name() != name {
					continue
				}
				for _, point := range metric.Histogram().DataPoints().All() {
					series[fmt.Sprint(resource.Resource().Attributes().AsRaw(), point.Attributes().AsRaw())] = point
				}
			}
		}
	}
	return series
}

func eachMetric(metrics pmetric.Metrics, do func(pmetric.Metric)) {
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, m := range scope.Metrics().All() {
				do(m)
			}
		}
	}
}
