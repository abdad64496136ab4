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
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// identityStandard knows which service exports over which connection, and judges what
// belongs together.
var identityStandard = strings.NewReplacer(
	`http: {endpoint: "localhost:0"}`+"\n  tapio:", `http: {endpoint: "localhost:0", middlewares: [{id: tapio}]}`+"\n  tapio:",
	"file: {paths: [/etc/hostname]}", "file: {enabled: false}",
).Replace(networkStandard)

// pythonProgram serves HTTP: it asks its upstream first, and fails while the file broken
// exists. With a collector it exports its own telemetry, each time over a connection of
// its own.
const pythonProgram = `
import http.server, json, os, sys, threading, time, urllib.error, urllib.request
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
        if os.path.exists(options.get("broken", "")):
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

// seenOf returns, of the spans of a process from the kernel, each service name with the
// names and paths of its spans.
func seenOf(t *testing.T, c *Collector, p pythonService, selectors ...string) (services map[string][]string) {
	t.Helper()
	services = map[string][]string{}
	pid := strconv.Itoa(p.pid)
	selector := strings.Join(append(selectors, "process.pid="+pid), ",")
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
			if valueOf(resource.Resource.Attributes, "process.pid") != pid {
				continue // of the same trace
			}
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
	Value struct{ StringValue, IntValue string }
}

func valueOf(attributes []labelled, key string) string {
	for _, a := range attributes {
		if a.Key == key {
			return a.Value.StringValue + a.Value.IntValue
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
	n := 0
	eventually(t, firstAnswerLimit, func() bool {
		n++
		web.get(t, fmt.Sprintf("/ok/%d", n))
		return len(seenOf(t, c, web)["web-of-otlp"]) > 0
	}, "a span from the kernel with the name that the program exports")
	web.get(t, "/ok/last")
	eventually(t, firstAnswerLimit, func() bool {
		return len(seenOf(t, c, web, "url.path=/ok/last")["web-of-otlp"]) > 0
	}, "the last request")
	for service, spans := range seenOf(t, c, web) {
		for _, span := range spans {
			assert.NotContains(t, span, "/v1/traces", "%s: an export is no request of the application", service)
		}
	}
	awaitOutput(t, c, "web-of-otlp", "get", "metrics", "--name", "http.server.request.duration", "-l", "service.name=web-of-otlp", "-o", "json")
}

// judging is identityStandard with the engine in every pipeline. It is shown the
// programs of this test only, not what else runs on this host.
func judging(names string) string {
	include := fmt.Sprintf(`include: ['IsMatch(resource.attributes["service.name"], "%s")']`, names)
	return strings.NewReplacer(
		"exporters:\n", "processors: {semantic_correlation: {}}\nexporters:\n",
		"], exporters: [tapio]}", "], processors: [semantic_correlation], exporters: [tapio]}",
		"collection_interval: 1s", fmt.Sprintf("collection_interval: 1s, logs: {%s}, traces: {%s}, metrics: {%s}", include, include, include),
	).Replace(identityStandard)
}

// Of services that one interpreter runs, each event and each incident names the right
// one: what happens to a third program of the interpreter is no cause of their failures.
func TestServicesOfOneInterpreterAreNotMixedUp(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	procs := memoryCgroup(t, 64<<20)
	c := Start(t, judging("^(mixed-|mixed_)"))
	script, broken := pythonScript(t, "app.py"), filepath.Join(t.TempDir(), "broken")
	payments := startPython(t, script, []string{"OTEL_SERVICE_NAME=mixed-payments"}, "broken="+broken)
	gateway := startPython(t, script, []string{"OTEL_SERVICE_NAME=mixed-gateway"}, "upstream="+payments.url)
	const settled = 40 * time.Second // until the engine has a baseline
	for end := time.Now().Add(settled); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		gateway.get(t, "/buy")
	}
	require.NoError(t, os.WriteFile(broken, nil, 0o600))
	victim := filepath.Join(t.TempDir(), "mixed_batch.py")
	require.NoError(t, os.WriteFile(victim, []byte("import time\ntime.sleep(1)\nkept = [b'x' * (1 << 20) for _ in range(4096)]\n"), 0o600))
	eater := exec.Command("sh", "-c", "echo $$ > "+procs+" && exec python3 "+victim)
	require.NoError(t, eater.Start())
	gateway.get(t, "/buy")
	require.Error(t, eater.Wait())

	client := apiOf(t, c)
	eventually(t, time.Minute, func() bool {
		gateway.get(t, "/buy")
		groups, err := client.events.GetSemanticGroups(bounded(t), &tapiov1.GetSemanticGroupsRequest{})
		require.NoError(t, err)
		found := false
		for _, group := range groups.GetGroups() {
			factors := group.GetRootCause().GetCausalFactors()
			if group.GetKind() == tapiov1.SemanticGroup_KIND_INCIDENT && len(factors) > 0 {
				name := factors[0].GetEntity().GetName()
				assert.NotContains(t, []string{"python3", "mixed-gateway"}, name, "%s", group.GetTitle())
				found = found || name == "mixed-payments"
			}
			if strings.Contains(group.GetTitle(), "payments") {
				assert.NotContains(t, group.GetRootCause().GetSummary(), "memory", "what happened to another program is no cause")
			}
		}
		return found
	}, "an incident that mixed-payments caused")

	killed := tapioctl(t, c, "observe", "events", "--event-name", "tapio.process.oom_kill", "-l", "process.pid="+strconv.Itoa(eater.Process.Pid), "-o", "json")
	assert.Contains(t, string(killed), "mixed_batch.py")
	assert.NotContains(t, string(killed), "mixed-payments")
	for service, of := range map[string]pythonService{"mixed-gateway": gateway, "mixed-payments": payments} {
		for name := range seenOf(t, c, of) {
			assert.Equal(t, service, name)
		}
	}
}

// An instance of a service is a process that stays or serves, not each command that
// inherits its name.
func TestCommandsAreNoInstancesOfAService(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := Start(t, identityStandard)
	name := []string{"OTEL_SERVICE_NAME=served-once"}
	server := startPython(t, pythonScript(t, "app.py"), name)
	for range 5 {
		command := exec.Command("sh", "-c", "curl -s "+server.url+"/from/a/command; true")
		command.Env = append(os.Environ(), name...)
		require.NoError(t, command.Run())
	}
	client := apiOf(t, c)
	eventually(t, firstAnswerLimit, func() bool {
		list, err := client.ListServices(bounded(t), &tapiov1.ListServicesRequest{})
		require.NoError(t, err)
		for _, service := range list.GetServices() {
			if service.GetName() == "served-once" && service.GetSpanCount() >= 10 {
				return assert.EqualValues(t, 1, service.GetInstanceCount(), "%v", service.GetInstances())
			}
		}
		return false
	}, "both sides of five requests")
}
