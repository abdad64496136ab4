// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// webProgram is a server in Python that reports where it listens.
const webProgram = `
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
`

// service is a program that serves HTTP.
type service struct {
	url string
	pid int
}

// runService runs the program until the test ends.
func runService(t *testing.T, environment []string, program string, args ...string) service {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs %s", program)
	}
	command := exec.Command(program, args...)
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
	return service{url: "http://127.0.0.1:" + strings.TrimSpace(port), pid: command.Process.Pid}
}

func script(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o755))
	return file
}

func (s *seen) serverSpan(t *testing.T, of service, path string) (resource map[string]any) {
	t.Helper()
	response, err := http.Get(of.url + path)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body) // closed earlier, it may cut the answer off
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Eventually(t, func() bool {
		s.eachSpan(func(r pcommon.Resource, span ptrace.Span) {
			pid, _ := r.Attributes().Get("process.pid")
			if got, _ := span.Attributes().Get("url.path"); got.Str() == path && span.Kind() == ptrace.SpanKindServer && pid.Int() == int64(of.pid) {
				resource = r.Attributes().AsRaw()
			}
		})
		return resource != nil
	}, 10*time.Second, 20*time.Millisecond)
	return resource
}

// Programs of one interpreter are services of their own, whether they were there before
// the receiver or not.
func TestProgramsOfOneInterpreterAreServicesOfTheirOwn(t *testing.T) {
	node := `const s=require("http").createServer((q,r)=>r.end("ok")).listen(0,"127.0.0.1",()=>console.log(s.address().port))`
	payments, billing, cart := script(t, "payments.py", webProgram), script(t, "shop/app.py", webProgram), script(t, "cart.js", node)
	start := func() map[string]service {
		return map[string]service{
			"gateway":     runService(t, []string{"OTEL_SERVICE_NAME=gateway", "OTEL_RESOURCE_ATTRIBUTES=service.namespace=shop,service.instance.id=g-1"}, "python3", payments),
			"orders":      runService(t, []string{"OTEL_RESOURCE_ATTRIBUTES=service.name=orders"}, "python3", payments),
			"payments.py": runService(t, nil, "python3", payments),
			"shop/app.py": runService(t, nil, "python3", "-u", billing),
			"cart.js":     runService(t, nil, "node", cart),
		}
	}
	before := start()
	s := onThisKernel(t, onlyHTTP)
	after := start()
	for when, services := range map[string]map[string]service{"before": before, "after": after} {
		for name, of := range services {
			resource := s.serverSpan(t, of, "/identity/"+when+"/"+name)
			assert.Equal(t, name, resource["service.name"], when)
			assert.NotEmpty(t, resource["service.instance.id"])
			if name == "gateway" {
				assert.Equal(t, "shop", resource["service.namespace"])
				assert.Equal(t, "g-1", resource["service.instance.id"])
			}
			if name != "cart.js" {
				assert.Contains(t, resource["process.executable.name"], "python3.", "links are resolved")
			}
		}
	}
	one, two := s.serverSpan(t, before["payments.py"], "/identity/one"), s.serverSpan(t, after["payments.py"], "/identity/two")
	assert.NotEqual(t, one["service.instance.id"], two["service.instance.id"])
}

// Only the variables of OpenTelemetry are read, and no other part of them is reported.
func TestOfTheEnvironmentOnlyTheServiceIsKept(t *testing.T) {
	s := onThisKernel(t, onlyProcesses)
	command := exec.Command("/bin/true")
	command.Env = []string{"SECRET=hunter2", "OTEL_EXPORTER_OTLP_HEADERS=authorization=hunter2", "OTEL_RESOURCE_ATTRIBUTES=service.version=1.2,token=hunter2", "OTEL_SERVICE_NAME=short"}
	require.NoError(t, command.Run())
	s.event(t, "tapio.process.exit", ofPID(command.Process.Pid))
	resource := s.resourceOf(t, command.Process.Pid, "tapio.process.exec", "/true")
	assert.Equal(t, "short", resource["service.name"], "of a process that has ended before anyone could ask it")
	assert.Equal(t, "1.2", resource["service.version"])
	for _, logs := range s.logs.AllLogs() {
		for _, r := range logs.ResourceLogs().All() {
			assert.NotContains(t, fmt.Sprint(r.Resource().Attributes().AsRaw()), "hunter2")
		}
	}
}

// A long environment, such as that of a pod in a namespace of many services.
func TestAServiceNameBehindManyVariables(t *testing.T) {
	s := onThisKernel(t, onlyProcesses)
	command := exec.Command("/bin/true")
	for i := range 400 {
		command.Env = append(command.Env, fmt.Sprintf("SERVICE_%d_PORT=tcp://10.0.0.1:80", i))
	}
	command.Env = append(command.Env, "LONG="+strings.Repeat("x", 3000), "OTEL_SERVICE_NAME=late")
	require.NoError(t, command.Run())
	s.event(t, "tapio.process.exit", ofPID(command.Process.Pid))
	assert.Equal(t, "late", s.resourceOf(t, command.Process.Pid, "tapio.process.exit", "/true")["service.name"])
}

