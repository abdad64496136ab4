// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/test/running"
)

const (
	// startLimit bounds the wait for a collector that runs, on a busy machine.
	startLimit = 30 * time.Second
	// stopLimit is the promise to users: SIGTERM ends the process in this time.
	stopLimit = 5 * time.Second
	pollEvery = 20 * time.Millisecond
)

// standard is a collector whose ports the system chooses, so that tests run side
// by side.
const standard = `
extensions:
  tapio:
    grpc: {endpoint: "localhost:0"}
    http: {endpoint: "localhost:0"}
    store: {memory_limit: 64MiB, max_age: 1h}
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "localhost:0"}
      http: {endpoint: "localhost:0"}
  tapio: {extension: tapio}
exporters:
  tapio: {extension: tapio}
service:
  extensions: [tapio]
  telemetry:
    logs: {encoding: json}
    metrics: {level: none}
  pipelines:
    logs: {receivers: [otlp, tapio], exporters: [tapio]}
    traces: {receivers: [otlp], exporters: [tapio]}
    metrics: {receivers: [otlp], exporters: [tapio]}
`

// Collector is one running bin/tapio.
type Collector struct {
	// The addresses it really listens on.
	OTLPGRPC, OTLPHTTP, GRPC, HTTP string

	*running.Process
	seen int // bytes of the log that belong to configurations before
}

// binary finds a built binary, by environment variable or in bin/.
func binary(t *testing.T, env, name string) string {
	t.Helper()
	path := os.Getenv(env)
	if path == "" {
		path = filepath.Join("..", "..", "bin", name)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make bin/%s first", err, name)
	}
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	return path
}

// Start runs a collector until the test ends and waits until it is ready. The
// arguments follow --config, for example "--set=key::key=value".
func Start(t *testing.T, configYAML string, args ...string) *Collector {
	t.Helper()
	c := launch(t, configYAML, args...)
	t.Cleanup(func() { c.finish(t) })
	c.awaitReady(t)
	return c
}

// launch starts the process.
func launch(t *testing.T, configYAML string, args ...string) *Collector {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(configYAML), 0o600))
	return &Collector{Process: background(t, running.Command{
		Args: append([]string{binary(t, "TAPIO_BIN", "tapio"), "--config", config}, args...), Log: filepath.Join(dir, "log"), Grace: stopLimit,
	})}
}

// background starts a program, which the caller stops.
func background(t *testing.T, c running.Command) *running.Process {
	t.Helper()
	p, err := running.Launch(context.Background(), c)
	require.NoError(t, err)
	return p
}

func (c *Collector) finish(t *testing.T) {
	c.Stop()
	if t.Failed() {
		t.Logf("log of the collector:\n%s", tail(c.Log(), 8<<10))
	}
}

// askReload sends SIGHUP; awaitReady then waits for the next configuration.
func (c *Collector) askReload(t *testing.T) {
	t.Helper()
	c.seen = len(c.Log())
	require.NoError(t, c.Signal(syscall.SIGHUP))
}

// awaitReady waits for the pipelines and takes the addresses from the log.
func (c *Collector) awaitReady(t *testing.T) {
	t.Helper()
	ready := func() bool {
		log := c.Log()[c.seen:]
		if bytes.Contains(log, []byte("collector server run finished with error")) {
			t.Fatalf("the collector ended at its start:\n%s", tail(log, 8<<10))
		}
		return c.readAddresses(log)
	}
	eventually(t, startLimit, ready, "the collector is ready")
}

// readAddresses reports whether the log reports that everything is ready.
func (c *Collector) readAddresses(log []byte) (ready bool) {
	at, ready := running.ReadAddresses(log)
	c.OTLPGRPC, c.OTLPHTTP = cmp.Or(at.OTLPGRPC, c.OTLPGRPC), cmp.Or(at.OTLPHTTP, c.OTLPHTTP)
	c.GRPC, c.HTTP = cmp.Or(at.GRPC, c.GRPC), cmp.Or(at.HTTP, c.HTTP)
	return ready
}

// runToEnd runs a collector that is expected to end by itself and returns its
// exit code and all that it wrote.
func runToEnd(t *testing.T, configYAML string, args ...string) (int, string) {
	t.Helper()
	c := launch(t, configYAML, args...)
	code := c.awaitEnd(t)
	return code, string(c.Log())
}

// awaitEnd returns the exit code of a collector that ends by itself. One that does
// not fails the test and reports where it hangs.
func (c *Collector) awaitEnd(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(startLimit, func() { _ = c.Signal(syscall.SIGQUIT) })
	code := c.Wait()
	require.True(t, timer.Stop(), "the collector still ran after %v:\n%s", startLimit, c.Log())
	return code
}

// eventually polls on the test's own goroutine, so that done may fail the test.
func eventually(t *testing.T, limit time.Duration, done func() bool, what string) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(pollEvery) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

func tail(log []byte, n int) []byte { return log[max(0, len(log)-n):] }

// validate asks the binary whether a configuration file holds together.
func validate(t *testing.T, file string) {
	t.Helper()
	cmd := exec.CommandContext(bounded(t), binary(t, "TAPIO_BIN", "tapio"), "validate", "--config", file)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
}
