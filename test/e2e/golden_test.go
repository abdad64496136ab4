// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// golden reads the requests of a signal from the folder that `make golden` has
// filled.
func golden[R proto.Message](t *testing.T, signal string, empty func() R) (requests []R) {
	t.Helper()
	folder := os.Getenv("TAPIO_GOLDEN")
	if folder == "" {
		t.Skip("run make golden: it generates the data first")
	}
	files, err := filepath.Glob(filepath.Join(folder, signal+"-*.binpb"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		payload, err := os.ReadFile(file)
		require.NoError(t, err)
		request := empty()
		require.NoError(t, proto.Unmarshal(payload, request))
		requests = append(requests, request)
	}
	return requests
}

// The golden data of the collector's testbed comes back unchanged.
func TestGoldenData(t *testing.T) {
	t.Parallel()
	t.Run("traces", func(t *testing.T) {
		c := Start(t, standard)
		var sent []*trace.ResourceSpans
		for _, request := range golden(t, "traces", func() *coltrace.ExportTraceServiceRequest { return &coltrace.ExportTraceServiceRequest{} }) {
			postOTLP(t, c, "/v1/traces", request)
			sent = append(sent, request.ResourceSpans...)
		}
		want := spanTexts(sent)
		require.EqualValues(t, len(want), arrived(t, apiOf(t, c), "traces"))
		requireSame(t, withoutEmptyParts(want), withoutEmptyParts(everySpan(t, apiOf(t, c))))
	})
	t.Run("metrics", func(t *testing.T) {
		c := Start(t, standard)
		var sent []*metrics.ResourceMetrics
		for _, request := range golden(t, "metrics", func() *colmetrics.ExportMetricsServiceRequest { return &colmetrics.ExportMetricsServiceRequest{} }) {
			postOTLP(t, c, "/v1/metrics", request)
			sent = append(sent, request.ResourceMetrics...)
		}
		want := pointTexts(sent)
		require.EqualValues(t, len(want), arrived(t, apiOf(t, c), "metrics"))
		requireSame(t, withoutEmptyParts(want), withoutEmptyParts(everyPoint(t, apiOf(t, c))))
	})
	t.Run("logs", func(t *testing.T) {
		c := Start(t, standard)
		var sent []*logs.ResourceLogs
		for _, request := range golden(t, "logs", func() *collogs.ExportLogsServiceRequest { return &collogs.ExportLogsServiceRequest{} }) {
			postOTLP(t, c, "/v1/logs", request)
			sent = append(sent, request.ResourceLogs...)
		}
		records := 0
		for _, of := range sent {
			for _, scope := range of.ScopeLogs {
				records += len(scope.LogRecords)
			}
		}
		require.Positive(t, records)
		require.EqualValues(t, records, arrived(t, apiOf(t, c), "logs"))
	})
}

// withoutEmptyParts also puts each text on one line. A scope, resource or status
// without content is the same as none.
func withoutEmptyParts(texts []string) []string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = strings.NewReplacer("scope: {} ", "", "resource: {} ", "", "status: {} ", "").Replace(strings.Join(strings.Fields(text), " "))
	}
	return list
}

func postOTLP(t *testing.T, c *Collector, path string, request proto.Message) {
	t.Helper()
	payload, err := proto.Marshal(request)
	require.NoError(t, err)
	answer, err := http.Post("http://"+c.OTLPHTTP+path, "application/x-protobuf", strings.NewReader(string(payload)))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

// everySpan goes through all pages of stored traces.
func everySpan(t *testing.T, client api) (texts []string) {
	t.Helper()
	filter := &tapiov1.Filter{Limit: 1000}
	for {
		got, err := client.GetTraces(bounded(t), &tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{Filter: filter}})
		require.NoError(t, err)
		texts = append(texts, allSpans(got.Traces)...)
		if filter.PageToken = got.GetNextPageToken(); filter.PageToken == "" {
			return texts
		}
	}
}

func everyPoint(t *testing.T, client api) (texts []string) {
	t.Helper()
	filter := &tapiov1.Filter{Limit: 1000}
	for {
		got, err := client.GetMetrics(bounded(t), &tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{Filter: filter}})
		require.NoError(t, err)
		texts = append(texts, pointTexts(got.ResourceMetrics)...)
		if filter.PageToken = got.GetNextPageToken(); filter.PageToken == "" {
			return texts
		}
	}
}
