// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

func onlyDatabases(c *Config) {
	onlyHTTP(c)
	c.Probes.HTTP.Enabled = false
	c.Probes.Redis = protocol.DatabaseConfig{Enabled: true, QueryText: true}
	c.Probes.PostgreSQL = protocol.DatabaseConfig{Enabled: true, QueryText: true}
}

// calls returns the spans of one side to a database, by their operation.
func (s *seen) calls(kind ptrace.SpanKind, port int) map[string][]ptrace.Span {
	found := map[string][]ptrace.Span{}
	s.eachSpan(func(_ pcommon.Resource, span ptrace.Span) {
		operation, ok := span.Attributes().Get("db.operation.name")
		at, _ := span.Attributes().Get("server.port")
		if ok && span.Kind() == kind && at.Int() == int64(port) {
			found[operation.Str()] = append(found[operation.Str()], span)
		}
	})
	return found
}

// awaitCalls waits for so many spans of an operation on each side, and checks
// that each server's has a client's for its parent.
func (s *seen) awaitCalls(t *testing.T, operation string, n, port int) (servers, clients []ptrace.Span) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		servers, clients = s.calls(ptrace.SpanKindServer, port)[operation], s.calls(ptrace.SpanKindClient, port)[operation]
		if len(servers) >= n && len(clients) >= n || time.Now().After(deadline) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	require.Len(t, servers, n, "spans of the server of %s", operation)
	require.Len(t, clients, n, "spans of the clients of %s", operation)
	asked := map[pcommon.SpanID]bool{}
	for _, span := range clients {
		asked[span.SpanID()] = true
	}
	for _, span := range servers {
		assert.True(t, asked[span.ParentSpanID()], "a server's span without its client's")
	}
	return servers, clients
}

// needs skips where a program is not installed; CI installs them all.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s: apt-get install redis-server postgresql", program)
		}
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return listener.Addr().(*net.TCPAddr).Port
}

// awaitPort waits until someone listens.
func awaitPort(t testing.TB, port int, log *bytes.Buffer) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		return err == nil && conn.Close() == nil
	}, 20*time.Second, 20*time.Millisecond, "no program listens: %s", log)
}

func runRedis(t *testing.T) (port int) {
	t.Helper()
	needs(t, "redis-server", "redis-cli")
	port = freePort(t)
	var log bytes.Buffer
	server := exec.Command("redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	server.Stdout, server.Stderr = &log, &log
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		require.NoError(t, server.Process.Signal(syscall.SIGTERM))
		_ = server.Wait()
	})
	awaitPort(t, port, &log)
	return port
}

func TestRedisCallsAreSeenFromBothSides(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		onlyDatabases(c)
		c.Probes.TCP = probe.DefaultTCPConfig() // which learns who listens
	})
	port := runRedis(t)
	client := exec.Command("redis-cli", "-p", strconv.Itoa(port))
	client.Stdin = strings.NewReader("set colour hunter2\nget colour\nlpush colour x\nlrange none 0 -1\n" + strings.Repeat("incr n\n", 200))
	output, err := client.CombinedOutput()
	require.NoError(t, err, "%s", output)

	_, clients := s.awaitCalls(t, "SET", 1, port)
	got := clients[0].Attributes().AsRaw()
	assert.Equal(t, "redis", got["db.system.name"])
	assert.Equal(t, "SET ? ?", got["db.query.text"], "values are not told")
	assert.Equal(t, "redis-server", got["peer.service"])
	assert.NotContains(t, fmt.Sprint(got), "hunter2")
	assert.Equal(t, "redis-cli", s.processOf(clients[0].SpanID())["process.executable.name"])
	s.awaitCalls(t, "INCR", 200, port)
	servers, clients := s.awaitCalls(t, "LPUSH", 1, port)
	for _, span := range []ptrace.Span{servers[0], clients[0]} {
		got := span.Attributes().AsRaw()
		assert.Equal(t, "WRONGTYPE", got["db.response.status_code"])
		assert.Equal(t, "WRONGTYPE", got["error.type"])
		assert.Equal(t, ptrace.StatusCodeError, span.Status().Code())
	}
	s.counted(t, "db.client.operation.duration", 204)
}

