// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// piece is what every stream of records delivers.
type piece interface{ GetLoss() *tapiov1.Loss }

// receive reads a stream until it has brought count records. A loss fails.
func receive[P piece](t *testing.T, recv func() (P, error), records func(P) []*tapiov1.Event, count int) []*tapiov1.Event {
	t.Helper()
	var all []*tapiov1.Event
	for len(all) < count {
		p, err := recv()
		require.NoError(t, err, "after %d of %d records", len(all), count)
		require.Nil(t, p.GetLoss())
		all = append(all, records(p)...)
	}
	return all
}

// requireGapless checks that the store's sequence has no gap and no repeat.
func requireGapless(t *testing.T, events []*tapiov1.Event) {
	t.Helper()
	for i := 1; i < len(events); i++ {
		require.Equal(t, events[i-1].Sequence+1, events[i].Sequence)
	}
}

func lastN(n uint32) *tapiov1.StreamStart {
	return &tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{Last: n}}
}

// The stored past and the live present are one stream, though records are
// written while it begins.
func TestStreamLogsFromPastIntoPresent(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	sendGRPC(t, c, lines("app", 0, 50, ""))
	stream, err := client.StreamLogs(bounded(t), &tapiov1.StreamLogsRequest{Start: lastN(10)})
	require.NoError(t, err)
	for i := 50; i < 150; i += 10 {
		sendGRPC(t, c, lines("app", i, i+10, "")) // some before, some after the server began
	}
	first := receive(t, stream.Recv, (*tapiov1.StreamLogsResponse).GetLogs, 10)
	from := number(first[0])
	require.GreaterOrEqual(t, from, 40, "it begins with ten stored records")
	rest := receive(t, stream.Recv, (*tapiov1.StreamLogsResponse).GetLogs, 150-from-len(first))
	all := slices.Concat(first, rest)
	require.Equal(t, sequence(from, 150), numbers(all))
	requireGapless(t, all)
	resumeAfter(t, client, all[20])
}

// resumeAfter goes on where a cut stream ended.
func resumeAfter(t *testing.T, client api, last *tapiov1.Event) {
	t.Helper()
	stream, err := client.StreamLogs(bounded(t), &tapiov1.StreamLogsRequest{
		Start:       &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{AfterSequence: last.Sequence}},
		HistoryOnly: true,
	})
	require.NoError(t, err)
	got := receive(t, stream.Recv, (*tapiov1.StreamLogsResponse).GetLogs, 149-number(last))
	require.Equal(t, sequence(number(last)+1, 150), numbers(got))
}

func TestSubscribeToEvents(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	stream, err := client.events.SubscribeToEvents(bounded(t), &tapiov1.SubscribeToEventsRequest{
		Filter: &tapiov1.Filter{EventNames: []string{"e2e.*"}},
		Start:  &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}},
	})
	require.NoError(t, err)
	sendGRPC(t, c, lines("app", 0, 5, "e2e.wanted"))
	sendGRPC(t, c, lines("app", 5, 10, "other"))
	sendGRPC(t, c, lines("app", 10, 15, ""))
	sendGRPC(t, c, lines("app", 15, 20, "e2e.wanted"))
	got := receive(t, stream.Recv, (*tapiov1.SubscribeToEventsResponse).GetEvents, 10)
	require.Equal(t, append(sequence(0, 5), sequence(15, 20)...), numbers(got))
}

// A subscription lives on the stream that writes, too.
func TestSubscriptionOnStreamEvents(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	stream, err := apiOf(t, c).events.StreamEvents(bounded(t))
	require.NoError(t, err)
	require.NoError(t, stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Subscription{
		Subscription: &tapiov1.Subscription{
			SubscriptionId: "mine", Filter: &tapiov1.Filter{EventNames: []string{"e2e.followed"}},
			Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}},
		},
	}}))
	require.NoError(t, stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Event{Event: event(7, "e2e.followed")}}))
	var acked, delivered bool
	for !acked || !delivered {
		answer, err := stream.Recv()
		require.NoError(t, err)
		acked = acked || answer.GetAck() != nil
		if d := answer.GetDelivery(); d != nil {
			require.Equal(t, "mine", d.SubscriptionId)
			require.Equal(t, []int{7}, numbers(d.Events))
			delivered = true
		}
	}
}

