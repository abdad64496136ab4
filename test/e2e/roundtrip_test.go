// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// What goes in by OTLP comes out by every door, equal field by field.
func TestEverySignalComesBackUnchanged(t *testing.T) {
	t.Parallel()
	for protocol, send := range map[string]func(*testing.T, *Collector, proto.Message){"grpc": sendGRPC, "http": sendHTTP} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			c := Start(t, standard)
			t.Run("logs", func(t *testing.T) { checkLogs(t, c, send) })
			t.Run("traces", func(t *testing.T) { checkTraces(t, c, send) })
			t.Run("metrics", func(t *testing.T) { checkMetrics(t, c, send) })
		})
	}
}

func checkLogs(t *testing.T, c *Collector, send func(*testing.T, *Collector, proto.Message)) {
	sent := fullLogs(t)
	send(t, c, sent)
	want := logTexts(sent.ResourceLogs)
	t.Run("over gRPC", func(t *testing.T) {
		got, err := apiOf(t, c).GetLogs(bounded(t), &tapiov1.GetLogsRequest{})
		require.NoError(t, err)
		requireSame(t, want, eventTexts(got.Logs))
		require.Empty(t, got.NextPageToken)
	})
	t.Run("over HTTP", func(t *testing.T) {
		var got tapiov1.GetLogsResponse
		query(t, c, "/v1/logs:query", `{}`, &got)
		requireSame(t, want, eventTexts(got.Logs))
	})
	t.Run("by trace over HTTP", func(t *testing.T) {
		var got tapiov1.GetLogsResponse
		query(t, c, "/v1/logs:query", `{"traceId":"`+fullTraceID+`"}`, &got)
		require.Len(t, got.Logs, 1)
		require.Equal(t, "payment.failed", got.Logs[0].LogRecord.EventName)
	})
	t.Run("as events", func(t *testing.T) { checkEvents(t, c) })
}

// checkEvents finds the two records with a name, and each again by its id.
func checkEvents(t *testing.T, c *Collector) {
	client := apiOf(t, c)
	got, err := client.events.GetEvents(bounded(t), &tapiov1.GetEventsRequest{})
	require.NoError(t, err)
	require.Len(t, got.Events, 2)
	newest := got.Events[0]
	require.Equal(t, "payment.started", newest.LogRecord.EventName)
	require.Equal(t, "01JD-own-id", newest.Id, "a record that brings an id keeps it")
	for _, e := range got.Events {
		require.NotEmpty(t, e.Id)
		require.NotZero(t, e.Sequence)
		byID, err := client.events.GetEventById(bounded(t), &tapiov1.GetEventByIdRequest{Id: e.Id})
		require.NoError(t, err)
		require.True(t, proto.Equal(e, byID.Event), "by id: %v", byID.Event)
		var overHTTP tapiov1.GetEventByIdResponse
		queryGet(t, c, "/v1/events/"+e.Id, &overHTTP)
		requireSame(t, eventTexts([]*tapiov1.Event{e}), eventTexts([]*tapiov1.Event{overHTTP.Event}))
	}
}

func checkTraces(t *testing.T, c *Collector, send func(*testing.T, *Collector, proto.Message)) {
	sent := fullTraces(t)
	send(t, c, sent)
	want := spanTexts(sent.ResourceSpans)
	t.Run("over gRPC", func(t *testing.T) {
		got, err := apiOf(t, c).GetTraces(bounded(t), &tapiov1.GetTracesRequest{})
		require.NoError(t, err)
		requireSame(t, want, allSpans(got.Traces))
	})
	t.Run("over HTTP", func(t *testing.T) {
		var got tapiov1.GetTracesResponse
		query(t, c, "/v1/traces:query", `{}`, &got)
		requireSame(t, want, allSpans(got.Traces))
	})
	t.Run("summaries only", func(t *testing.T) {
		whole, err := apiOf(t, c).GetTraces(bounded(t), &tapiov1.GetTracesRequest{})
		require.NoError(t, err)
		got, err := apiOf(t, c).GetTraces(bounded(t), &tapiov1.GetTracesRequest{SummariesOnly: true})
		require.NoError(t, err)
		for _, trace := range whole.GetTraces() {
			trace.ResourceSpans = nil
		}
		require.True(t, proto.Equal(whole, got), "summaries: %v", got)
	})
	t.Run("by id", func(t *testing.T) {
		got, err := apiOf(t, c).GetTraces(bounded(t), &tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{TraceIds: []string{fullTraceID}}})
		require.NoError(t, err)
		require.Len(t, got.Traces, 1)
		checkHeadData(t, got.Traces[0])
	})
	t.Run("as timeline", func(t *testing.T) {
		got, err := apiOf(t, c).GetTraceTimeline(bounded(t), &tapiov1.GetTraceTimelineRequest{TraceId: fullTraceID})
		require.NoError(t, err)
		checkTimeline(t, got)
		var overHTTP tapiov1.GetTraceTimelineResponse
		queryGet(t, c, "/v1/traces/"+fullTraceID+"/timeline", &overHTTP)
		require.True(t, proto.Equal(got, &overHTTP), "over HTTP: %v", &overHTTP)
	})
}