// A container names what runs in it, and its id distinguishes instances.
func TestAContainerIsAService(t *testing.T) {
	inEachHierarchy(t, func(t *testing.T, enter string) {
		s := onThisKernel(t, onlyProcesses)
		command := exec.Command("sh", "-c", enter+"exec true")
		require.NoError(t, command.Run())
		s.event(t, "tapio.process.exit", ofPID(command.Process.Pid))
		place := s.resourceOf(t, command.Process.Pid, "tapio.process.exec", "/true")
		assert.Equal(t, container[:12], place["service.name"])
		assert.Equal(t, container, place["service.instance.id"])
	})
}

// What is run from memory or by a descriptor has the name of what it is, not that of
// the descriptor.
func TestAProgramThatIsRunByADescriptor(t *testing.T) {
	s := onThisKernel(t, onlyProcesses)
	memory, err := unix.MemfdCreate("payload", 0)
	require.NoError(t, err)
	text, err := os.ReadFile("/bin/true")
	require.NoError(t, err)
	_, err = unix.Write(memory, text)
	require.NoError(t, err)
	file, err := os.Open("/bin/true")
	require.NoError(t, err)
	defer file.Close()
	inMemory := os.NewFile(uintptr(memory), "payload")
	defer inMemory.Close()
	for want, descriptor := range map[string]*os.File{"payload": inMemory, "true": file} {
		command := exec.Command("python3", "-c", "import os,sys; os.execve(3, ['innocent'], {})")
		command.ExtraFiles = []*os.File{descriptor}
		require.NoError(t, command.Run())
		began := s.event(t, "tapio.process.exec", func(record plog.LogRecord) bool {
			args, _ := record.Attributes().Get("process.command_args")
			return ofPID(command.Process.Pid)(record) && args.Slice().Len() > 0 && args.Slice().At(0).Str() == "innocent"
		})
		assert.Equal(t, want, began.Attributes().AsRaw()["process.executable.name"])
		exit := s.event(t, "tapio.process.exit", ofPID(command.Process.Pid))
		assert.Equal(t, want, exit.Attributes().AsRaw()["process.executable.name"])
	}
}

// An address of loopback is another one in each network namespace. Where no one answers,
// who listened there last is named, and who listens elsewhere is not.
func TestLoopbackIsScopedByItsNetworkNamespace(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		onlyHTTP(c)
		c.Probes.TCP = probe.DefaultTCPConfig()
	})
	web := runService(t, []string{"OTEL_SERVICE_NAME=listens-here"}, "python3", "-c", webProgram)
	elsewhere := runElsewhere(t, web.url)
	failed := s.event(t, "tapio.tcp.connect_failed", ofPID(elsewhere)).Attributes().AsRaw()
	assert.NotContains(t, failed, "peer.service", "the server is in another namespace")

	client := s.clientSpan(t, web, "/loopback")
	assert.Equal(t, "listens-here", client["peer.service"])
	assert.NotEqual(t, failed["tapio.network.namespace"], client["tapio.network.namespace"])

	require.NoError(t, unix.Kill(web.pid, unix.SIGKILL))
	require.Eventually(t, func() bool {
		_, err := http.Get(web.url)
		return err != nil && strings.Contains(err.Error(), "refused")
	}, 10*time.Second, 20*time.Millisecond)
	refused := s.event(t, "tapio.tcp.connect_failed", ofPID(os.Getpid())).Attributes().AsRaw()
	assert.Equal(t, "listens-here", refused["peer.service"])
	assert.Equal(t, client["tapio.network.namespace"], refused["tapio.network.namespace"])
}

// runElsewhere asks for the URL in a network namespace of its own.
func runElsewhere(t *testing.T, url string) (pid int) {
	t.Helper()
	command := exec.Command("unshare", "-n", "sh", "-c", "ip link set lo up; exec python3 -c 'import sys,urllib.request; urllib.request.urlopen(sys.argv[1])' "+url)
	if out, err := command.CombinedOutput(); !strings.Contains(string(out), "refused") {
		t.Skipf("needs to make network namespaces: %v %s", err, out)
	}
	return command.Process.Pid
}

func (s *seen) clientSpan(t *testing.T, of service, path string) (attributes map[string]any) {
	t.Helper()
	response, err := http.Get(of.url + path)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body) // closed earlier, it may cut the answer off
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Eventually(t, func() bool {
		s.eachSpan(func(_ pcommon.Resource, span ptrace.Span) {
			if got, _ := span.Attributes().Get("url.path"); got.Str() == path && span.Kind() == ptrace.SpanKindClient {
				attributes = span.Attributes().AsRaw()
			}
		})
		return attributes != nil
	}, 10*time.Second, 20*time.Millisecond)
	return attributes
}
