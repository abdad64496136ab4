// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// payloadBatch packs numbered records as OTLP.
func payloadBatch(t *testing.T, id string, from, to int, how tapiov1.Compression) *tapiov1.EventBatch {
	t.Helper()
	raw, err := proto.Marshal(lines("writer", from, to, "e2e.written"))
	require.NoError(t, err)
	payload := compress(t, raw, how)
	sum := crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli))
	return &tapiov1.EventBatch{BatchId: id, Payload: payload, Compression: how, PayloadCrc32C: &sum}
}

func compress(t *testing.T, raw []byte, how tapiov1.Compression) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch how {
	case tapiov1.Compression_COMPRESSION_GZIP:
		w = gzip.NewWriter(&out)
	case tapiov1.Compression_COMPRESSION_ZSTD:
		var err error
		w, err = zstd.NewWriter(&out)
		require.NoError(t, err)
	default:
		return raw
	}
	_, err := w.Write(raw)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// eventBatch packs numbered records as events.
func eventBatch(id string, from, to int) *tapiov1.EventBatch {
	batch := &tapiov1.EventBatch{BatchId: id}
	for i := from; i < to; i++ {
		batch.Events = append(batch.Events, event(i, "e2e.written"))
	}
	return batch
}

// tenEachWay is ten records in every packing, numbered from 1 to 40.
func tenEachWay(t *testing.T) []*tapiov1.EventBatch {
	return []*tapiov1.EventBatch{
		eventBatch("events", 1, 11),
		payloadBatch(t, "plain", 11, 21, tapiov1.Compression_COMPRESSION_UNSPECIFIED),
		payloadBatch(t, "gzip", 21, 31, tapiov1.Compression_COMPRESSION_GZIP),
		payloadBatch(t, "zstd", 31, 41, tapiov1.Compression_COMPRESSION_ZSTD),
	}
}

// stored reads the numbers of all events of a name, the oldest first.
func stored(t *testing.T, client api, name string) []int {
	t.Helper()
	got, err := client.events.GetEvents(bounded(t), &tapiov1.GetEventsRequest{Filter: &tapiov1.Filter{
		EventNames: []string{name}, Limit: 10000, Ascending: true,
	}})
	require.NoError(t, err)
	return numbers(got.Events)
}

func requireAck(t *testing.T, ack *tapiov1.BatchAck, id string, accepted int) {
	t.Helper()
	require.NotNil(t, ack)
	require.Equal(t, id, ack.BatchId)
	require.EqualValues(t, accepted, ack.AcceptedCount, "%v", ack)
	require.Zero(t, ack.RejectedCount)
	require.NotNil(t, ack.AcknowledgedAt)
}

// sender writes one batch and returns its acknowledgement.
type sender func(*testing.T, *tapiov1.EventBatch) *tapiov1.BatchAck

// senders are the three ways to write a batch.
func senders(t *testing.T, client api) map[string]sender {
	t.Helper()
	events, err := client.events.StreamEvents(bounded(t))
	require.NoError(t, err)
	batches, err := client.collectors.StreamEvents(bounded(t))
	require.NoError(t, err)
	return map[string]sender{
		"TapioService.StreamEvents": func(t *testing.T, b *tapiov1.EventBatch) *tapiov1.BatchAck {
			require.NoError(t, events.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: b}}))
			answer, err := events.Recv()
			require.NoError(t, err)
			return answer.GetAck()
		},
		"CollectorService.StreamEvents": func(t *testing.T, b *tapiov1.EventBatch) *tapiov1.BatchAck {
			require.NoError(t, batches.Send(&tapiov1.CollectorServiceStreamEventsRequest{Batch: b}))
			answer, err := batches.Recv()
			require.NoError(t, err)
			return answer.Ack
		},
		"CollectorService.SendEventBatch": func(t *testing.T, b *tapiov1.EventBatch) *tapiov1.BatchAck {
			answer, err := client.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: b})
			require.NoError(t, err)
			return answer.Ack
		},
	}
}

// An acknowledgement means «stored»: what is acknowledged is read back at once.
func TestAcknowledgedIsStored(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"TapioService.StreamEvents", "CollectorService.StreamEvents", "CollectorService.SendEventBatch"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			client := apiOf(t, Start(t, standard))
			send := senders(t, client)[way]
			for i, batch := range tenEachWay(t) {
				requireAck(t, send(t, batch), batch.BatchId, 10)
				require.Equal(t, sequence(1, 10*i+11), stored(t, client, "e2e.written"), "after batch %s", batch.BatchId)
			}
		})
	}
}

