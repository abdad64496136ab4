// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func rows(n int) []model.Event {
	list := make([]model.Event, n)
	for i := range list {
		list[i] = model.Event{Seq: uint64(i + 1), Body: model.StringValue("line"), Resource: &model.Resource{}, Scope: &model.Scope{}}
	}
	list[n-1].Body = model.StringValue("not UTF-8: \xff")
	return list
}

// A message of records that were encoded once is the message that protobuf makes.
func TestMessagesAreThoseOfProtobuf(t *testing.T) {
	identified := 0
	encoder := NewEncoder(func(e *model.Event) {
		e.ID = "id"
		identified++
	})
	events := rows(10)
	loss := &tapiov1.Loss{Count: 3, FirstSequence: 4, LastSequence: 6}
	var want []*tapiov1.Event
	for _, e := range events {
		e.ID = "id"
		want = append(want, protoconv.Event(&e))
		protoconv.RepairText(want[len(want)-1])
	}
	for range 2 {
		encoded, err := encoder.Encode(events)
		require.NoError(t, err)
		logs := decode(t, &Message{Field: 1, Events: encoded, Rest: &tapiov1.StreamLogsResponse{Loss: loss}}, &tapiov1.StreamLogsResponse{})
		assert.True(t, proto.Equal(&tapiov1.StreamLogsResponse{Logs: want, Loss: loss}, logs))
		delivery := decode(t, &Message{
			Within: 2, Field: 2, Events: encoded, Rest: &tapiov1.EventDelivery{SubscriptionId: "s", ResumeToken: "r"},
		}, &tapiov1.StreamEventsResponse{})
		assert.True(t, proto.Equal(&tapiov1.StreamEventsResponse{Message: &tapiov1.StreamEventsResponse_Delivery{
			Delivery: &tapiov1.EventDelivery{SubscriptionId: "s", ResumeToken: "r", Events: want},
		}}, delivery))
	}
	assert.Equal(t, len(events), identified, "each record is encoded once")
}

func decode(t *testing.T, m *Message, into proto.Message) proto.Message {
	t.Helper()
	encoded, err := m.Encoded(mem.DefaultBufferPool())
	require.NoError(t, err)
	require.NoError(t, proto.Unmarshal(encoded.Materialize(), into))
	return into
}

// What is kept is bounded: by the length of a record and by their number.
func TestAnEncoderKeepsFewBytes(t *testing.T) {
	encoder := NewEncoder(func(*model.Event) {})
	events := rows(keptEvents + 10)
	events[20].Body = model.StringValue(strings.Repeat("x", 2*maxKeptBytes))
	_, err := encoder.Encode(events)
	require.NoError(t, err)
	total := 0
	for _, kept := range encoder.kept {
		total += len(kept.encoded)
	}
	assert.LessOrEqual(t, total, keptEvents*maxKeptBytes)
	assert.NotEqual(t, uint64(21), encoder.kept[21].seq)
	_, err = encoder.Encode(events[5:6])
	require.NoError(t, err)
	assert.Equal(t, uint64(keptEvents+6), encoder.kept[6].seq, "an old record takes no newer one's place")
}

// The more readers, the less each is sent at once; a larger record waits for room.
func TestReadersShareTheirRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 8 << 20
		readers := NewReaders(limit, 0, time.Now)
		first := readers.Enter("logs", true, 0)
		assert.Equal(t, maxShare, first.Share())
		others := make([]*Reader, 31)
		for i := range others {
			others[i] = readers.Enter("logs", true, 0)
		}
		assert.Equal(t, limit/copies/32, first.Share())

		leave, err := first.Hold(t.Context(), 5<<20)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			_, err := others[0].Hold(ctx, 5<<20)
			failed <- err
		}()
		synctest.Wait()
		small, err := others[1].Hold(t.Context(), 1000)
		require.NoError(t, err, "a small one does not wait")
		small()
		cancel()
		require.ErrorIs(t, <-failed, context.Canceled)
		leave()
		for _, r := range append(others, first) {
			r.Leave()
		}
		assert.Equal(t, map[string]Lag{"logs": {}}, readers.Lags(map[string]uint64{"logs": 100}))
	})
}

// A live reader that is behind for longer than it may be is found, one that wants
// all is not; both are in the figures.
func TestReadersBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		readers := NewReaders(1<<20, 30*time.Second, time.Now)
		live, all := readers.Enter("logs", true, 0), readers.Enter("logs", false, 0)
		readers.Mark("logs", 10)
		live.At(10)
		all.At(5)
		assert.False(t, live.Behind())
		time.Sleep(2 * time.Second)
		readers.Mark("logs", 100)
		live.At(11)
		time.Sleep(31 * time.Second)
		assert.True(t, live.Behind())
		assert.False(t, all.Behind())
		assert.Equal(t, map[string]Lag{"logs": {Records: 115, Time: 33 * time.Second}}, readers.Lags(map[string]uint64{"logs": 120}))
		live.Skipped(model.Loss{Count: 89})
		live.At(100)
		assert.False(t, live.Behind())
		all.Leave()
		assert.Equal(t, map[string]Lag{"logs": {Records: 20, Skipped: 89}}, readers.Lags(map[string]uint64{"logs": 120}))
		live.Leave()
	})
}

// A reader that keeps its server waiting does not keep the others from theirs.
func TestATurnEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		readers := NewReaders(1<<20, 0, time.Now)
		for range cap(readers.turns) + 1 { // the last one waits for the first to end
			reader := readers.Enter("logs", true, 0)
			defer reader.Leave()
			leave, err := reader.Turn(t.Context())
			require.NoError(t, err)
			defer leave()
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(context.DeadlineExceeded)
		for range cap(readers.turns) {
			readers.turns <- struct{}{}
			time.Sleep(turn)
		}
		_, err := readers.Enter("logs", true, 0).Turn(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
