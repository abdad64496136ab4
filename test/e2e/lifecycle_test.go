// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A reload of the configuration keeps all that is stored, and page tokens stay
// good.
func TestReloadKeepsTheData(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sendGRPC(t, c, fullLogs(t))
	sendGRPC(t, c, fullTraces(t))
	sendGRPC(t, c, fullMetrics(t))
	before := readAll(t, apiOf(t, c))
	firstPage, err := apiOf(t, c).GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Limit: 1}})
	require.NoError(t, err)

	c.askReload(t)
	c.awaitReady(t)

	client := apiOf(t, c)
	for i, message := range readAll(t, client) {
		require.True(t, proto.Equal(before[i], message), "%T changed:\n%v\n%v", message, before[i], message)
	}
	rest, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Limit: 1, PageToken: firstPage.NextPageToken}})
	require.NoError(t, err)
	require.Len(t, rest.Logs, 1)
	info, err := client.events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
	require.NoError(t, err)
	require.Less(t, info.StoreStartTime.AsTime(), info.StartTime.AsTime(), "the store is older than this configuration")
	sendGRPC(t, c, lines("app", 0, 1, "")) // and it goes on
}

func readAll(t *testing.T, client api) []proto.Message {
	t.Helper()
	logs, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{})
	require.NoError(t, err)
	require.NotEmpty(t, logs.Logs)
	traces, err := client.GetTraces(bounded(t), &tapiov1.GetTracesRequest{})
	require.NoError(t, err)
	require.NotEmpty(t, traces.Traces)
	metrics, err := client.GetMetrics(bounded(t), &tapiov1.GetMetricsRequest{})
	require.NoError(t, err)
	require.NotEmpty(t, metrics.ResourceMetrics)
	return []proto.Message{logs, traces, metrics}
}

// Whatever was acknowledged before the reload cut the stream is stored.
func TestReloadUnderLoadKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	acked := writeUntilCut(t, apiOf(t, c), func() { c.askReload(t) })
	c.awaitReady(t)
	require.NotEmpty(t, acked)
	got := map[int]int{}
	for _, n := range stored(t, apiOf(t, c), "e2e.load") {
		got[n]++
	}
	for _, n := range acked {
		require.Equal(t, 1, got[n], "record %d was acknowledged", n)
	}
}

func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	acked := writeUntilCut(t, apiOf(t, c), c.Terminate)
	require.NotEmpty(t, acked)
	require.Equal(t, 0, c.Stop())
}

// writeUntilCut writes single events as fast as the server takes them, calls cut
// in the middle, and returns the numbers acknowledged before the stream ended.
func writeUntilCut(t *testing.T, client api, cut func()) (acked []int) {
	t.Helper()
	stream, err := client.events.StreamEvents(bounded(t))
	require.NoError(t, err)
	const ahead = 100 // acknowledgements outstanding
	for i := 0; ; i++ {
		if i == 500 {
			cut()
		}
		_ = stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Event{Event: event(i, "e2e.load")}})
		if i < ahead { // a failed Send shows in Recv
			continue
		}
		answer, err := stream.Recv()
		if err != nil {
			require.GreaterOrEqual(t, i, 500, "%v", err)
			require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
			return acked
		}
		require.EqualValues(t, 1, answer.GetAck().GetAcceptedCount())
		n, err := strconv.Atoi(answer.GetAck().BatchId[len("e2e.load-"):])
		require.NoError(t, err)
		acked = append(acked, n)
	}
}

// liveStream waits for the next message of a stream that says nothing yet.
type liveStream func() error

// SIGTERM ends a server with live streams of every kind, and informs their readers
// that it goes away.
func TestStopEndsLiveStreams(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	conn := dial(t, c.GRPC, insecure.NewCredentials())
	var streams []liveStream
	for range 4 {
		streams = append(streams, liveStreams(t, apiAt(conn))...)
	}
	require.GreaterOrEqual(t, len(streams), 20)
	body := followOverHTTP(t, c)
	awaitStreams(t, apiAt(conn), len(streams)+1)

	require.Equal(t, 0, c.Stop(), "an orderly stop within %v", stopLimit)
	for i, next := range streams {
		require.Equal(t, codes.Unavailable, status.Code(endOf(next)), "stream %d", i)
	}
	rest, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Contains(t, string(rest), `"code":14`, "the HTTP stream tells UNAVAILABLE, too")
}

// endOf reads what is left of a stream.
func endOf(next liveStream) error {
	var err error
	for err == nil {
		err = next()
	}
	return err
}

func liveStreams(t *testing.T, client api) []liveStream {
	t.Helper()
	ctx := bounded(t)
	logs, err := client.StreamLogs(ctx, &tapiov1.StreamLogsRequest{})
	events, err2 := client.events.SubscribeToEvents(ctx, &tapiov1.SubscribeToEventsRequest{})
	points, err3 := client.StreamMetrics(ctx, &tapiov1.StreamMetricsRequest{})
	windows, err4 := client.StreamMetrics(ctx, &tapiov1.StreamMetricsRequest{
		Query: &tapiov1.MetricQuery{Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_AVG}, Interval: durationpb.New(time.Second),
	})
	writer, err5 := client.events.StreamEvents(ctx)
	batches, err6 := client.collectors.StreamEvents(ctx)
	spans, err7 := client.StreamTraces(ctx, &tapiov1.StreamTracesRequest{})
	require.Equal(t, make([]error, 7), []error{err, err2, err3, err4, err5, err6, err7})
	require.NoError(t, writer.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Subscription{
		Subscription: &tapiov1.Subscription{SubscriptionId: "live"},
	}}))
	return []liveStream{
		waiting(logs.Recv), waiting(events.Recv), waiting(points.Recv), waiting(windows.Recv), waiting(writer.Recv), waiting(batches.Recv),
		waiting(spans.Recv),
	}
}

func waiting[M any](recv func() (*M, error)) liveStream {
	return func() error { _, err := recv(); return err }
}

func followOverHTTP(t *testing.T, c *Collector) io.Reader {
	t.Helper()
	sendGRPC(t, c, lines("app", 0, 1, "")) // the gateway sends its head with the first record
	request, err := http.NewRequestWithContext(bounded(t), http.MethodPost, "http://"+c.HTTP+"/v1/logs:stream",
		bytes.NewBufferString(`{"start":{"last":1}}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response.Body
}

// awaitStreams waits until the server knows of so many streams.
func awaitStreams(t *testing.T, client api, count int) {
	t.Helper()
	eventually(t, callLimit, func() bool {
		figures, err := client.events.GetMetrics(bounded(t), &tapiov1.TapioServiceGetMetricsRequest{})
		require.NoError(t, err)
		return figures.OpenStreamCount >= uint64(count)
	}, "the streams are open")
}

// One stream beyond max_streams is refused; the others live on.
func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, "--set=extensions::tapio::max_streams=2")
	client := apiOf(t, c)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	var open []grpc.ServerStreamingClient[tapiov1.StreamLogsResponse]
	for range 2 {
		stream, err := client.StreamLogs(ctx, &tapiov1.StreamLogsRequest{})
		require.NoError(t, err)
		open = append(open, stream)
	}
	awaitStreams(t, client, 2)
	err := first(client.StreamLogs(ctx, &tapiov1.StreamLogsRequest{}))
	require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
	require.Contains(t, err.Error(), "max_streams")
	sendGRPC(t, c, lines("app", 0, 1, ""))
	for stream := range slices.Values(open) {
		require.Equal(t, []int{0}, numbers(receive(t, stream.Recv, (*tapiov1.StreamLogsResponse).GetLogs, 1)))
	}
}
