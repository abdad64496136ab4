// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func logsWhere(filter *tapiov1.Filter) func(context.Context, api) error {
	return func(ctx context.Context, client api) error {
		_, err := client.GetLogs(ctx, &tapiov1.GetLogsRequest{Filter: filter})
		return err
	}
}

func selecting(key, operator string, values ...string) *tapiov1.Filter {
	return &tapiov1.Filter{LabelSelectors: []*tapiov1.Filter_LabelSelector{{Key: key, Operator: operator, Values: values}}}
}

func metricsWhere(q *tapiov1.MetricQuery) func(context.Context, api) error {
	return func(ctx context.Context, client api) error {
		_, err := client.GetMetrics(ctx, &tapiov1.GetMetricsRequest{Query: q})
		return err
	}
}

func tracesWhere(q *tapiov1.TraceQuery) func(context.Context, api) error {
	return func(ctx context.Context, client api) error {
		_, err := client.GetTraces(ctx, &tapiov1.GetTracesRequest{Query: q})
		return err
	}
}

// first makes one call of a stream that is expected to fail.
func first[M any](stream grpc.ServerStreamingClient[M], err error) error {
	if err == nil {
		_, err = stream.Recv()
	}
	return err
}

func noon() *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
}

// inverted ends before it begins.
func inverted() *tapiov1.TimeRange {
	return &tapiov1.TimeRange{Start: noon(), End: timestamppb.New(noon().AsTime().Add(-time.Hour))}
}

// Every fault of the caller names its field, in the message and in the details.
func TestBadRequestNamesTheField(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	for _, bad := range []struct {
		name, field string
		call        func(context.Context, api) error
	}{
		{"empty key", "filter.label_selectors[0].key", logsWhere(selecting("", "=", "x"))},
		{"unknown operator", "filter.label_selectors[0].operator", logsWhere(selecting("service", "~~", "x"))},
		{"malformed expression", "filter.label_selectors[0].values", logsWhere(selecting("service", "=~", "(x"))},
		{"two values for one", "filter.label_selectors[0].values", logsWhere(selecting("service", "=", "x", "y"))},
		{"inverted range", "filter.time_range.end", logsWhere(&tapiov1.Filter{TimeRange: inverted()})},
		{"two kinds of range", "filter.time_range.last", logsWhere(&tapiov1.Filter{TimeRange: &tapiov1.TimeRange{Start: noon(), Last: durationpb.New(time.Hour)}})},
		{"page token of nobody", "filter.page_token", logsWhere(&tapiov1.Filter{PageToken: "made-up"})},
		{"limit too high", "filter.limit", logsWhere(&tapiov1.Filter{Limit: 10_001})},
		{"trace id of logs", "trace_id", func(ctx context.Context, client api) error {
			_, err := client.GetLogs(ctx, &tapiov1.GetLogsRequest{TraceId: "123"})
			return err
		}},
		{"trace id of traces", "query.trace_ids[1]", tracesWhere(&tapiov1.TraceQuery{TraceIds: []string{fullTraceID, "zz02030405060708090a0b0c0d0e0f10"}})},
		{"inverted durations", "query.max_duration", tracesWhere(&tapiov1.TraceQuery{MinDuration: durationpb.New(2), MaxDuration: durationpb.New(1)})},
		{"trace id of a timeline", "trace_id", func(ctx context.Context, client api) error {
			_, err := client.GetTraceTimeline(ctx, &tapiov1.GetTraceTimelineRequest{TraceId: "0000"})
			return err
		}},
		{"unknown aggregation", "query.aggregation", metricsWhere(&tapiov1.MetricQuery{Aggregation: 77})},
		{"inverted range of metrics", "query.filter.time_range.end", metricsWhere(&tapiov1.MetricQuery{Filter: &tapiov1.Filter{TimeRange: inverted()}})},
		{"resolution too fine", "query.resolution", metricsWhere(&tapiov1.MetricQuery{
			Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_AVG, Resolution: durationpb.New(time.Microsecond),
		})},
		{"empty id", "id", func(ctx context.Context, client api) error {
			_, err := client.events.GetEventById(ctx, &tapiov1.GetEventByIdRequest{})
			return err
		}},
		{"time range of a stream", "filter.time_range", func(ctx context.Context, client api) error {
			return first(client.StreamLogs(ctx, &tapiov1.StreamLogsRequest{Filter: &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{End: noon()}}}))
		}},
		{"ids beside conditions of a stream", "query.operations", func(ctx context.Context, client api) error {
			return first(client.StreamTraces(ctx, &tapiov1.StreamTracesRequest{
				Query: &tapiov1.TraceQuery{TraceIds: []string{fullTraceID}, Operations: []string{"a"}},
			}))
		}},
		{"start of a stream", "start.last", func(ctx context.Context, client api) error {
			return first(client.events.SubscribeToEvents(ctx, &tapiov1.SubscribeToEventsRequest{Start: lastN(10_001)}))
		}},
		{"interval of a stream", "interval", func(ctx context.Context, client api) error {
			return first(client.StreamMetrics(ctx, &tapiov1.StreamMetricsRequest{
				Query: &tapiov1.MetricQuery{Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_AVG}, Interval: durationpb.New(1),
			}))
		}},
		{"unknown format", "format", func(ctx context.Context, client api) error {
			return first(client.ExportMetrics(ctx, &tapiov1.ExportMetricsRequest{Format: 77}))
		}},
	} {
		t.Run(bad.name, func(t *testing.T) { requireBadField(t, bad.call(bounded(t), client), bad.field) })
	}
}

