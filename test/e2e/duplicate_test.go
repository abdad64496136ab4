// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A batch that is sent again, over whichever way and connection, is stored once.
func TestRepeatedBatchIsStoredOnce(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	for name, change := range map[string]func(*tapiov1.EventBatch){
		"named":   func(b *tapiov1.EventBatch) { b.CollectorId = "me" },
		"unnamed": func(*tapiov1.EventBatch) {},
	} {
		t.Run(name, func(t *testing.T) {
			event := "e2e.twice." + name
			batch := &tapiov1.EventBatch{BatchId: "again", Events: []*tapiov1.Event{event7(event), {Id: "bad"}}}
			change(batch)
			for round := range 3 {
				stream, err := apiOf(t, c).events.StreamEvents(bounded(t))
				require.NoError(t, err)
				require.NoError(t, stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: batch}}))
				answer, err := stream.Recv()
				require.NoError(t, err)
				require.EqualValues(t, 1, answer.GetAck().AcceptedCount)
				require.EqualValues(t, 1, answer.GetAck().RejectedCount)
				require.Equal(t, round > 0, answer.GetAck().Duplicate)
			}
			require.Equal(t, []int{7}, stored(t, apiOf(t, c), event))
			other := proto.CloneOf(batch)
			other.BatchId = "another"
			_, err := apiOf(t, c).collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: other})
			require.NoError(t, err)
			require.Len(t, stored(t, apiOf(t, c), event), 2, "another id is another batch")
		})
	}
	// The senders notice nothing of a reload, so the window must not either.
	c.askReload(t)
	c.awaitReady(t)
	batch := &tapiov1.EventBatch{BatchId: "again", CollectorId: "me", Events: []*tapiov1.Event{event7("e2e.twice.named")}}
	resp, err := apiOf(t, c).collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: batch})
	require.NoError(t, err)
	require.True(t, resp.Ack.Duplicate)
}

// event7 has no id, so that the store may hold several.
func event7(name string) *tapiov1.Event {
	e := event(7, name)
	e.Id = ""
	return e
}

// Of two with one id and no name, only the same content is the same batch.
func TestOneIDOfTwoSenders(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	for i := range 2 {
		batch := eventBatch("1", i, i+1)
		resp, err := client.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: batch})
		require.NoError(t, err)
		require.False(t, resp.Ack.Duplicate)
	}
	require.Equal(t, []int{0, 1}, stored(t, client, "e2e.written"))
}

// A reader goes on where it was, by its token, and asks for a rate.
func TestSubscriptionResumesAndIsPaced(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	sendGRPC(t, c, lines("app", 0, 40, "e2e.paced"))
	all := &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}}
	stream, err := client.events.SubscribeToEvents(bounded(t), &tapiov1.SubscribeToEventsRequest{
		Start: all, MaxEventsPerSecond: 20, Delivery: tapiov1.DeliveryMode_DELIVERY_MODE_AT_LEAST_ONCE,
	})
	require.NoError(t, err)
	first, err := stream.Recv()
	require.NoError(t, err)
	require.Len(t, first.Events, 20, "a second's worth at once")
	require.NotEmpty(t, first.ResumeToken)

	resumed, err := client.events.SubscribeToEvents(bounded(t), &tapiov1.SubscribeToEventsRequest{
		ResumeToken: first.ResumeToken, HistoryOnly: true,
	})
	require.NoError(t, err)
	rest := receive(t, resumed.Recv, (*tapiov1.SubscribeToEventsResponse).GetEvents, 20)
	require.Equal(t, sequence(20, 40), numbers(rest))

	hasty, err := client.events.SubscribeToEvents(bounded(t), &tapiov1.SubscribeToEventsRequest{
		Start: all, HistoryOnly: true, MaxEventsPerSecond: 5, Delivery: tapiov1.DeliveryMode_DELIVERY_MODE_BEST_EFFORT,
	})
	require.NoError(t, err)
	some, err := hasty.Recv()
	require.NoError(t, err)
	require.Len(t, some.Events, 5)
	left, err := hasty.Recv()
	require.NoError(t, err)
	require.Equal(t, tapiov1.Loss_REASON_RATE_LIMITED, left.Loss.Reason)
	require.EqualValues(t, 35, left.Loss.Count)
}
