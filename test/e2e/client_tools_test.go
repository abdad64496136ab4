// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The command-line client returns the same as the API, one record a line.
func TestTapioctlGet(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sentLogs, sentTraces, sentMetrics := fullLogs(t), fullTraces(t), fullMetrics(t)
	for _, request := range []proto.Message{sentLogs, sentTraces, sentMetrics} {
		sendGRPC(t, c, request)
	}
	t.Run("logs", func(t *testing.T) {
		var got []*tapiov1.Event
		records(t, tapioctl(t, c, "get", "logs", "--with-events", "-o", "json"), &got)
		requireSame(t, logTexts(sentLogs.ResourceLogs), eventTexts(got))
	})
	t.Run("events", func(t *testing.T) {
		var got []*tapiov1.Event
		records(t, tapioctl(t, c, "get", "events", "-o", "json"), &got)
		require.Len(t, got, 2)
	})
	t.Run("traces", func(t *testing.T) {
		var got []*tapiov1.Trace
		records(t, tapioctl(t, c, "get", "traces", "-o", "json"), &got)
		requireSame(t, spanTexts(sentTraces.ResourceSpans), allSpans(got))
	})
	t.Run("metrics", func(t *testing.T) {
		var got []*metrics.ResourceMetrics
		records(t, tapioctl(t, c, "get", "metrics", "-o", "json"), &got)
		requireSame(t, pointTexts(sentMetrics.ResourceMetrics), pointTexts(got))
	})
	t.Run("status", func(t *testing.T) { require.NotEmpty(t, tapioctl(t, c, "status")) })
}

// records reads one message a line.
func records[M any, P interface {
	*M
	proto.Message
}](t *testing.T, output []byte, into *[]P) {
	t.Helper()
	for text := range bytes.Lines(output) {
		one := P(new(M))
		fromJSON(t, text, one)
		*into = append(*into, one)
	}
}

// An application instrumented with OpenTelemetry's SDK needs nothing of ours.
func TestOpenTelemetrySDK(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	exporter, err := otlptracegrpc.New(bounded(t), otlptracegrpc.WithEndpoint(c.OTLPGRPC), otlptracegrpc.WithInsecure())
	require.NoError(t, err)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	ctx, parent := provider.Tracer("e2e").Start(bounded(t), "parent")
	_, child := provider.Tracer("e2e").Start(ctx, "child")
	child.SetAttributes(attribute.IntSlice("sizes", []int{1, 2}))
	child.End()
	parent.End()
	require.NoError(t, provider.Shutdown(bounded(t)))

	got, err := apiOf(t, c).GetTraces(bounded(t), &tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{Operations: []string{"child"}}})
	require.NoError(t, err)
	require.Len(t, got.Traces, 1)
	require.Equal(t, parent.SpanContext().TraceID().String(), got.Traces[0].TraceId)
	require.Equal(t, "parent", got.Traces[0].RootName)
	require.EqualValues(t, 2, got.Traces[0].SpanCount)
	require.True(t, got.Traces[0].Complete)
}

// What the client follows it can show again from a file.
func TestClientFollowsAndReplays(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sendGRPC(t, c, fullTraces(t))
	sendGRPC(t, c, fullMetrics(t))
	sendGRPC(t, c, lines("app", 0, 5, "e2e.replayed"))

	spans := tapioctl(t, c, "observe", "spans", "--last", "100", "-o", "json")
	require.Contains(t, string(spans), fullTraceID)
	require.NotEmpty(t, tapioctl(t, c, "observe", "metrics", "--last", "100"))

	saved := tapioctl(t, c, "observe", "--with-events", "--last", "100", "-o", "json")
	file := filepath.Join(t.TempDir(), "saved.jsonl")
	require.NoError(t, os.WriteFile(file, saved, 0o600))
	replayed := tapioctl(t, c, "observe", "events", "--input-file", file, "--service", "app", "-o", "json")
	require.Equal(t, string(saved), string(replayed))
}