// Acknowledgements come in the order of writing, also to a writer that does not
// wait for them.
func TestAcknowledgementsKeepTheOrder(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	stream, err := client.events.StreamEvents(bounded(t))
	require.NoError(t, err)
	const count = 200
	for i := range count {
		message := &tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Event{Event: event(i, "e2e.single")}}
		if i%2 == 1 {
			batch := &tapiov1.EventBatch{BatchId: fmt.Sprintf("e2e.single-%d", i), Sequence: uint64(i), Events: []*tapiov1.Event{event(i, "e2e.single")}}
			message.Message = &tapiov1.StreamEventsRequest_Batch{Batch: batch}
		}
		require.NoError(t, stream.Send(message))
	}
	require.NoError(t, stream.CloseSend())
	for i := range count {
		answer, err := stream.Recv()
		require.NoError(t, err)
		requireAck(t, answer.GetAck(), fmt.Sprintf("e2e.single-%d", i), 1)
		require.EqualValues(t, i*(i%2), answer.GetAck().Sequence)
	}
	_, err = stream.Recv()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, sequence(0, count), stored(t, client, "e2e.single"))
}

// One bad record is named and refused; its neighbours are stored.
func TestBadEventAmongGoodOnes(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	names := 0
	for way, send := range senders(t, client) {
		names++
		name := fmt.Sprintf("e2e.mixed%d", names)
		t.Run(way, func(t *testing.T) {
			bad := event(2, name)
			bad.LogRecord.TraceId = []byte("short")
			batch := &tapiov1.EventBatch{BatchId: "mixed", Events: []*tapiov1.Event{event(1, name), bad, event(3, name), {Id: "no-record"}}}
			ack := send(t, batch)
			require.EqualValues(t, 2, ack.AcceptedCount, "%v", ack)
			require.EqualValues(t, 2, ack.RejectedCount)
			require.Len(t, ack.Failures, 2)
			requireFailure(t, ack.Failures[0], 1, bad.Id, "trace_id")
			requireFailure(t, ack.Failures[1], 3, "no-record", "log_record")
			require.Equal(t, []int{1, 3}, stored(t, client, name))
		})
	}
}

func requireFailure(t *testing.T, got *tapiov1.EventFailure, index int, id, field string) {
	t.Helper()
	require.EqualValues(t, index, got.Index)
	require.Equal(t, id, got.EventId)
	require.EqualValues(t, codes.InvalidArgument, got.Code)
	require.Contains(t, got.Message, field)
}

// A batch that cannot be unpacked is refused as a whole and the stream goes on.
func TestBadBatch(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	broken := payloadBatch(t, "broken", 1, 3, tapiov1.Compression_COMPRESSION_GZIP)
	*broken.PayloadCrc32C++
	for field, batch := range map[string]*tapiov1.EventBatch{
		"payload_crc32c": broken,
		"payload":        {BatchId: "noise", Payload: []byte("this is no OTLP")},
		"events":         {BatchId: "both", Payload: broken.Payload, Compression: broken.Compression, Events: []*tapiov1.Event{event(1, "e2e.both")}},
		"compression":    {BatchId: "unknown", Payload: []byte("x"), Compression: 99},
	} {
		t.Run(field, func(t *testing.T) {
			stream, err := client.events.StreamEvents(bounded(t))
			require.NoError(t, err)
			for _, b := range []*tapiov1.EventBatch{batch, eventBatch("good", 1, 2)} {
				require.NoError(t, stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: b}}))
			}
			answer, err := stream.Recv()
			require.NoError(t, err)
			require.Len(t, answer.GetAck().GetFailures(), 1, "%v", answer)
			requireFailure(t, answer.GetAck().Failures[0], -1, "", field)
			answer, err = stream.Recv()
			require.NoError(t, err)
			requireAck(t, answer.GetAck(), "good", 1)
		})
	}
}

// A record that the store cannot take is not acknowledged as if it had.
func TestRecordTooLargeForTheStore(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard, "--set=extensions::tapio::store::memory_limit=4MiB"))
	for way, send := range senders(t, client) {
		t.Run(way, func(t *testing.T) {
			name := "e2e.large." + way
			large := event(2, name)
			large.LogRecord.SeverityText = strings.Repeat("x", 2<<20)
			ack := send(t, &tapiov1.EventBatch{BatchId: "large", Events: []*tapiov1.Event{event(1, name), large, event(3, name)}})
			require.Len(t, stored(t, client, name), int(ack.AcceptedCount), "accepted means stored: %v", ack)
			require.EqualValues(t, 3, ack.AcceptedCount+ack.RejectedCount)
			for _, failure := range ack.Failures {
				require.EqualValues(t, codes.ResourceExhausted, failure.Code, "%v", failure)
			}
		})
	}
}