func TestStreamMetricsRaw(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sent := fullMetrics(t)
	sendGRPC(t, c, sent)
	stream, err := apiOf(t, c).StreamMetrics(bounded(t), &tapiov1.StreamMetricsRequest{
		Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}},
	})
	require.NoError(t, err)
	want := pointTexts(sent.ResourceMetrics)
	var got []string
	for len(got) < len(want) {
		p, err := stream.Recv()
		require.NoError(t, err)
		got = append(got, pointTexts(p.ResourceMetrics)...)
		require.NotZero(t, p.LastSequence)
	}
	requireSame(t, want, got)
}

// Spans stream as log records do: from the past into the present, and on from
// where a reader was cut off.
func TestStreamTraces(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	sent := fullTraces(t)
	sendGRPC(t, c, sent)
	last := requireSpans(t, client, 0, sent)

	sendGRPC(t, c, sent) // the same spans again
	requireSpans(t, client, last, sent)

	stream, err := client.StreamTraces(bounded(t), &tapiov1.StreamTracesRequest{
		Query: &tapiov1.TraceQuery{TraceIds: []string{strings.Repeat("ab", 16)}}, HistoryOnly: true,
		Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}},
	})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.ErrorIs(t, err, io.EOF, "no span is of that trace")
}

// requireSpans follows spans from behind a sequence until these have come, and
// returns the sequence of the last.
func requireSpans(t *testing.T, client api, after uint64, sent *coltrace.ExportTraceServiceRequest) (last uint64) {
	t.Helper()
	stream, err := client.StreamTraces(bounded(t), &tapiov1.StreamTracesRequest{
		Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{AfterSequence: after}},
	})
	require.NoError(t, err)
	want := spanTexts(sent.ResourceSpans)
	var got []string
	for len(got) < len(want) {
		p, err := stream.Recv()
		require.NoError(t, err)
		require.Nil(t, p.Loss)
		got, last = append(got, spanTexts(p.ResourceSpans)...), p.LastSequence
	}
	requireSame(t, want, got)
	return last
}

// With an aggregation the stream sends the window up to now, repeatedly.
func TestStreamMetricsAggregated(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	app := origin("service.name", "app")
	sendGRPC(t, c, metricsOf(app, gauge("load", time.Now().Add(-200*time.Second), upTo(1)...)))
	stream, err := apiOf(t, c).StreamMetrics(bounded(t), &tapiov1.StreamMetricsRequest{
		Query: &tapiov1.MetricQuery{
			MetricNames: []string{"load"}, GroupBy: []string{"service"},
			Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_MAX, Resolution: durationpb.New(time.Hour),
		},
		Interval: durationpb.New(100 * time.Millisecond),
	})
	require.NoError(t, err)
	next := func() *tapiov1.MetricSeries_Point {
		p, err := stream.Recv()
		require.NoError(t, err)
		require.Empty(t, p.ResourceMetrics)
		require.Len(t, p.Series, 1)
		require.Equal(t, map[string]string{"service": "app"}, p.Series[0].Labels)
		require.Len(t, p.Series[0].Points, 1)
		return p.Series[0].Points[0]
	}
	require.EqualValues(t, 100, next().Value)
	sendGRPC(t, c, metricsOf(app, gauge("load", time.Now(), 500)))
	last := next()
	for last.Value == 100 { // answers that were under way
		last = next()
	}
	require.EqualValues(t, 500, last.Value)
	require.EqualValues(t, 102, last.SampleCount)
}

// Over HTTP a stream is one JSON object a line.
func TestStreamOverHTTP(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sendGRPC(t, c, lines("app", 0, 5, ""))
	request, err := http.NewRequestWithContext(bounded(t), http.MethodPost, "http://"+c.HTTP+"/v1/logs:stream",
		bytes.NewBufferString(`{"start":{"last":5}}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	sendGRPC(t, c, lines("app", 5, 10, ""))

	var got []*tapiov1.Event
	reader := bufio.NewReader(response.Body)
	for len(got) < 10 {
		text, err := reader.ReadBytes('\n')
		require.NoError(t, err)
		var envelope struct{ Result json.RawMessage }
		require.NoError(t, json.Unmarshal(text, &envelope))
		var p tapiov1.StreamLogsResponse
		fromJSON(t, envelope.Result, &p)
		got = append(got, p.Logs...)
	}
	require.Equal(t, sequence(0, 10), numbers(got))
}
