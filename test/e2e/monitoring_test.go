// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// scrape returns the samples of the collector's Prometheus endpoint by name and
// labels.
func scrape(t *testing.T, address string) map[string]float64 {
	t.Helper()
	code, body := get(t, "http://"+address+"/metrics")
	require.Equal(t, 200, code)
	samples := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		value := strings.LastIndexByte(line, ' ')
		if value < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		number, err := strconv.ParseFloat(line[value+1:], 64)
		require.NoError(t, err, line)
		samples[line[:value]] = number
	}
	return samples
}

// of sums the samples of a metric whose labels hold the text.
func of(samples map[string]float64, metric, label string) (sum float64) {
	for series, value := range samples {
		if name, labels, _ := strings.Cut(series, "{"); name == metric && strings.Contains(labels, label) {
			sum += value
		}
	}
	return sum
}

// GetMetrics and the collector's own metrics return the same; and every metric
// that the dashboard and the alert rules name is one that is served.
func TestOwnMetrics(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	host, port, _ := strings.Cut(address, ":")
	config := strings.NewReplacer(
		"metrics: {level: none}", "metrics: {level: detailed, readers: [{pull: {exporter: {prometheus: {host: "+host+", port: "+port+"}}}}]}",
		"exporters:\n", "processors: {semantic_correlation: }\nexporters:\n",
		"logs: {receivers: [otlp, tapio], ", "logs: {receivers: [otlp, tapio], processors: [semantic_correlation], ",
	).Replace(standard)
	c := Start(t, config)
	client := apiOf(t, c)
	sent, err := client.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: &tapiov1.EventBatch{
		Events: []*tapiov1.Event{event(1, "tapio.insight"), event(2, "tapio.correlation"), event(3, "tapio.insight"), event(4, "other"), {}},
	}})
	require.NoError(t, err)
	require.EqualValues(t, 4, sent.Ack.AcceptedCount)
	_, err = client.events.GetEventById(bounded(t), &tapiov1.GetEventByIdRequest{Id: "nothing"})
	require.Error(t, err)
	registerCollector(t, client, "one")

	var figures *tapiov1.TapioServiceGetMetricsResponse
	eventually(t, firstAnswerLimit, func() bool { // a call is counted after it is answered
		figures = figuresOf(t, client)
		return figures.RejectedCallCounts["NotFound"] > 0 && figures.BatchCount > 0
	}, "the calls are counted")
	samples := scrape(t, address)
	require.Equal(t, map[string]uint64{"tapio.insight": 2, "tapio.correlation": 1, "tapio.semantic_group": 0}, figures.FindingCounts)
	for _, same := range []struct {
		metric, label string
		want          uint64
	}{
		{"otelcol_tapio_api_accepted_records", "", figures.AcceptedRecordCount},
		{"otelcol_tapio_api_rejected_records", `reason="invalid"`, figures.RejectedRecordCounts["invalid"]},
		{"otelcol_tapio_api_rejected", `reason="NotFound"`, figures.RejectedCallCounts["NotFound"]},
		{"otelcol_tapio_api_received_size", "", figures.ReceivedBytes},
		{"otelcol_tapio_api_connections", `transport="grpc"`, figures.OpenConnectionCount},
		{"otelcol_tapio_api_batch_duration_count", "", figures.BatchCount},
		{"otelcol_tapio_store_findings", `finding="tapio.insight"`, figures.FindingCounts["tapio.insight"]},
		{"otelcol_tapio_store_appended", `signal="logs"`, figures.Store[0].AppendedCount},
		{"otelcol_tapio_store_records", `signal="logs"`, figures.Store[0].RecordCount},
	} {
		require.NotZero(t, same.want, same.metric)
		require.EqualValues(t, same.want, of(samples, same.metric, same.label), same.metric)
	}
	require.EqualValues(t, 1, of(samples, "otelcol_tapio_collector_registered", `state="STATE_HEALTHY"`))
	require.Positive(t, of(samples, "otelcol_tapio_process_goroutines", ""))
	requireKnown(t, samples)
}

// requireKnown looks for the metrics that people are asked to watch among those
// that were served, and, for what did not happen here, those that are documented.
func requireKnown(t *testing.T, samples map[string]float64) {
	t.Helper()
	known := map[string]bool{}
	for series := range samples {
		name, _, _ := strings.Cut(series, "{")
		known[name] = true
	}
	root := filepath.Join("..", "..")
	for _, component := range []string{"extension/tapioextension", "processor/semanticcorrelationprocessor", "exporter/tapioexporter"} {
		text, err := os.ReadFile(filepath.Join(root, component, "documentation.md"))
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`(?m)^### (otelcol_\w+)`).FindAllStringSubmatch(string(text), -1) {
			known[name[1]] = true
		}
	}
	for _, file := range []string{"dashboard.json", "alerts.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", "monitoring", file))
		require.NoError(t, err)
		names := regexp.MustCompile(`otelcol_\w+`).FindAllString(string(text), -1)
		require.NotEmpty(t, names)
		for _, name := range names {
			require.True(t, known[name] || known[strings.TrimSuffix(name, "_bucket")], "%s names %s, which no component reports", file, name)
		}
	}
}
