// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/clickhouseexporter"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/tapio/tapio/internal/backend/clickhouse"
	"github.com/tapio/tapio/internal/backend/conformance"
)

// engine is the process that serves the engine.
type engine struct {
	http, native string // addresses
	databases    atomic.Int64
}

// shared is the engine of all tests of this process.
var shared = sync.OnceValues(startShared)

const libraryVariable = "CHDB_LIB_PATH"

func TestMain(m *testing.M) {
	code := m.Run()
	stopShared()
	os.Exit(code)
}

// theEngine returns the engine, or skips the test.
func theEngine(t *testing.T) *engine {
	t.Helper()
	if os.Getenv(libraryVariable) == "" {
		t.Skip("the engine of ClickHouse is not here: run make test-clickhouse, or set " + libraryVariable + " to libchdb.so of the npm package @chdb/lib-linux-x64-gnu")
	}
	e, err := shared()
	require.NoError(t, err)
	return e
}

// running is what stopShared ends.
type running struct {
	stdin     io.Closer
	command   *exec.Cmd
	directory string
}

var ofShared running

func startShared() (*engine, error) {
	directory, err := os.MkdirTemp("", "tapio-clickhouse")
	if err != nil {
		return nil, err
	}
	ofShared.directory = directory
	binary := filepath.Join(directory, "engine")
	if out, err := exec.Command("go", "build", "-o", binary, "./engine").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	e, process, err := start(binary, filepath.Join(directory, "data"))
	ofShared.stdin, ofShared.command = process.stdin, process.command
	return e, err
}

// start starts an engine.
func start(binary, data string, arguments ...string) (*engine, running, error) {
	command := exec.Command(binary, append([]string{"-directory", data}, arguments...)...)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, running{}, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, running{}, err
	}
	if err := command.Start(); err != nil {
		return nil, running{}, err
	}
	process := running{stdin: stdin, command: command}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, process, fmt.Errorf("the engine did not start: %w", err)
	}
	e := &engine{}
	_, err = fmt.Sscan(line, &e.http, &e.native)
	return e, process, err
}

func stopShared() {
	if ofShared.command != nil {
		_ = ofShared.stdin.Close() // with which it ends
		_ = ofShared.command.Wait()
	}
	_ = os.RemoveAll(ofShared.directory)
}

// run runs a statement.
func (e *engine) run(t *testing.T, database, statement string) string {
	t.Helper()
	resp, err := http.Post("http://"+e.http+"/?database="+url.QueryEscape(database), "text/plain", strings.NewReader(statement))
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s\n%s", statement, body)
	return string(body)
}

// fails runs a statement as a user that may not, and returns the engine's answer.
func (e *engine) fails(t *testing.T, user, database, statement string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+e.http+"/?database="+url.QueryEscape(database), strings.NewReader(statement))
	require.NoError(t, err)
	request.SetBasicAuth(user, "")
	resp, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NotEqual(t, http.StatusOK, resp.StatusCode, "%s", body)
	return string(body)
}

// database is a database of its own, written to by the exporter.
type database struct {
	engine  *engine
	name    string
	logs    exporter.Logs
	traces  exporter.Traces
	metrics exporter.Metrics
}

// newDatabase makes a database with the exporter's tables, and migrates it unless plain.
func newDatabase(t *testing.T, plain bool) *database {
	t.Helper()
	e := theEngine(t)
	d := &database{engine: e, name: fmt.Sprintf("test%d", e.databases.Add(1))}
	e.run(t, "default", "CREATE DATABASE "+d.name)
	factory := clickhouseexporter.NewFactory()
	cfg := factory.CreateDefaultConfig().(*clickhouseexporter.Config)
	cfg.Endpoint, cfg.Database, cfg.AsyncInsert = "http://"+e.http, d.name, false
	cfg.QueueSettings = configoptional.None[exporterhelper.QueueBatchConfig]()
	settings := exportertest.NewNopSettings(factory.Type())
	var err error
	d.logs, err = factory.CreateLogs(t.Context(), settings, cfg)
	require.NoError(t, err)
	d.traces, err = factory.CreateTraces(t.Context(), settings, cfg)
	require.NoError(t, err)
	d.metrics, err = factory.CreateMetrics(t.Context(), settings, cfg)
	require.NoError(t, err)
	for _, c := range []component.Component{d.logs, d.traces, d.metrics} {
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
		t.Cleanup(func() { require.NoError(t, c.Shutdown(t.Context())) })
	}
	if !plain {
		d.migrate(t)
	}
	return d
}

// migrate runs the script that users run.
func (d *database) migrate(t *testing.T) {
	t.Helper()
	script, err := os.ReadFile("../../distribution/clickhouse/migrate.sql")
	require.NoError(t, err)
	for _, statement := range statementsOf(string(script)) {
		d.engine.run(t, d.name, statement)
	}
}

// statementsOf takes a script apart.
func statementsOf(script string) (statements []string) {
	var lines []string
	for line := range strings.Lines(script) {
		if !strings.HasPrefix(line, "--") {
			lines = append(lines, line)
		}
	}
	for statement := range strings.SplitSeq(strings.Join(lines, ""), ";\n") {
		if strings.TrimSpace(statement) != "" {
			statements = append(statements, statement)
		}
	}
	return statements
}

func (d *database) write(t *testing.T, data conformance.Telemetry) {
	t.Helper()
	require.NoError(t, d.logs.ConsumeLogs(t.Context(), data.Logs))
	require.NoError(t, d.traces.ConsumeTraces(t.Context(), data.Traces))
	require.NoError(t, d.metrics.ConsumeMetrics(t.Context(), data.Metrics))
}

func (d *database) options() clickhouse.Options {
	return clickhouse.Options{
		Endpoint: "http://" + d.engine.http, Database: d.name, Username: "default", Timeout: time.Minute, QueryMemory: 64 << 20, Connections: 4,
		PollInterval: 20 * time.Millisecond, Tables: clickhouse.DefaultTables(), Now: time.Now,
	}
}

func newReader(t *testing.T, options clickhouse.Options) *clickhouse.Reader {
	t.Helper()
	reader, err := clickhouse.New(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reader.Close()) })
	return reader
}
