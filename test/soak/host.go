//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// The ports of the servers, and of the second ones whose clients are killed.
const (
	nginxPort, nodePort, pythonPort, redisPort, postgresPort = "8080", "8081", "8082", "6390", "5433"
	killedNginxPort, killedRedisPort                         = "8090", "6391"
	killedDatabase                                           = "template1"
	killedStatement                                          = "DO" // no other client sends one
)

// host is the servers on this machine.
type host struct {
	folder  string
	servers []*exec.Cmd
}

const nginxConfig = `
daemon off; worker_processes 2; pid %[1]s/nginx.pid; error_log %[1]s/nginx.log; user root;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; keepalive_requests 10000;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  upstream node { server 127.0.0.1:8081; keepalive 8; }
  upstream python { server 127.0.0.1:8082; keepalive 8; }
  server {
    listen 127.0.0.1:8080; root %[1]s/www;
    location /node/ { proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location /python/ { proxy_pass http://python; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location /exact/ { return 200 "exact\n"; }
  }
  server { listen 127.0.0.1:8090; root %[1]s/www; }
}`

const nodeServer = `
require('http').createServer((req, res) => {
  const body = JSON.stringify({path: req.url, at: Date.now()});
  setTimeout(() => { res.writeHead(200, {'content-type': 'application/json', 'content-length': body.length}); res.end(body); }, 2);
}).listen(8081, '127.0.0.1');`

const pythonServer = `
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        body = b'hello from python\n'
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(('127.0.0.1', 8082), Handler).serve_forever()`

// start starts all servers and waits until they listen.
func (h *host) start(ctx context.Context) error {
	www := filepath.Join(h.folder, "www")
	if err := os.MkdirAll(www, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(h.folder, 0o755); err != nil { // for the user of the database
		return err
	}
	files := map[string]string{
		"nginx.conf": fmt.Sprintf(nginxConfig, h.folder), "node.js": nodeServer, "app.py": pythonServer,
		"www/small.txt": string(make([]byte, 100)), "www/big.bin": string(make([]byte, 64<<20)),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(h.folder, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	database, err := h.makeDatabase(ctx)
	if err != nil {
		return err
	}
	for _, command := range [][]string{
		{"nginx", "-c", filepath.Join(h.folder, "nginx.conf")},
		{"node", filepath.Join(h.folder, "node.js")},
		{"python3", filepath.Join(h.folder, "app.py")},
		{"redis-server", "--port", redisPort, "--bind", "127.0.0.1", "--save", "", "--daemonize", "no", "--dir", h.folder},
		{"redis-server", "--port", killedRedisPort, "--bind", "127.0.0.1", "--save", "", "--daemonize", "no", "--dir", h.folder},
		database,
	} {
		if err := h.serve(ctx, command); err != nil {
			return err
		}
	}
	for _, port := range []string{nginxPort, nodePort, pythonPort, redisPort, postgresPort, killedNginxPort, killedRedisPort} {
		if err := awaitPort(ctx, port); err != nil {
			return err
		}
	}
	return nil
}

func (h *host) serve(ctx context.Context, command []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return fmt.Errorf("%s is missing: install it first: %w", command[0], err)
	}
	cmd := exec.CommandContext(ctx, path, command[1:]...)
	cmd.Dir = h.folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	h.servers = append(h.servers, cmd)
	return nil
}

// makeDatabase makes a PostgreSQL cluster, which does not run as root, and returns
// the command that serves it.
func (h *host) makeDatabase(ctx context.Context) ([]string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		return nil, fmt.Errorf("PostgreSQL is missing: install it first")
	}
	bin, data := found[len(found)-1], filepath.Join(h.folder, "pg")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	as := []string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"}
	for _, command := range [][]string{
		{"chown", "postgres:postgres", data},
		append(append([]string{}, as...), filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "--no-sync"),
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%v: %w: %s", command, err, out)
		}
	}
	return append(as, filepath.Join(bin, "postgres"), "-D", data, "-p", postgresPort, "-h", "127.0.0.1", "-k", data, "-F"), nil
}

func awaitPort(ctx context.Context, port string) error {
	for range 300 {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+port)
		if err == nil {
			return conn.Close()
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("nothing listens on port %s after 30 s", port)
}

// stop ends the servers with all that they started, and removes the folder.
func (h *host) stop() {
	for _, cmd := range h.servers {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
	_ = os.RemoveAll(h.folder)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
