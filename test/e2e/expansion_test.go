// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// weighing is a collector whose OTLP receiver takes part in the bound of requests.
var weighing = strings.NewReplacer(
	`      grpc: {endpoint: "localhost:0"}
      http: {endpoint: "localhost:0"}`,
	`      grpc: {endpoint: "localhost:0", middlewares: [{id: tapio}]}
      http: {endpoint: "localhost:0", middlewares: [{id: tapio}]}`,
).Replace(standard)

// manyRecords is a request of so many empty records: two bytes each.
func manyRecords(n int) *collogs.ExportLogsServiceRequest {
	records := make([]*logs.LogRecord, n)
	for i := range records {
		records[i] = &logs.LogRecord{}
	}
	return &collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{ScopeLogs: []*logs.ScopeLogs{{LogRecords: records}}}}}
}

// wideRecords is a request of records with so many attributes each, every one with
// a key of its own.
func wideRecords(records, attributes int) *collogs.ExportLogsServiceRequest {
	request := manyRecords(records)
	for r, record := range request.ResourceLogs[0].ScopeLogs[0].LogRecords {
		record.Body = &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: "wide"}}
		for i := range attributes {
			record.Attributes = append(record.Attributes, text(fmt.Sprintf("%x.%x", r, i), "v"))
		}
	}
	return request
}

// peakMiB is the most memory that the process ever had.
func peakMiB(t *testing.T, c *Collector) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
	require.NoError(t, err)
	_, after, found := bytes.Cut(status, []byte("VmHWM:"))
	require.True(t, found)
	kib, err := strconv.Atoi(string(bytes.Fields(after)[0]))
	require.NoError(t, err)
	return kib >> 10
}

// A request of a few megabytes that would take gigabytes is refused on every way
// in, and the process does not grow by it.
func TestRequestsThatWouldExpandAreRefused(t *testing.T) {
	t.Parallel()
	c := Start(t, weighing)
	raw, err := proto.Marshal(manyRecords(1_000_000)) // 2 MB, some 700 MB decoded
	require.NoError(t, err)
	conn := dial(t, c.OTLPGRPC, insecure.NewCredentials())
	client := apiOf(t, c)
	batch := &tapiov1.EventBatch{BatchId: "b", Payload: zipped(t, raw), Compression: tapiov1.Compression_COMPRESSION_GZIP}
	for way, send := range map[string]func() error{
		"OTLP over gRPC": func() error {
			_, err := collogs.NewLogsServiceClient(conn).Export(bounded(t), manyRecords(1_000_000))
			return err
		},
		"SendEventBatch": func() error {
			_, err := client.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: batch})
			return err
		},
	} {
		err := send()
		require.Equal(t, codes.ResourceExhausted, status.Code(err), "%s: %v", way, err)
		require.ErrorContains(t, err, "limits::request_memory", way)
		for _, detail := range status.Convert(err).Details() {
			_, again := detail.(*errdetails.RetryInfo)
			require.False(t, again, "%s: sending it again is no use", way)
		}
	}
	code, answer := post(t, "http://"+c.OTLPHTTP+"/v1/logs", "application/x-protobuf", raw)
	require.Equal(t, http.StatusRequestEntityTooLarge, code, "%s", answer)
	code, answer = post(t, "http://"+c.OTLPHTTP+"/v1/logs", "application/json",
		[]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}`+strings.Repeat(",{}", 1_000_000)+`]}]}]}`))
	require.Equal(t, http.StatusRequestEntityTooLarge, code, "%s", answer)

	stream, err := client.events.StreamEvents(bounded(t))
	require.NoError(t, err)
	require.NoError(t, stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: batch}}))
	ack, err := stream.Recv()
	require.NoError(t, err, "a stream goes on")
	require.Zero(t, ack.GetAck().GetAcceptedCount())
	require.Contains(t, ack.GetAck().GetFailures()[0].GetMessage(), "limits::request_memory")

	figures, err := client.events.GetMetrics(bounded(t), &tapiov1.TapioServiceGetMetricsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 2, figures.RejectedRecordCounts["too_large"], "both batches: %v", figures.RejectedRecordCounts)
	require.Less(t, peakMiB(t, c), 300)
}

// Records of many attributes are stored without taking many times their size, and
// one of too many is refused alone.
func TestRecordsOfManyAttributes(t *testing.T) {
	t.Parallel()
	c := Start(t, weighing)
	for range 4 {
		sendHTTP(t, c, wideRecords(10, 10_000))
	}
	require.Less(t, peakMiB(t, c), 64+160) // store::memory_limit, and the program itself
	request := wideRecords(2, 10)
	request.ResourceLogs[0].ScopeLogs[0].LogRecords = append(
		request.ResourceLogs[0].ScopeLogs[0].LogRecords, wideRecords(1, 16_385).ResourceLogs[0].ScopeLogs[0].LogRecords...)
	body, err := proto.Marshal(request)
	require.NoError(t, err)
	code, answer := post(t, "http://"+c.OTLPHTTP+"/v1/logs", "application/x-protobuf", body)
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, string(answer), "1 records were not stored")
}

func zipped(t *testing.T, raw []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(raw)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.Bytes()
}
