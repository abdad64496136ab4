// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

// asksOn answers a request after it has asked another server the same, or Redis.
const asksOn = `
import http.client, http.server, socket, sys
port, upstream, redis = (int(a) for a in sys.argv[1:])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if upstream:
            c = http.client.HTTPConnection("127.0.0.1", upstream)
            c.request("GET", self.path)
            c.getresponse().read()
            c.close()
        else:
            with socket.create_connection(("127.0.0.1", redis)) as s:
                s.sendall(b"*2\r\n$3\r\nGET\r\n$3\r\nhop\r\n")
                s.recv(100)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
`

func runUntilEnd(t *testing.T, port int, name string, args ...string) {
	t.Helper()
	var log bytes.Buffer
	command := exec.Command(name, args...)
	command.Stdout, command.Stderr = &log, &log
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		require.NoError(t, command.Process.Signal(syscall.SIGTERM))
		_ = command.Wait()
	})
	awaitPort(t, port, &log)
}

// runHops starts nginx before a Python server before another one before Redis, and
// returns the port of nginx.
func runHops(t *testing.T) (port int) {
	t.Helper()
	needs(t, "nginx", "python3")
	redis := runRedis(t)
	last, middle, folder := freePort(t), freePort(t), t.TempDir()
	runUntilEnd(t, last, "python3", "-c", asksOn, strconv.Itoa(last), "0", strconv.Itoa(redis))
	runUntilEnd(t, middle, "python3", "-c", asksOn, strconv.Itoa(middle), strconv.Itoa(last), "0")
	port = freePort(t)
	file := filepath.Join(folder, "nginx.conf")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
user root; daemon off; worker_processes 1; pid %[1]s/pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  server { listen 127.0.0.1:%[2]d; location / { proxy_pass http://127.0.0.1:%[3]d; } }
}`, folder, port, middle), 0o600))
	runUntilEnd(t, port, "nginx", "-c", file)
	return port
}

// hopSpan is a span with the executable whose it is.
type hopSpan struct {
	ptrace.Span
	program, path string
}

// nameOf leaves out the version of Python, and as what else the file of Redis may be started.
func nameOf(program string) string {
	if strings.HasPrefix(program, "redis") {
		return "redis"
	}
	return strings.TrimRight(program, "0123456789.")
}

func (s *seen) hopSpans(prefix string) (found []hopSpan) {
	s.eachSpan(func(resource pcommon.Resource, span ptrace.Span) {
		program, _ := resource.Attributes().Get("process.executable.name")
		path, _ := span.Attributes().Get("url.path")
		if strings.HasPrefix(path.Str(), prefix) || span.Name() == "GET" && path.Str() == "" {
			found = append(found, hopSpan{span, nameOf(program.Str()), path.Str()})
		}
	})
	return found
}

func askOn(t *testing.T, port int, path, traceparent string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), http.NoBody)
	require.NoError(t, err)
	if traceparent != "" {
		request.Header.Set("traceparent", traceparent)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func httpAndRedis(c *Config) {
	onlyHTTP(c)
	c.Probes.Redis = protocol.DefaultDatabaseConfig()
}

func TestHopsOfOneThreadAreOneTrace(t *testing.T) {
	s := onThisKernel(t, httpAndRedis)
	port := runHops(t)
	for i, header := range []string{"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"} {
		path := fmt.Sprintf("/hops/%d", i)
		askOn(t, port, path, header)
		chain := s.awaitChain(t, path)
		var list strings.Builder
		for j, one := range chain {
			fmt.Fprintf(&list, "%s %s, ", one.program, one.Kind())
			assert.Equal(t, chain[0].TraceID(), one.TraceID(), "%s", one.program)
			if j > 0 {
				assert.Equal(t, chain[j-1].SpanID(), one.ParentSpanID(), "%s", one.program)
			}
		}
		assert.Equal(t, "ebpfreceiver.test Client, nginx Server, nginx Client, python Server, python Client, python Server, python Client, redis Server, ", list.String())
		if header != "" {
			assert.Equal(t, "b7ad6b7169203331", chain[0].ParentSpanID().String())
		}
	}
}

// awaitChain follows the spans of a request from the first client down to Redis.
func (s *seen) awaitChain(t *testing.T, path string) (chain []hopSpan) {
	t.Helper()
	assert.Eventually(t, func() bool {
		chain = chain[:0]
		children := map[pcommon.SpanID]hopSpan{}
		for _, one := range s.hopSpans(path) {
			children[one.ParentSpanID()] = one
			if one.program == "ebpfreceiver.test" && one.path == path {
				chain = append(chain, one)
			}
		}
		if len(chain) != 1 {
			return false
		}
		for next, ok := children[chain[0].SpanID()]; ok && len(chain) < 10; next, ok = children[next.SpanID()] {
			chain = append(chain, next)
		}
		return len(chain) == 8
	}, 20*time.Second, 50*time.Millisecond, "the spans of %s", path)
	return chain
}

// Of many requests that one worker has in hand none is joined to another one.
func TestHopsOfRequestsAtOnceAreNotMixedUp(t *testing.T) {
	const clients, each = 6, 20
	s := onThisKernel(t, httpAndRedis)
	port := runHops(t)
	var wait sync.WaitGroup
	for c := range clients {
		wait.Go(func() {
			for i := range each {
				askOn(t, port, fmt.Sprintf("/mixed/%d/%d", c, i), "")
			}
		})
	}
	wait.Wait()
	count := func() map[string]int {
		n := map[string]int{}
		for _, one := range s.hopSpans("/mixed/") {
			if one.path == "" {
				continue // Redis: on this host others may ask theirs, too
			}
			n[one.program+one.Kind().String()]++
		}
		return n
	}
	came := assert.Eventually(t, func() bool {
		n := count()
		return n["nginxClient"] == clients*each && n["nginxServer"] == clients*each && n["pythonServer"] == 2*clients*each
	}, 20*time.Second, 50*time.Millisecond, "spans")
	if !came {
		t.Fatal(count())
	}
	paths, joined := map[pcommon.SpanID]string{}, map[string]int{}
	spans := s.hopSpans("/mixed/")
	for _, one := range spans {
		paths[one.SpanID()] = one.path
	}
	for _, one := range spans {
		parent := one.ParentSpanID()
		if one.path == "" || parent.IsEmpty() {
			continue
		}
		assert.Equal(t, one.path, paths[parent], "the parent of %s of %s", one.Kind(), one.program)
		joined[one.program+one.Kind().String()]++
	}
	t.Log(joined)
	assert.Equal(t, clients*each, joined["pythonClient"], "a server of one thread has one request in hand")
	assert.Equal(t, 2*clients*each, joined["pythonServer"])
}
