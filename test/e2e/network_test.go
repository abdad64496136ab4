// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var networkStandard = strings.ReplaceAll(kernelStandard, "traces: {receivers: [otlp]", "traces: {receivers: [otlp, ebpf]")

// Programs that no one instrumented: their request is one trace of two spans.
func TestAPlainRequestIsATrace(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := Start(t, networkStandard)
	for name, url := range map[string]string{"go": goServer(t), "python": pythonServer(t)} {
		path := "/plain/" + name
		_ = exec.Command("curl", "-s", "-o", "/dev/null", url+path).Run() // Python's has no such file
		spans := awaitSpans(t, c, 2, "url.path="+path)
		const server, client = 2, 3
		ofKind := map[int]spanRow{spans[0].Kind: spans[0], spans[1].Kind: spans[1]}
		assert.Equal(t, ofKind[client].TraceID, ofKind[server].TraceID, name)
		assert.Empty(t, ofKind[client].ParentSpanID, "%s: the client's is the root", name)
		assert.Equal(t, ofKind[client].SpanID, ofKind[server].ParentSpanID, name)
	}
}

func TestARequestJoinsItsApplicationsTrace(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := Start(t, networkStandard)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	require.NoError(t, exec.Command("curl", "-sf", "-o", "/dev/null", "-H", "traceparent: 00-"+trace+"-00f067aa0ba902b7-01", goServer(t)+"/joined").Run())
	for _, span := range awaitSpans(t, c, 2, "url.path=/joined") {
		assert.Equal(t, trace, span.TraceID)
	}
}

func TestAFailedConnectIsFoundByTheClient(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := Start(t, networkStandard)
	port := freePort(t)
	require.Error(t, exec.Command("curl", "-s", "http://127.0.0.1:"+port).Run())
	awaitOutput(t, c, "ECONNREFUSED", "observe", "events", "--event-name", "tapio.tcp.connect_failed", "-l", "network.peer.port="+port, "-o", "json")
	awaitOutput(t, c, "tapio.tcp.connect_failures", "get", "metrics", "--name", "tapio.tcp.connect_failures", "-o", "json")
}

func goServer(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(server.Close)
	return server.URL
}

func pythonServer(t *testing.T) string {
	t.Helper()
	port := freePort(t)
	server := exec.Command("python3", "-m", "http.server", "--bind", "127.0.0.1", port)
	server.Dir = t.TempDir()
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	eventually(t, startLimit, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, "a Python server on port "+port)
	return "http://127.0.0.1:" + port
}

// freePort is one that no one listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

type spanRow struct {
	TraceID      string
	SpanID       string
	ParentSpanID string
	Kind         int
}

// awaitSpans asks for traces until they have so many spans.
func awaitSpans(t *testing.T, c *Collector, n int, selector string) (spans []spanRow) {
	t.Helper()
	eventually(t, firstAnswerLimit, func() bool {
		spans = nil
		output := tapioctl(t, c, "get", "traces", "-l", selector, "-o", "json")
		decoder := json.NewDecoder(bytes.NewReader(output))
		for decoder.More() {
			var trace struct {
				ResourceSpans []struct {
					ScopeSpans []struct{ Spans []spanRow }
				}
			}
			if decoder.Decode(&trace) != nil {
				return false
			}
			for _, resource := range trace.ResourceSpans {
				for _, scope := range resource.ScopeSpans {
					spans = append(spans, scope.Spans...)
				}
			}
		}
		return len(spans) == n
	}, strconv.Itoa(n)+" spans with "+selector)
	return spans
}
