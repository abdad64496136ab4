// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// export collects the chunks of an export and checks what holds for every format.
func export(t *testing.T, client api, format tapiov1.ExportMetricsRequest_Format) (chunks [][]byte, contentType string) {
	t.Helper()
	stream, err := client.ExportMetrics(bounded(t), &tapiov1.ExportMetricsRequest{Format: format})
	require.NoError(t, err)
	points := uint64(0)
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.Equal(t, len(chunks) == 0, chunk.ContentType != "", "the first chunk alone tells the media type")
		contentType += chunk.ContentType
		chunks = append(chunks, chunk.Data)
		points += chunk.PointCount
	}
	require.EqualValues(t, 10, points)
	return chunks, contentType
}

func TestExportMetrics(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sent := fullMetrics(t)
	sendGRPC(t, c, sent)
	client := apiOf(t, c)
	want := pointTexts(sent.ResourceMetrics)

	t.Run("OTLP JSON", func(t *testing.T) {
		chunks, contentType := export(t, client, tapiov1.ExportMetricsRequest_FORMAT_UNSPECIFIED)
		require.Contains(t, contentType, "json")
		var got []*metrics.ResourceMetrics
		for text := range bytes.Lines(bytes.Join(chunks, nil)) {
			var request colmetrics.ExportMetricsServiceRequest
			fromJSON(t, text, &request)
			got = append(got, request.ResourceMetrics...)
		}
		requireSame(t, want, pointTexts(got))
	})
	t.Run("OTLP protobuf", func(t *testing.T) {
		chunks, contentType := export(t, client, tapiov1.ExportMetricsRequest_FORMAT_OTLP_PROTO)
		require.Contains(t, contentType, "protobuf")
		var got []*metrics.ResourceMetrics
		for _, chunk := range chunks {
			var request colmetrics.ExportMetricsServiceRequest
			require.NoError(t, proto.Unmarshal(chunk, &request))
			got = append(got, request.ResourceMetrics...)
		}
		requireSame(t, want, pointTexts(got))
	})
	t.Run("OpenMetrics", func(t *testing.T) {
		chunks, contentType := export(t, client, tapiov1.ExportMetricsRequest_FORMAT_OPENMETRICS)
		require.Contains(t, contentType, "application/openmetrics-text")
		checkOpenMetrics(t, string(bytes.Join(chunks, nil)))
	})
	t.Run("CSV", func(t *testing.T) {
		chunks, contentType := export(t, client, tapiov1.ExportMetricsRequest_FORMAT_CSV)
		require.Contains(t, contentType, "text/csv")
		rows, err := csv.NewReader(bytes.NewReader(bytes.Join(chunks, nil))).ReadAll()
		require.NoError(t, err)
		require.Greater(t, len(rows), 10, "a heading line and at least one line a point")
	})
}

// checkOpenMetrics checks the promises of the format that every reader leans on.
func checkOpenMetrics(t *testing.T, text string) {
	t.Helper()
	require.True(t, strings.HasSuffix(text, "# EOF\n"), "%s", text)
	require.Equal(t, 1, strings.Count(text, "# EOF"))
	types := map[string]bool{}
	for _, one := range strings.Split(text, "\n") {
		name, isType := strings.CutPrefix(one, "# TYPE ")
		if isType {
			require.False(t, types[name], "each family is listed once: %s", name)
			types[name] = true
		}
	}
	require.Contains(t, text, "# TYPE queue_size")
	require.Contains(t, text, `queue="fast"`)
	require.Contains(t, text, " -42 ")
	require.Contains(t, text, `le="+Inf"`)
}