func requireBadField(t *testing.T, err error, field string) {
	t.Helper()
	require.Equal(t, codes.InvalidArgument, status.Code(err), "%v", err)
	require.Contains(t, status.Convert(err).Message(), field)
	var fields []string
	for _, detail := range status.Convert(err).Details() {
		for _, violation := range detail.(*errdetails.BadRequest).GetFieldViolations() {
			fields = append(fields, violation.Field)
			require.NotEmpty(t, violation.Description)
		}
	}
	require.Equal(t, []string{field}, fields)
}

// A page token is good for the store that gave it out, and for no other.
func TestForeignPageToken(t *testing.T) {
	t.Parallel()
	ours, theirs := Start(t, standard), Start(t, standard)
	sendGRPC(t, theirs, lines("app", 0, 10, ""))
	page, err := apiOf(t, theirs).GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Limit: 3}})
	require.NoError(t, err)
	require.NotEmpty(t, page.NextPageToken)
	_, err = apiOf(t, ours).GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Limit: 3, PageToken: page.NextPageToken}})
	requireBadField(t, err, "filter.page_token")
}

func TestOverlongMessage(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	info, err := client.collectors.GetServerInfo(bounded(t), &tapiov1.GetServerInfoRequest{})
	require.NoError(t, err)
	require.NotZero(t, info.MaxPayloadBytes)
	require.NotZero(t, info.Service.MaxReceiveMessageBytes)
	bomb := compress(t, make([]byte, info.MaxPayloadBytes+1), tapiov1.Compression_COMPRESSION_GZIP)
	for name, batch := range map[string]*tapiov1.EventBatch{
		"packed":   {Payload: make([]byte, info.Service.MaxReceiveMessageBytes+1)},
		"unpacked": {Payload: bomb, Compression: tapiov1.Compression_COMPRESSION_GZIP},
	} {
		_, err := client.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: batch})
		require.Equal(t, codes.ResourceExhausted, status.Code(err), "%s: %v", name, err)
	}
}

func TestUnknownEvent(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	_, err := apiOf(t, c).events.GetEventById(bounded(t), &tapiov1.GetEventByIdRequest{Id: "never-stored"})
	require.Equal(t, codes.NotFound, status.Code(err), "%v", err)
	require.Contains(t, err.Error(), "never-stored")
	code, body := get(t, "http://"+c.HTTP+"/v1/events/never-stored")
	require.Equal(t, 404, code, "%s", body)
	_, err = apiOf(t, c).GetTraceTimeline(bounded(t), &tapiov1.GetTraceTimelineRequest{TraceId: fullTraceID})
	require.Equal(t, codes.NotFound, status.Code(err), "%v", err)
}

// Noise on any port ends its own connection and nothing else.
func TestNoiseOnThePorts(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	noise := rand.New(rand.NewPCG(1, 2))
	for _, address := range []string{c.GRPC, c.HTTP, c.OTLPGRPC, c.OTLPHTTP} {
		for range 20 {
			sendNoise(t, address, noise)
		}
	}
	for _, body := range []string{"", "{", "[]", `{"filter":7}`, "\x00\xff"} {
		code, answer := post(t, "http://"+c.HTTP+"/v1/logs:query", "application/json", []byte(body))
		require.Less(t, code, 500, "%q: %s", body, answer)
	}
	sendGRPC(t, c, lines("app", 0, 3, ""))
	got, err := apiOf(t, c).GetLogs(bounded(t), &tapiov1.GetLogsRequest{})
	require.NoError(t, err)
	require.Len(t, got.Logs, 3)
}

func sendNoise(t *testing.T, address string, noise *rand.Rand) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, callLimit)
	require.NoError(t, err)
	defer conn.Close()
	head := []byte{}
	if noise.IntN(2) == 0 { // half of it looks like HTTP/2 at first
		head = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	}
	var rest bytes.Buffer
	for range noise.IntN(2000) {
		rest.WriteByte(byte(noise.Uint32()))
	}
	_, _ = conn.Write(append(head, rest.Bytes()...)) // the server may hang up first
}
