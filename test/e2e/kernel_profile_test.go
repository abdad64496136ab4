// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// kernelProfiles is the standard collector with profiles of two services from the kernel.
var kernelProfiles = strings.NewReplacer(
	"  tapio: {extension: tapio}\nexporters", `  tapio: {extension: tapio}
  ebpf:
    collection_interval: 1s
    probes: {profile: {frequency: 97, cpu_profiler: builtin}}
    profiles:
      include: ['resource.attributes["service.name"] == "e2e-burner"', 'resource.attributes["service.name"] == "e2e-server"']
exporters`,
	"traces: {receivers: [otlp]", "traces: {receivers: [otlp, ebpf]",
).Replace(standard) + "    profiles: {receivers: [ebpf], exporters: [tapio]}\n"

// burningServer computes in each request.
const burningServer = `
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        end = time.monotonic() + 0.3
        while time.monotonic() < end: pass
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
`

// Programs are profiled without instrumentation: the costly function is named, and what a
// request did is found by its trace.
func TestTheKernelProfilesTheHost(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	c := Start(t, kernelProfiles)
	profile := filepath.Join(t.TempDir(), "cpu")
	burn := func() { // for half a second: of one that ends before it is looked at the functions have no names
		burner := exec.CommandContext(bounded(t), os.Args[0], "-test.run=^TestBurnUnderProfile$")
		burner.Env = append(os.Environ(), profileFile+"="+profile, "OTEL_SERVICE_NAME=e2e-burner")
		require.NoError(t, burner.Run())
	}
	server := exec.CommandContext(bounded(t), python, "-c", burningServer)
	server.Env = append(os.Environ(), "OTEL_SERVICE_NAME=e2e-server")
	port, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	number, err := bufio.NewReader(port).ReadString('\n')
	require.NoError(t, err)
	const trace = "0af7651916cd43dd8448eb211c80319d"
	askServer := func() {
		t.Helper()
		request, err := http.NewRequestWithContext(bounded(t), http.MethodGet, "http://127.0.0.1:"+strings.TrimSpace(number), http.NoBody)
		require.NoError(t, err)
		request.Header.Set("traceparent", "00-"+trace+"-b7ad6b7169203331-01")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	eventually(t, startLimit, func() bool {
		burn()
		return strings.Contains(string(tapioctl(t, c, "profile", "top", "--since", "5m", "--service", "e2e-burner")), "burnCycles")
	}, "the function that burns")
	eventually(t, firstAnswerLimit, func() bool {
		askServer() // on a busy host the kernel's record of a request may be lost, which is counted
		top := tapioctl(t, c, "profile", "top", "--since", "5m", "--service", "e2e-server", "--trace-id", trace)
		return strings.Contains(string(top), "TOTAL%")
	}, "the profile of the request")
	for line := range strings.Lines(string(tapioctl(t, c, "profile", "list", "--since", "5m"))) {
		require.Regexp(t, "SERVICE|e2e-burner|e2e-server", line, "others are not wanted")
	}
}
