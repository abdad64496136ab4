// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearchtest

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/elasticsearchexporter"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/backend/conformance"
	"github.com/tapio/tapio/internal/backend/elasticsearch"
	"github.com/tapio/tapio/internal/elasticsearchtest/stub"
)

// backend is a stub, the real exporter that writes to it, and the reader.
type backend struct {
	*stub.Server
	http     *httptest.Server
	exporter exporter.Logs
	options  elasticsearch.Options
}

// endOfData is after all records of the dataset.
func endOfData() time.Time {
	return time.Unix(0, int64(conformance.DatasetStart)).Add(11 * time.Minute)
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	server := stub.New(t)
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	factory := elasticsearchexporter.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"endpoints": []string{listening.URL}, "sending_queue": map[string]any{"enabled": false}, "retry": map[string]any{"enabled": false},
	}).Unmarshal(cfg))
	writes, err := factory.CreateLogs(t.Context(), exportertest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, writes.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, writes.Shutdown(context.Background())) })
	return &backend{Server: server, http: listening, exporter: writes, options: elasticsearch.Options{
		Name: "elasticsearch", Endpoints: []string{listening.URL}, Indices: elasticsearch.DefaultIndices(), Timeout: time.Minute, MaxRecords: 100_000,
		QueryMemory: 64 << 20, Calls: 8, Shared: true, PollInterval: time.Millisecond, Lateness: 15 * time.Minute, Now: growing(),
	}}
}

// growing is a clock that makes the mapping be read again with each query.
func growing() func() time.Time {
	started := time.Now()
	return func() time.Time { return endOfData().Add(time.Since(started) * 1000) }
}

func (b *backend) reader(t *testing.T) *elasticsearch.Reader {
	t.Helper()
	reader, err := elasticsearch.New(b.options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reader.Close()) })
	return reader
}

// write sends log records through the exporter. The caller's are not changed.
func (b *backend) write(t *testing.T, logs plog.Logs) {
	t.Helper()
	sent := plog.NewLogs()
	logs.CopyTo(sent)
	require.NoError(t, b.exporter.ConsumeLogs(t.Context(), sent))
}

// keep changes telemetry to what the documents keep of it.
func keep(telemetry conformance.Telemetry) {
	telemetry.Traces.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
	telemetry.Metrics.ResourceMetrics().RemoveIf(func(pmetric.ResourceMetrics) bool { return true })
	for _, resource := range telemetry.Logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, r := range scope.LogRecords().All() {
				if r.Timestamp() == 0 {
					r.SetTimestamp(r.ObservedTimestamp())
				}
			}
		}
	}
}
