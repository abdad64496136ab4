// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

	cmd     *exec.Cmd
	term    context.CancelFunc
	logPath string
	seen    int // bytes of the log that belong to configurations before
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

// launch starts the process. Cancelling c.term sends SIGTERM and, where that
// does not end it, SIGKILL.
func launch(t *testing.T, configYAML string, args ...string) *Collector {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(configYAML), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	defer log.Close() // the child has its own handle

	ctx, term := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary(t, "TAPIO_BIN", "tapio"), append([]string{"--config", config}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	if err := cmd.Start(); err != nil {
		term()
		require.NoError(t, err)
	}
	return &Collector{cmd: cmd, term: term, logPath: log.Name()}
}

func (c *Collector) finish(t *testing.T) {
	if c.cmd.ProcessState == nil {
		c.Stop()
	}
	if t.Failed() {
		t.Logf("log of the collector:\n%s", tail(c.log(), 8<<10))
	}
}

// Stop sends SIGTERM and returns the exit code: 0 after an orderly stop, -1
// where the process had to be killed after stopLimit.
func (c *Collector) Stop() int {
	c.term()
	_ = c.cmd.Wait() // the exit code has the same content
	return c.cmd.ProcessState.ExitCode()
}

// askReload sends SIGHUP; awaitReady then waits for the next configuration.
func (c *Collector) askReload(t *testing.T) {
	t.Helper()
	c.seen = len(c.log())
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGHUP))
}

func (c *Collector) log() []byte {
	log, _ := os.ReadFile(c.logPath) // absent reads as empty
	return log
}

// awaitReady waits for the pipelines and takes the addresses from the log.
func (c *Collector) awaitReady(t *testing.T) {
	t.Helper()
	ready := func() bool {
		log := c.log()[c.seen:]
		if bytes.Contains(log, []byte("collector server run finished with error")) {
			t.Fatalf("the collector ended at its start:\n%s", tail(log, 8<<10))
		}
		return c.readAddresses(log)
	}
	eventually(t, startLimit, ready, "the collector is ready")
}

// readAddresses reports whether the log reports that everything is ready.
func (c *Collector) readAddresses(log []byte) (ready bool) {
	for line := range bytes.Lines(log) {
		var entry struct{ Msg, Transport, Endpoint string }
		if json.Unmarshal(line, &entry) != nil {
			continue
		}
		switch entry.Msg + entry.Transport {
		case "Starting GRPC server":
			c.OTLPGRPC = entry.Endpoint
		case "Starting HTTP server":
			c.OTLPHTTP = entry.Endpoint
		case "Tapio API listeninggrpc":
			c.GRPC = entry.Endpoint
		case "Tapio API listeninghttp":
			c.HTTP = entry.Endpoint
		case "Everything is ready. Begin running and processing data.":
			ready = true
		}
	}
	return ready
}

// runToEnd runs a collector that is expected to end by itself and returns its
// exit code and all that it wrote.
func runToEnd(t *testing.T, configYAML string, args ...string) (int, string) {
	t.Helper()
	c := launch(t, configYAML, args...)
	code := c.awaitEnd(t)
	return code, string(c.log())
}

// awaitEnd returns the exit code of a collector that ends by itself. One that does
// not fails the test and reports where it hangs.
func (c *Collector) awaitEnd(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(startLimit, func() { _ = c.cmd.Process.Signal(syscall.SIGQUIT) })
	_ = c.cmd.Wait() // the exit code has the result
	ended := timer.Stop()
	c.term()
	require.True(t, ended, "the collector still ran after %v:\n%s", startLimit, c.log())
	return c.cmd.ProcessState.ExitCode()
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
