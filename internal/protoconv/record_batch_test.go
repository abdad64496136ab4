// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc/codes"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestBatchNamesItsFailures(t *testing.T) {
	batch := &tapiov1.EventBatch{BatchId: "b", Sequence: 3, Events: []*tapiov1.Event{
		{Id: "one", LogRecord: &logsv1.LogRecord{}},
		{Id: "two"},
		{Id: "three", LogRecord: &logsv1.LogRecord{SpanId: []byte{1}}},
		{Id: "four", LogRecord: &logsv1.LogRecord{}},
	}}
	events, failures, err := EventsFromBatch(batch, "batch")
	require.NoError(t, err)
	require.Len(t, events, 2)
	assert.Equal(t, "four", events[1].UID())
	require.Len(t, failures, 2)
	requireSame(t, &tapiov1.EventFailure{
		Index: 1, EventId: "two", Code: 3, Message: "batch.events[1].log_record: is required",
	}, failures[0])
	assert.Contains(t, failures[1].GetMessage(), "batch.events[2].log_record.span_id: ")

	ack := Ack(batch, 2, 2, failures, testNow())
	assert.Equal(t, "b", ack.GetBatchId())
	assert.Equal(t, uint64(3), ack.GetSequence())
	assert.Equal(t, uint64(2), ack.GetAcceptedCount())
	assert.Equal(t, uint64(2), ack.GetRejectedCount())
	assert.Len(t, ack.GetFailures(), 2)
	assert.Equal(t, testNow(), ack.GetAcknowledgedAt().AsTime())
}

func TestAckBoundsItsFailures(t *testing.T) {
	ack := Ack(&tapiov1.EventBatch{}, 5, 101, make([]*tapiov1.EventFailure, 101), testNow())
	assert.Len(t, ack.GetFailures(), 100)
	assert.Equal(t, uint64(101), ack.GetRejectedCount())

	refused := &tapiov1.EventBatch{Events: make([]*tapiov1.Event, 7)}
	ack = Ack(refused, 0, 7, []*tapiov1.EventFailure{BatchFailure(errors.New("full"))}, testNow())
	assert.Equal(t, uint64(7), ack.GetRejectedCount())
	assert.Equal(t, int32(-1), ack.GetFailures()[0].GetIndex())
}

func TestBatchFailureCode(t *testing.T) {
	assert.Equal(t, int32(codes.ResourceExhausted), BatchFailure(ErrPayloadTooLarge).GetCode())
	assert.Equal(t, int32(codes.InvalidArgument), BatchFailure(model.InvalidField("f", "p")).GetCode())
	assert.Equal(t, "f: p", BatchFailure(model.InvalidField("f", "p")).GetMessage())
}

func TestBatchFaults(t *testing.T) {
	one := []*tapiov1.Event{{}}
	for name, tc := range map[string]struct {
		batch       *tapiov1.EventBatch
		field, mend string
	}{
		"nil":  {nil, "batch.events", "set one of the two"},
		"both": {&tapiov1.EventBatch{Events: one, Payload: []byte{1}}, "batch.payload", "set one of the two"},
		"many": {&tapiov1.EventBatch{Events: make([]*tapiov1.Event, 100_001)}, "batch.events", "the most is 100000"},
		"name": {&tapiov1.EventBatch{Events: one, BatchId: strings.Repeat("x", 129)}, "batch.batch_id", "the most is 128"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := EventsFromBatch(tc.batch, "batch")
			requireFault(t, err, tc.field, tc.mend)
		})
	}
	events, failures, err := EventsFromBatch(&tapiov1.EventBatch{Payload: []byte{1}}, "batch")
	require.NoError(t, err)
	assert.Empty(t, events)
	assert.Empty(t, failures)
}

func TestLoss(t *testing.T) {
	assert.Nil(t, Loss(model.Loss{}, tapiov1.Loss_REASON_EVICTED))
	requireSame(t,
		&tapiov1.Loss{Reason: tapiov1.Loss_REASON_READER_LAPPED, Count: 3, FirstSequence: 4, LastSequence: 6},
		Loss(model.Loss{Count: 3, First: 4, Last: 6}, tapiov1.Loss_REASON_READER_LAPPED))
}
