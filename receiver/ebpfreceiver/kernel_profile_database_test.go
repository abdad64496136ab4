// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

// databaseSpans are those of servers, by their ids.
func (s *seen) databaseSpans(operation string) map[spanID]bool {
	found := map[spanID]bool{}
	s.eachSpan(func(_ pcommon.Resource, span ptrace.Span) {
		name, _ := span.Attributes().Get("db.operation.name")
		if span.Kind() == ptrace.SpanKindServer && strings.EqualFold(name.Str(), operation) {
			found[spanID{span.TraceID(), span.SpanID()}] = true
		}
	})
	return found
}

// linkedTo adds up what samples of a type cost that are linked to one of the spans.
func linkedTo(sink *consumertest.ProfilesSink, kind string, spans map[spanID]bool) (total time.Duration) {
	for _, profiles := range sink.AllProfiles() {
		read, _ := otlp.Profiles(profiles)
		for _, p := range read {
			for _, sample := range p.Samples {
				if p.Type.Name == kind && spans[spanID{pcommon.TraceID(sample.TraceID), pcommon.SpanID(sample.SpanID)}] {
					total += time.Duration(sample.Values[0])
				}
			}
		}
	}
	return total
}

// functionsOf returns which functions are in the stacks of a service.
func functionsOf(sink *consumertest.ProfilesSink, kind string, of func(*model.Resource) bool) (names []string) {
	for _, profiles := range sink.AllProfiles() {
		read, _ := otlp.Profiles(profiles)
		for _, p := range read {
			if p.Type.Name != kind || !of(p.Resource) {
				continue
			}
			for _, sample := range p.Samples {
				for _, at := range p.Dictionary.Stacks[sample.Stack] {
					names = append(names, p.Dictionary.Frames[at].Function)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func runsProgram(name string) func(*model.Resource) bool {
	return func(r *model.Resource) bool {
		value, _ := r.Attributes.Get("process.executable.name")
		return value.Text() == name
	}
}

// What a database computes for a call is linked to the span of the call, and its functions
// have names.
func TestSamplesAreLinkedToTheDatabaseCall(t *testing.T) {
	profiles, spans := profiledWithSpans(t, func(c *Config) {
		c.Probes.Redis, c.Probes.PostgreSQL = protocol.DefaultDatabaseConfig(), protocol.DefaultDatabaseConfig()
	})
	const linked = 200 * time.Millisecond
	redis := runRedis(t)
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		out, err := exec.Command("redis-cli", "-p", strconv.Itoa(redis), "EVAL", "local x = 0; for i = 1, 20000000 do x = x + i % 7 end; return 1", "0").CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Greater(t, linkedTo(profiles, "cpu", spans.databaseSpans("EVAL")), linked)
	}, time.Minute, 10*time.Millisecond)

	port := runPostgreSQL(t)
	sql := func(statement string) error {
		return exec.Command("psql", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "tester", "-c", statement, "postgres").Run()
	}
	require.Eventually(t, func() bool { return sql("SELECT 1") == nil }, 20*time.Second, 50*time.Millisecond)
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		require.NoError(t, sql("SELECT sum(sqrt(i)) FROM generate_series(1, 2000000) AS i"))
		require.NoError(t, sql("SELECT pg_sleep(0.3)"))
		selects := spans.databaseSpans("SELECT")
		assert.Greater(t, linkedTo(profiles, "cpu", selects), linked)
		assert.Greater(t, linkedTo(profiles, "off_cpu", selects), linked)
		names := functionsOf(profiles, "cpu", runsProgram("postgres"))
		assert.True(t, slices.Contains(names, "dsqrt") || slices.Contains(names, "ExecAgg") || slices.Contains(names, "ExecScan") ||
			slices.Contains(names, "generate_series_step_int4"), "%v", names)
	}, time.Minute, 10*time.Millisecond)
}

// The functions of nginx under load, that of the program and those of libraries and the
// kernel that it calls, have names.
func TestFunctionsOfNginxAreNamed(t *testing.T) {
	needs(t, "nginx")
	sink, _ := profiledWithSpans(t, func(*Config) {})
	port := runNginx(t)
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		requests(t, port, 200)
		names := functionsOf(sink, "cpu", runsProgram("nginx"))
		assert.True(t, slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "tcp_") }), "the kernel: %v", names)
		assert.True(t, slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "ngx_") }), "the program: %v", names)
	}, time.Minute, 10*time.Millisecond)
}

func runNginx(t *testing.T) (port int) {
	t.Helper()
	port = freePort(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "nginx.conf")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
user root; daemon off; worker_processes 1; pid %[1]s/pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  server { listen 127.0.0.1:%[2]d; location / { return 200 "ok"; } }
}`, folder, port), 0o600))
	runUntilEnd(t, port, "nginx", "-c", file)
	return port
}

// requests sends so many requests over one connection.
func requests(t require.TestingT, port, n int) {
	for range n {
		response, err := http.Get("http://127.0.0.1:" + strconv.Itoa(port))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
}
