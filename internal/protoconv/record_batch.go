// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// MaxBatchEvents is the most events that one batch may hold.
const MaxBatchEvents = 100_000

// maxFailures is the most failures that an acknowledgement names.
const maxFailures = 100

// EventsFromBatch reads the events of a batch; field is the path of the batch in
// the request. An event that does not pass is left out and named among the
// failures. An error means that the batch as a whole is refused. A batch with a
// payload gives no events: see Payload.
func EventsFromBatch(b *tapiov1.EventBatch, field string) ([]model.Event, []*tapiov1.EventFailure, error) {
	if err := checkBatch(b); err != nil {
		return nil, nil, within(field, err)
	}
	var failures []*tapiov1.EventFailure
	events := make([]model.Event, 0, len(b.GetEvents()))
	for i, message := range b.GetEvents() {
		event, err := eventFrom(message)
		if err != nil {
			failures = append(failures, failure(i, message, withinItem(joinPath(field, "events"), i, err)))
			continue
		}
		events = append(events, event)
	}
	return events, failures, nil
}

func failure(i int, e *tapiov1.Event, err error) *tapiov1.EventFailure {
	return &tapiov1.EventFailure{
		Index:   int32(i),
		EventId: e.GetId(),
		Code:    int32(codes.InvalidArgument),
		Message: err.Error(),
	}
}

func checkBatch(b *tapiov1.EventBatch) error { return checkEnvelope(b, len(b.GetEvents())) }

// checkEnvelope checks a batch of which the events lie elsewhere.
func checkEnvelope(b *tapiov1.EventBatch, events int) error {
	if n := len(b.GetBatchId()); n > maxNameBytes {
		return model.InvalidField("batch_id", "has %d bytes, the most is %d", n, maxNameBytes)
	}
	if n := len(b.GetCollectorId()); n > maxNameBytes {
		return model.InvalidField("collector_id", "has %d bytes, the most is %d", n, maxNameBytes)
	}
	switch payload := len(b.GetPayload()); {
	case events == 0 && payload == 0:
		return model.InvalidField("events", "is empty, and so is payload: set one of the two")
	case events != 0 && payload != 0:
		return model.InvalidField("payload", "excludes events: set one of the two")
	case events > MaxBatchEvents:
		return model.InvalidField("events", "has %d entries, the most is %d: send several batches", events, MaxBatchEvents)
	default:
		return nil
	}
}

// Ack answers a batch of which accepted records were taken and rejected were
// not. Of the failures it names the first 100. An error that concerns the whole
// batch is made with BatchFailure.
func Ack(b *tapiov1.EventBatch, accepted, rejected uint64, failures []*tapiov1.EventFailure, now time.Time) *tapiov1.BatchAck {
	return &tapiov1.BatchAck{
		BatchId:        b.GetBatchId(),
		Sequence:       b.GetSequence(),
		AcceptedCount:  accepted,
		RejectedCount:  rejected,
		Failures:       failures[:min(len(failures), maxFailures)],
		AcknowledgedAt: timestamppb.New(now),
	}
}

// BatchFailure is why a whole batch was refused; the code is that of Status.
func BatchFailure(err error) *tapiov1.EventFailure {
	return &tapiov1.EventFailure{Index: -1, Code: int32(status.Code(Status(err))), Message: err.Error()}
}

// Loss is what was passed over; nil for nothing.
func Loss(l model.Loss, reason tapiov1.Loss_Reason) *tapiov1.Loss {
	if l == (model.Loss{}) {
		return nil
	}
	return &tapiov1.Loss{Reason: reason, Count: l.Count, FirstSequence: l.First, LastSequence: l.Last}
}