func allSpans(traces []*tapiov1.Trace) []string {
	var all tapiov1.Trace
	for _, one := range traces {
		all.ResourceSpans = append(all.ResourceSpans, one.ResourceSpans...)
	}
	return spanTexts(all.ResourceSpans)
}

func checkHeadData(t *testing.T, got *tapiov1.Trace) {
	t.Helper()
	require.Equal(t, fullTraceID, got.TraceId)
	require.Equal(t, "checkout", got.RootService)
	require.Equal(t, "POST /pay", got.RootName)
	require.Equal(t, "8ms", got.Duration.AsDuration().String())
	require.EqualValues(t, 3, got.SpanCount)
	require.EqualValues(t, 1, got.ErrorCount)
	require.Equal(t, []string{"bank", "checkout"}, got.Services)
	require.True(t, got.Complete)
}

// checkTimeline compares with a calculation by hand: the root lasts 8 ms, of
// which its children cover 1 ms and 5 ms.
func checkTimeline(t *testing.T, got *tapiov1.GetTraceTimelineResponse) {
	t.Helper()
	type place struct {
		Name, Service, Offset, Self string
		Depth                       uint32
	}
	var places []place
	for _, s := range got.Spans {
		places = append(places, place{
			s.Span.Name, s.Service, s.Offset.AsDuration().String(), s.SelfTime.AsDuration().String(), s.Depth,
		})
	}
	require.Equal(t, []place{
		{"POST /pay", "checkout", "0s", "2ms", 0},
		{"prepare", "checkout", "500µs", "1ms", 1},
		{"charge", "bank", "2ms", "5ms", 1},
	}, places)
	require.Len(t, got.Logs, 1, "the log record of the same trace")
}

func checkMetrics(t *testing.T, c *Collector, send func(*testing.T, *Collector, proto.Message)) {
	sent := fullMetrics(t)
	send(t, c, sent)
	want := pointTexts(sent.ResourceMetrics)
	t.Run("over gRPC", func(t *testing.T) {
		got, err := apiOf(t, c).GetMetrics(bounded(t), &tapiov1.GetMetricsRequest{})
		require.NoError(t, err)
		requireSame(t, want, pointTexts(got.ResourceMetrics))
		require.Len(t, got.ResourceMetrics, 2, "points are grouped by resource")
	})
	t.Run("over HTTP", func(t *testing.T) {
		var got tapiov1.GetMetricsResponse
		query(t, c, "/v1/metrics:query", `{}`, &got)
		requireSame(t, want, pointTexts(got.ResourceMetrics))
	})
}

// query asks over HTTP and JSON.
func query(t *testing.T, c *Collector, path, body string, into proto.Message) {
	t.Helper()
	status, answer := post(t, "http://"+c.HTTP+path, "application/json", []byte(body))
	require.Equal(t, 200, status, "%s", answer)
	fromJSON(t, answer, into)
}

func queryGet(t *testing.T, c *Collector, path string, into proto.Message) {
	t.Helper()
	status, answer := get(t, "http://"+c.HTTP+path)
	require.Equal(t, 200, status, "%s", answer)
	fromJSON(t, answer, into)
}
