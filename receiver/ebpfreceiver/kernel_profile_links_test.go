// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"net/http"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

// burnsAndSleeps computes and sleeps for each request, and between requests computes too.
const burnsAndSleeps = `
import http.server, sys, time
def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        burn(0.1)
        time.sleep(0.05)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args): pass
class Server(http.server.HTTPServer):
    def service_actions(self): burn(0.05)
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever(0.05)
`

type spanID struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// What a thread does while it serves a request is linked to the span of that; what it does
// between requests is linked to none.
func TestSamplesAreLinkedToTheRequest(t *testing.T) {
	needs(t, "python3")
	port := freePort(t)
	python, err := exec.LookPath("python3")
	require.NoError(t, err)
	profiles, spans := profiledWithSpans(t, func(c *Config) {
		c.Probes.HTTP = protocol.DefaultHTTPConfig()
	})
	pid := running(t, python, "-c", burnsAndSleeps, strconv.Itoa(port))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	url := "http://127.0.0.1:" + strconv.Itoa(port)
	require.Eventually(t, func() bool {
		response, err := client.Get(url)
		if err == nil {
			_ = response.Body.Close()
		}
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
	request, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	const traced = "0af7651916cd43dd8448eb211c80319c"
	request.Header.Set("traceparent", "00-"+traced+"-b7ad6b7169203331-01")
	for range 10 {
		response, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		served := map[spanID]bool{}
		spans.eachSpan(func(resource pcommon.Resource, span ptrace.Span) {
			of, _ := resource.Attributes().Get("process.pid")
			if of.Int() == int64(pid) && span.Kind() == ptrace.SpanKindServer {
				served[spanID{span.TraceID(), span.SpanID()}] = true
			}
		})
		linked, free := map[string]int64{}, map[string]int64{}
		ofTrace := 0
		for _, kind := range []string{"cpu", "off_cpu"} {
			for _, p := range profilesOf(profiles, pid, kind) {
				for _, sample := range p.Samples {
					if sample.SpanID == (model.SpanID{}) {
						free[kind] += sample.Values[0]
						continue
					}
					linked[kind] += sample.Values[0]
					assert.True(t, served[spanID{pcommon.TraceID(sample.TraceID), pcommon.SpanID(sample.SpanID)}], "no span of the server is %x", sample.SpanID)
					if sample.TraceID.String() == traced {
						ofTrace++
					}
				}
			}
		}
		const requests = int64(11)
		assert.Greater(t, linked["cpu"], requests*int64(20*time.Millisecond))
		assert.Greater(t, linked["off_cpu"], requests*int64(20*time.Millisecond))
		assert.Less(t, linked["off_cpu"], requests*int64(time.Second))
		assert.Positive(t, free["cpu"])
		assert.Positive(t, free["off_cpu"])
		assert.Greater(t, ofTrace, 10)
	}, 20*time.Second, 200*time.Millisecond)
}
