// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// measured lets a configuration publish the collector's own metrics for Prometheus.
func measured(t *testing.T, config, address string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	return with(t, config, "metrics: {level: none}",
		fmt.Sprintf("metrics: {level: detailed, readers: [{pull: {exporter: {prometheus: {host: %s, port: %s}}}}]}", host, port))
}

// The collector's own metrics cover what comes over OTLP, by signal, as they do what
// is written over the API; and the connections over HTTP as those over gRPC.
func TestOwnMetricsCoverOTLP(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	config := measured(t, standard, address)
	before, receivers, found := strings.Cut(config, "\nreceivers:")
	require.True(t, found)
	bounded := strings.ReplaceAll(receivers, `endpoint: "localhost:0"`, `endpoint: "localhost:0", middlewares: [{id: tapio}]`)
	c := Start(t, before+"\nreceivers:"+bounded)
	sendGRPC(t, c, lines("app", 0, 250, ""))
	sendGRPC(t, c, fullTraces(t))
	sendGRPC(t, c, fullMetrics(t))
	sendHTTP(t, c, lines("app", 0, 50, ""))
	open, err := net.Dial("tcp", c.HTTP)
	require.NoError(t, err)
	t.Cleanup(func() { _ = open.Close() })

	var samples map[string]float64
	eventually(t, startLimit, func() bool {
		samples = scrape(t, address)
		return of(samples, "otelcol_tapio_api_connections", `transport="http"`) == 1
	}, "the connection over HTTP is counted")
	for _, want := range []struct {
		metric, labels string
		value          float64
	}{
		{"otelcol_tapio_exporter_batch_size_count", `signal="logs"`, 2},
		{"otelcol_tapio_exporter_batch_size_sum", `signal="logs"`, 300},
		{"otelcol_tapio_exporter_batch_duration_count", `signal="logs"`, 2},
		{"otelcol_tapio_exporter_batch_size_count", `signal="traces"`, 1},
		{"otelcol_tapio_exporter_batch_size_count", `signal="metrics"`, 1},
		{"otelcol_tapio_intake_duration_count", `signal="logs",transport="grpc"`, 1},
		{"otelcol_tapio_intake_duration_count", `signal="logs",transport="http"`, 1},
		{"otelcol_tapio_intake_duration_count", `signal="traces",transport="grpc"`, 1},
		{"otelcol_tapio_intake_duration_count", `signal="metrics",transport="grpc"`, 1},
	} {
		require.InDelta(t, want.value, of(samples, want.metric, want.labels), 0, "%s{%s}", want.metric, want.labels)
	}
	require.Positive(t, of(samples, "otelcol_tapio_intake_duration_sum", ""))
}
