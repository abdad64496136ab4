// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// firstAnswerLimit is the promise to a new user of the default configuration.
const firstAnswerLimit = 10 * time.Second

// The configuration that is shipped shows the host and the collector itself,
// with nothing else installed.
func TestDefaultConfiguration(t *testing.T) {
	t.Parallel()
	c := Start(t, withFreePorts(t, filepath.Join("..", "..", "distribution", "config", "tapio.yaml")),
		"--set=extensions::tapio::grpc::endpoint=localhost:0", "--set=extensions::tapio::http::endpoint=localhost:0",
		"--set=service::telemetry::logs::encoding=json")
	client := apiOf(t, c)
	eventually(t, firstAnswerLimit, func() bool { return hasPoints(t, client, "system.*") }, "metrics of the host")
	eventually(t, firstAnswerLimit, func() bool { return hasPoints(t, client, "otelcol_*") }, "metrics of the collector")
	eventually(t, firstAnswerLimit, func() bool {
		got, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Services: []string{"tapio"}}})
		require.NoError(t, err)
		return len(got.Logs) > 0
	}, "logs of the collector")
	require.Equal(t, 0, c.Stop())
}

func hasPoints(t *testing.T, client api, name string) bool {
	t.Helper()
	got, err := client.GetMetrics(bounded(t), &tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{MetricNames: []string{name}}})
	require.NoError(t, err)
	return len(got.ResourceMetrics) > 0
}

// withFreePorts reads a configuration file and puts free ports in the place of
// the fixed ones, the same one wherever the same one stood.
func withFreePorts(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	config := string(raw)
	replaced := map[string]bool{}
	for _, address := range regexp.MustCompile(`localhost:\d+`).FindAllString(config, -1) {
		if !replaced[address] {
			replaced[address] = true
			config = strings.ReplaceAll(config, address, freeAddress(t))
		}
	}
	return config
}

// freeAddress finds a port that was free a moment ago: the best there is for a
// configuration that names one port in two places.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return "localhost:" + port
}

// The other configurations that are shipped at least hold together.
func TestExampleConfigurations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "distribution", "config", "examples", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			validate(t, file)
		})
	}
}