// Requests that do not wait for replies, and long values, of which the kernel
// reports the beginning only.
func TestRedisPipelinesAndLongValues(t *testing.T) {
	s := onThisKernel(t, onlyDatabases)
	port := runRedis(t)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	say := func(text, until string) {
		_, err := conn.Write([]byte(text))
		require.NoError(t, err)
		var got []byte
		buffer := make([]byte, 64<<10)
		for !bytes.HasSuffix(got, []byte(until)) {
			n, err := conn.Read(buffer)
			require.NoError(t, err)
			got = append(got, buffer[:n]...)
		}
	}
	long := strings.Repeat("x", 50_000)
	say(fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$%d\r\n%s\r\n", len(long), long), "+OK\r\n")
	say("*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "xx\r\n")
	say("*4\r\n$4\r\nECHO\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", "command\r\n")
	say(strings.Repeat("*1\r\n$4\r\nPING\r\n", 20), strings.Repeat("+PONG\r\n", 20))
	s.awaitCalls(t, "SET", 1, port)
	s.awaitCalls(t, "GET", 1, port)
	_, clients := s.awaitCalls(t, "ECHO", 1, port)
	assert.Equal(t, ptrace.StatusCodeError, clients[0].Status().Code())
	s.awaitCalls(t, "PING", 20, port)
}

// runPostgreSQL starts a cluster as an ordinary user, as it refuses to run as root.
func runPostgreSQL(t *testing.T) (port int) {
	t.Helper()
	needs(t, "initdb", "psql")
	initdb, err := exec.LookPath("initdb")
	require.NoError(t, err)
	if target, err := filepath.EvalSymlinks(initdb); err == nil {
		initdb = target
	}
	server := filepath.Join(filepath.Dir(initdb), "postgres")
	if _, err := os.Stat(server); err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
		if len(found) == 0 {
			t.Skip("needs postgres: apt-get install postgresql")
		}
		server = found[0]
	}
	folder, err := os.MkdirTemp("", "tapio-pg") //nolint:usetesting // into the folders of tests no other user may look
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	const nobody = 65534
	require.NoError(t, os.Chown(folder, nobody, nobody))
	port = freePort(t)
	run := func(program string, args ...string) *exec.Cmd {
		command := exec.Command(program, args...)
		command.Dir = folder
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return command
	}
	output, err := run(filepath.Join(filepath.Dir(server), "initdb"), "-D", folder+"/data", "-U", "tester", "-A", "trust", "-N").CombinedOutput()
	require.NoError(t, err, "%s", output)
	var log bytes.Buffer
	postgres := run(server, "-D", folder+"/data", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", folder, "-F")
	postgres.Stdout, postgres.Stderr = &log, &log
	require.NoError(t, postgres.Start())
	t.Cleanup(func() {
		require.NoError(t, postgres.Process.Signal(syscall.SIGINT))
		_ = postgres.Wait()
	})
	awaitPort(t, port, &log)
	return port
}

func TestPostgreSQLCallsAreSeenFromBothSides(t *testing.T) {
	s := onThisKernel(t, onlyDatabases)
	port := runPostgreSQL(t)
	sql := func(program string, args ...string) string {
		output, err := exec.Command(program, append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "tester"}, args...)...).CombinedOutput()
		if program != "psql" {
			require.NoError(t, err, "%s", output)
		}
		return string(output)
	}
	require.Eventually(t, func() bool {
		return strings.Contains(sql("psql", "-c", "CREATE TABLE shop (id int, name text)", "postgres"), "CREATE")
	},
		10*time.Second, 50*time.Millisecond)
	sql("psql", "-c", "INSERT INTO shop VALUES (4711, 'hunter2')", "-c", "DELETE FROM nowhere", "-c", "SELECT repeat('x', 100) FROM generate_series(1, 5000)", "postgres")

	_, clients := s.awaitCalls(t, "INSERT", 1, port)
	got := clients[0].Attributes().AsRaw()
	assert.Equal(t, "INSERT postgres", clients[0].Name())
	assert.Equal(t, "postgresql", got["db.system.name"])
	assert.Equal(t, "postgres", got["db.namespace"])
	assert.Equal(t, "INSERT INTO shop VALUES (?, ?)", got["db.query.text"])
	assert.Equal(t, "psql", s.processOf(clients[0].SpanID())["process.executable.name"])
	servers, clients := s.awaitCalls(t, "DELETE", 1, port)
	for _, span := range []ptrace.Span{servers[0], clients[0]} {
		assert.Equal(t, "42P01", span.Attributes().AsRaw()["db.response.status_code"], "undefined_table")
		assert.Equal(t, ptrace.StatusCodeError, span.Status().Code())
	}
	s.awaitCalls(t, "SELECT", 1, port) // of whose long answer only the beginning and the end are seen

	script := filepath.Join(t.TempDir(), "script.sql")
	require.NoError(t, os.WriteFile(script, []byte("\\set id random(1, 9)\nUPDATE shop SET name = 'x' WHERE id = :id;\n"), 0o600))
	bench := filepath.Join(benchFolder(), "pgbench")
	for i, mode := range []string{"extended", "prepared"} {
		sql(bench, "-n", "-M", mode, "-c", "2", "-t", "100", "-f", script, "postgres")
		_, clients = s.awaitCalls(t, "UPDATE", 200*(i+1), port)
	}
	assert.Equal(t, "UPDATE shop SET name = ? WHERE id = $1;", clients[0].Attributes().AsRaw()["db.query.text"])
	s.counted(t, "db.client.operation.duration", 403)
}

func benchFolder() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		return ""
	}
	return found[0]
}
