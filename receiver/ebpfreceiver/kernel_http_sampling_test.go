// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const manyRequests = `
import http.client, http.server, socketserver, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/slow":
            __import__("time").sleep(0.2)
        self.send_response(507 if self.path == "/fails" else 207) # that no other program here sends
        self.send_header("Content-Length", "4096")
        self.end_headers()
        self.wfile.write(b"x" * 4096)
    def log_message(self, *args): pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer): daemon_threads = True
server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
c = http.client.HTTPConnection("127.0.0.1", server.server_address[1])
for i in range(int(sys.argv[1])):
    path = "/fails" if i % 100 == 99 else "/slow" if i % 1000 == 500 else "/well"
    c.request("GET", path)
    c.getresponse().read()
`

// adjusted is how many requests the span stands for.
func adjusted(t *testing.T, span ptrace.Span) float64 {
	t.Helper()
	state := span.TraceState().AsRaw()
	if state == "" {
		return 1
	}
	threshold, _, _ := strings.Cut(strings.TrimPrefix(state, "ot=th:"), ";")
	th, err := strconv.ParseUint(threshold+strings.Repeat("0", 14-len(threshold)), 16, 64)
	require.NoError(t, err, state)
	return math.Exp2(56) / (math.Exp2(56) - float64(th))
}

// Above the rate a span stands for others; what fails and what is slow is reported one
// by one, and the metrics count each request.
func TestRequestsAboveTheRateStandForOthers(t *testing.T) {
	needs(t, "python3")
	s := onThisKernel(t, func(c *Config) {
		onlyHTTP(c)
		c.Probes.HTTP.ExactRequestsPerSecond, c.Probes.HTTP.SlowThreshold = 50, 100*time.Millisecond
	})
	const requests, failures, slow = 5000, 50, 5
	output, err := exec.Command("python3", "-c", manyRequests, strconv.Itoa(requests)).CombinedOutput()
	require.NoError(t, err, "%s", output)
	for _, side := range []string{"server", "client"} {
		counted := map[int64]uint64{}
		assert.Eventually(t, func() bool {
			clear(counted)
			for _, point := range s.newest("http." + side + ".request.duration") {
				if status, ok := point.Attributes().Get("http.response.status_code"); ok && status.Int()%100 == 7 {
					counted[status.Int()] += point.Count()
				}
			}
			return counted[207]+counted[507] >= requests
		}, 10*time.Second, 50*time.Millisecond)
		assert.Equal(t, map[int64]uint64{207: requests - failures, 507: failures}, counted, side)
	}
	for _, kind := range []ptrace.SpanKind{ptrace.SpanKindServer, ptrace.SpanKindClient} {
		var well, variance float64
		spans, failed, late := 0, 0, 0
		for _, span := range s.spans(kind, "/") {
			status, _ := span.Attributes().Get("http.response.status_code")
			if status.Int()%100 != 7 {
				continue
			}
			weight := adjusted(t, span)
			switch took := span.EndTimestamp().AsTime().Sub(span.StartTimestamp().AsTime()); {
			case status.Int() == 507:
				failed++
				assert.Equal(t, 1.0, weight)
			case took >= 200*time.Millisecond:
				late++
				well++
			default:
				spans++
				well += weight
				variance += weight * (weight - 1)
			}
		}
		assert.Equal(t, failures, failed, "%s", kind)
		assert.GreaterOrEqual(t, late, slow, "%s", kind)
		assert.Less(t, spans, requests/2, "%s: nothing was left out", kind)
		assert.InDelta(t, requests-failures, well, 6*math.Sqrt(variance)+1, "%s", kind)
	}
}
