// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// configure changes the file that the next reload reads.
func (c *Collector) configure(t *testing.T, configYAML string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(c.LogFile()), "config.yaml"), []byte(configYAML), 0o600))
}

// with replaces a part of the standard configuration, which must have it.
func with(t *testing.T, config, old, replacement string) string {
	t.Helper()
	require.Contains(t, config, old)
	return strings.Replace(config, old, replacement, 1)
}

// awaitLog waits for a line that holds all the parts, since the reload.
func (c *Collector) awaitLog(t *testing.T, parts ...string) {
	t.Helper()
	eventually(t, startLimit, func() bool {
		for line := range bytes.Lines(c.Log()[c.seen:]) {
			found := true
			for _, part := range parts {
				found = found && bytes.Contains(line, []byte(part))
			}
			if found {
				return true
			}
		}
		return false
	}, "a line of the log holds "+strings.Join(parts, " and "))
}

const (
	keepsRunning = "failed to reload the configuration, the previous one keeps running"
	startsAgain  = "failed to reload the configuration, starting the previous one again"
)

// A configuration that does not parse or validate is logged. Nothing is restarted:
// connections stay open.
func TestAReloadOfABadConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sendGRPC(t, c, lines("app", 0, 100, ""))
	api := apiOf(t, c)
	started, err := api.events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
	require.NoError(t, err)
	for name, bad := range map[string]struct{ config, err string }{
		"bad YAML":             {standard + "\n  : [", "yaml"},
		"empty":                {"", "empty"},
		"unknown component":    {with(t, standard, "  tapio: {extension: tapio}\nexporters:", "  tapoi: {extension: tapio}\nexporters:"), "tapoi"},
		"unknown key":          {with(t, standard, "memory_limit", "memroy_limit"), "memroy_limit"},
		"bad value":            {with(t, standard, "max_age: 1h", "max_age: soon"), "max_age"},
		"undefined reference":  {with(t, standard, "exporters: [tapio]}", "exporters: [nothing]}"), "nothing"},
		"bad environment name": {with(t, standard, "max_age: 1h", `max_age: "${env:1-NO-NAME}"`), "1-NO-NAME"},
		"missing file":         {with(t, standard, "max_age: 1h", `max_age: "${file:/does/not/exist}"`), "/does/not/exist"},
	} {
		t.Run(name, func(t *testing.T) {
			c.configure(t, bad.config)
			c.askReload(t)
			c.awaitLog(t, keepsRunning, bad.err)
		})
	}
	sendGRPC(t, c, lines("app", 100, 200, ""))
	now, err := api.events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
	require.NoError(t, err)
	require.Equal(t, started.StartTime.AsTime(), now.StartTime.AsTime(), "the configuration before still runs")
	require.EqualValues(t, 200, storedLogs(t, api).RecordCount)
	c.configure(t, standard)
	c.askReload(t)
	c.awaitReady(t)
	require.EqualValues(t, 200, storedLogs(t, apiOf(t, c)).RecordCount)
	require.Zero(t, c.Stop())
}

// What validates may still fail to start. The configuration before is then started
// again in the same process: what is in memory stays, and a writer goes on.
func TestAReloadThatCannotStartKeepsTheData(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	grpc, http := `grpc: {endpoint: "localhost:0"}`, `http: {endpoint: "localhost:0"}`
	address := freeAddress(t)
	for name, directory := range map[string]string{"in memory": "", "in a directory": filepath.Join(t.TempDir(), "store")} {
		t.Run(name, func(t *testing.T) {
			config := with(t, standard, grpc, fmt.Sprintf("grpc: {endpoint: %q}", address))
			config = with(t, config, "max_age: 1h", fmt.Sprintf("max_age: 1h, directory: %q", directory))
			c := Start(t, config)
			sendGRPC(t, c, lines("app", 0, 1000, ""))
			writer := client.NewWriter(dial(t, address, insecure.NewCredentials()), client.WriterOptions{BatchEvents: 10})
			written := 0
			for reason, bad := range map[string]string{
				"receiver":          with(t, config, "receivers:\n  otlp:\n    protocols:\n      "+grpc, fmt.Sprintf("receivers:\n  otlp:\n    protocols:\n      grpc: {endpoint: %q}", taken.Addr())),
				"API":               with(t, config, http, fmt.Sprintf("http: {endpoint: %q}", taken.Addr())),
				"another directory": with(t, with(t, config, "max_age: 1h", "max_age: 2h"), fmt.Sprintf("directory: %q", directory), `directory: "/dev/null/store"`),
				"both": with(t, with(t, config, fmt.Sprintf("directory: %q", directory), fmt.Sprintf("directory: %q", t.TempDir())),
					"receivers:\n  otlp:\n    protocols:\n      "+grpc, fmt.Sprintf("receivers:\n  otlp:\n    protocols:\n      grpc: {endpoint: %q}", taken.Addr())),
				"smaller store": with(t, with(t, config, "memory_limit: 64MiB", "memory_limit: 4MiB"),
					"receivers:\n  otlp:\n    protocols:\n      "+grpc, fmt.Sprintf("receivers:\n  otlp:\n    protocols:\n      grpc: {endpoint: %q}", taken.Addr())),
			} {
				c.configure(t, bad)
				c.askReload(t)
				for range 100 { // while it fails, too
					require.NoError(t, writer.Write(bounded(t), event(written, "e2e.failedreload")), reason)
					written++
				}
				c.awaitLog(t, startsAgain)
				c.awaitReady(t)
				require.NoError(t, writer.Flush(bounded(t)), reason)
				require.EqualValues(t, 1000+written, storedLogs(t, apiOf(t, c)).RecordCount, reason)
			}
			require.NoError(t, writer.Close(bounded(t)))
			require.EqualValues(t, written, writer.Stats().Accepted)
			require.Zero(t, writer.Stats().Rejected)
			c.configure(t, with(t, config, "max_age: 1h", "max_age: 2h"))
			c.askReload(t)
			c.awaitReady(t)
			require.EqualValues(t, 1000+written, storedLogs(t, apiOf(t, c)).RecordCount)
			require.Zero(t, c.Stop())
		})
	}
}
