// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// One record whose text is not UTF-8 must not spoil the answers that hold it.
func TestBrokenTextIsAnswered(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	request := lines("odd", 0, 2, "")
	record := request.ResourceLogs[0].ScopeLogs[0].LogRecords[0]
	record.Body = &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: "broken#here"}}
	body, err := proto.Marshal(request)
	require.NoError(t, err)
	body = bytes.Replace(body, []byte("broken#here"), []byte("broken\xffhere"), 1)
	status, answer := post(t, "http://"+c.OTLPHTTP+"/v1/logs", "application/x-protobuf", body)
	require.Equal(t, http.StatusOK, status, "%s", answer)

	got, err := apiOf(t, c).GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Ascending: true}})
	require.NoError(t, err)
	require.Len(t, got.GetLogs(), 2)
	require.Equal(t, "broken\uFFFDhere", got.GetLogs()[0].GetLogRecord().GetBody().GetStringValue())
	status, answer = post(t, "http://"+c.HTTP+"/v1/logs:query", "application/json", []byte(`{}`))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(answer), "broken\uFFFDhere")
}

// A stream of requests over HTTP that breaks off reports where.
func TestMalformedLineOfARequestStream(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	for name, test := range map[string]struct{ line, says string }{
		"unknown field": {`{"evnt":{}}`, "evnt"},
		"bad id":        {`{"event":{"logRecord":{"traceId":"zz"}}}`, "event.logRecord.traceId"},
		"no JSON":       {`{"event":`, "cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"event":{"id":"good","logRecord":{"eventName":"odd.line"}}}` + "\n" + test.line + "\n"
			_, answer := post(t, "http://"+c.HTTP+"/v1/events:stream", "application/json", []byte(body))
			require.Contains(t, string(answer), `{"error":{"code":3,`)
			require.Contains(t, string(answer), test.says)
		})
	}
}

// A record without any time is found by the time of its arrival.
func TestRecordWithoutTime(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	before := time.Now()
	_, err := client.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: &tapiov1.EventBatch{
		Events: []*tapiov1.Event{{LogRecord: &logs.LogRecord{EventName: "odd.timeless"}}},
	}})
	require.NoError(t, err)
	got, err := client.events.GetEvents(bounded(t), &tapiov1.GetEventsRequest{Filter: &tapiov1.Filter{
		TimeRange: &tapiov1.TimeRange{Last: durationpb.New(time.Minute)},
	}})
	require.NoError(t, err)
	require.Len(t, got.GetEvents(), 1)
	record := got.GetEvents()[0].GetLogRecord()
	require.Zero(t, record.GetTimeUnixNano())
	require.GreaterOrEqual(t, record.GetObservedTimeUnixNano(), nanos(before))
}

// A client on HTTP may wait for each acknowledgement before it writes on.
func TestRequestStreamIsAnsweredWhileItIsWritten(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	body, writer := io.Pipe()
	t.Cleanup(func() { _ = writer.Close() })
	go func() {
		_, _ = io.WriteString(writer, `{"event":{"id":"one","logRecord":{"eventName":"odd.duplex"}}}`+"\n")
	}()
	request, err := http.NewRequestWithContext(bounded(t), http.MethodPost, "http://"+c.HTTP+"/v1/events:stream", body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for _, id := range []string{"one", "two"} {
		require.True(t, lines.Scan(), "the body is still open: %v", lines.Err())
		require.Contains(t, lines.Text(), `"batchId":"`+id+`","acceptedCount":"1"`)
		if id == "one" {
			_, err = io.WriteString(writer, `{"event":{"id":"two","logRecord":{"eventName":"odd.duplex"}}}`+"\n")
			require.NoError(t, err)
		}
	}
}

func TestHTTPRefusesWhatItWouldIgnore(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	status, answer := get(t, "http://"+c.HTTP+"/v1/logs?filter.nosuch=2")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, string(answer), "filter.nosuch")
	status, _ = get(t, "http://"+c.HTTP+"/v1/logs?filter.services=checkout&filter.limit=2&filter.minSeverity=SEVERITY_WARN")
	require.Equal(t, http.StatusOK, status)
	status, answer = post(t, "http://"+c.HTTP+"/v1/health", "application/json", nil)
	require.Equal(t, http.StatusMethodNotAllowed, status)
	require.Contains(t, string(answer), "/openapi.json")
}

// stuck is a pipeline whose other exporter never gets an answer.
const stuck = `
exporters:
  otlp_grpc/nowhere:
    endpoint: localhost:1
    tls: {insecure: true}
    sending_queue: {enabled: false}
service:
  pipelines:
    logs: {receivers: [otlp, tapio], exporters: [tapio, otlp_grpc/nowhere]}
`

// A write that the pipeline holds does not hold up the end.
func TestStopWithAStuckWrite(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, "--config=yaml:"+stuck)
	client := apiOf(t, c)
	ended := make(chan error, 1)
	go func() {
		_, err := client.collectors.SendEventBatch(t.Context(), &tapiov1.SendEventBatchRequest{
			Batch: &tapiov1.EventBatch{Events: []*tapiov1.Event{event(1, "odd.stuck")}},
		})
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("the pipeline should hold the write: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	require.Zero(t, c.Stop(), "the exit code")
	require.Error(t, <-ended, "the write was not acknowledged")
}
