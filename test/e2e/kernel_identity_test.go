//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// identityStandard knows which service exports over which connection, and judges what
// belongs together.
var identityStandard = strings.NewReplacer(
	`http: {endpoint: "localhost:0"}`+"\n  tapio:", `http: {endpoint: "localhost:0", middlewares: [{id: tapio}]}`+"\n  tapio:",
	"file: {paths: [/etc/hostname]}", "file: {enabled: false}",
).Replace(networkStandard)

// pythonProgram serves HTTP: /ok is answered, /fail fails, / of a port that it is given is
// asked first. With a collector it exports its own telemetry, each time over a connection
// of its own.
const pythonProgram = `
import http.server, json, os, sys, threading, time, urllib.request
options = dict(a.split("=", 1) for a in sys.argv[1:])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        status = 200
        try:
            if "upstream" in options:
                urllib.request.urlopen(options["upstream"] + self.path).read()
        except urllib.error.HTTPError:
            status = 502
        if self.path.startswith("/fail") and "upstream" not in options:
            status = 500
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
def export():
    while True:
        span = {"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": "own", "startTimeUnixNano": str(time.time_ns()), "endTimeUnixNano": str(time.time_ns())}
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": options["service"]}}]}
        body = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}).encode()
        try:
            urllib.request.urlopen(urllib.request.Request(options["collector"] + "/v1/traces", body, {"Content-Type": "application/json"})).read()
        except OSError:
            pass
        time.sleep(0.2)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
if "collector" in options:
    threading.Thread(target=export, daemon=True).start()
server.serve_forever()
`

// pythonService is one of them.
type pythonService struct {
	url string
	pid int
}

func startPython(t *testing.T, script string, environment []string, options ...string) pythonService {
	t.Helper()
	command := exec.Command("python3", append([]string{script}, options...)...)
	command.Env = append(os.Environ(), environment...)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return pythonService{"http://127.0.0.1:" + strings.TrimSpace(port), command.Process.Pid}
}

func pythonScript(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(pythonProgram), 0o600))
	return file
}

func (p pythonService) get(t *testing.T, path string) {
	t.Helper()
	response, err := http.Get(p.url + path)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
}

// resourcesOf returns, of the spans with that selector, each service name with the paths
// or names of its spans.
func resourcesOf(t *testing.T, c *Collector, selector string) (services map[string][]string) {
	t.Helper()
	services = map[string][]string{}
	decoder := json.NewDecoder(bytes.NewReader(tapioctl(t, c, "get", "traces", "-l", selector, "--limit", "1000", "-o", "json")))
	for decoder.More() {
		var trace struct {
			ResourceSpans []struct {
				Resource   struct{ Attributes []labelled }
				ScopeSpans []struct {
					Spans []struct {
						Name       string
						Attributes []labelled
					}
				}
			}
		}
		require.NoError(t, decoder.Decode(&trace))
		for _, resource := range trace.ResourceSpans {
			service := valueOf(resource.Resource.Attributes, "service.name")
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					services[service] = append(services[service], span.Name+" "+valueOf(span.Attributes, "url.path"))
				}
			}
		}
	}
	return services
}

type labelled struct {
	Key   string
	Value struct{ StringValue string }
}

func valueOf(attributes []labelled, key string) string {
	for _, a := range attributes {
		if a.Key == key {
			return a.Value.StringValue
		}
	}
	return ""
}

// An application that exports OTLP has the name that it exports in what the kernel shows
// of it, and its exports are not among its requests.
func TestAnApplicationThatExportsHasOneIdentity(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := Start(t, identityStandard)
	web := startPython(t, pythonScript(t, "server.py"), nil, "service=web-of-otlp", "collector=http://"+c.OTLPHTTP)
	pid := strconv.Itoa(web.pid)
	n := 0
	eventually(t, firstAnswerLimit, func() bool {
		n++
		web.get(t, fmt.Sprintf("/ok/%d", n))
		return len(resourcesOf(t, c, "process.pid="+pid)["web-of-otlp"]) > 0
	}, "a span from the kernel with the name that the program exports")
	web.get(t, "/ok/last")
	eventually(t, firstAnswerLimit, func() bool {
		return len(resourcesOf(t, c, "process.pid="+pid+",url.path=/ok/last")["web-of-otlp"]) > 0
	}, "the last request")
	for service, spans := range resourcesOf(t, c, "process.pid="+pid) {
		for _, span := range spans {
			assert.NotContains(t, span, "/v1/traces", "%s: an export is no request of the application", service)
		}
	}
	assert.NotContains(t, resourcesOf(t, c, "service.name=server.py"), "own")
	awaitOutput(t, c, "web-of-otlp", "get", "metrics", "--name", "tapio.syscall.duration", "-l", "service.name=web-of-otlp", "-o", "json")
}
