// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/tapio"
	"github.com/tapio/tapio/internal/wire"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// ingest is the way from a client's write into the pipeline.
type ingest struct {
	accepted atomic.Uint64
	rejected counter

	mu       sync.RWMutex // held for reading during a write, so that detach waits
	sink     tapio.EventSink
	attached string // the receiver's id; stays when it detaches
}

var errNoReceiver = status.Error(codes.FailedPrecondition,
	"no tapio receiver feeds a pipeline: add `receivers: {tapio: {extension: tapio}}` "+
		"to the configuration and `tapio` to service::pipelines::logs::receivers")

// Attach makes sink the way into the pipeline until detach is called.
func (s *Server) Attach(receiver string, sink tapio.EventSink) (detach func(), err error) {
	in := &s.ingest
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.sink != nil {
		return nil, fmt.Errorf("takes its events through the receiver %q already: remove %q, or give it an extension of its own",
			in.attached, receiver)
	}
	in.sink, in.attached = sink, receiver
	return sync.OnceFunc(in.detach), nil
}

func (in *ingest) detach() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sink = nil
}

// receiver returns the id of the attached receiver, "" for none.
func (in *ingest) receiver() string {
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.sink == nil {
		return ""
	}
	return in.attached
}

// outcome is what became of the records of a batch.
type outcome struct {
	records  int // in the batch
	accepted int
	failures []*tapiov1.EventFailure // of single records; the last may be of the batch
}

// write passes a batch into the pipeline and acknowledges it. Faults of single
// events are in the acknowledgement; an error means that nothing was accepted.
func (s *Server) write(ctx context.Context, batch *tapiov1.EventBatch, field string) (*tapiov1.BatchAck, error) {
	if len(batch.GetPayload()) > 0 {
		done, err := s.passPayload(ctx, batch, field)
		return s.settle(batch, done, err)
	}
	events, failures, err := wire.EventsFromBatch(batch, field)
	if err != nil {
		return s.settle(batch, outcome{}, err)
	}
	done, err := s.passEvents(ctx, events, failures)
	return s.settle(batch, done, err)
}

// answer is write for streams: a batch that is refused as a whole is told so in
// its acknowledgement, and the stream goes on. An error ends the stream.
func (s *Server) answer(ctx context.Context, batch *tapiov1.EventBatch, field string) (*tapiov1.BatchAck, error) {
	ack, err := s.write(ctx, batch, field)
	return s.keepStream(batch, ack, err)
}

// answerEvent is answer for a single event.
func (s *Server) answerEvent(ctx context.Context, message *tapiov1.Event, field string) (*tapiov1.BatchAck, error) {
	batch := &tapiov1.EventBatch{BatchId: message.GetId(), Events: []*tapiov1.Event{message}}
	event, err := wire.EventFromProto(message, field)
	var done outcome
	if err == nil {
		done, err = s.passEvents(ctx, []tapio.Event{event}, nil)
	}
	ack, err := s.settle(batch, done, err)
	return s.keepStream(batch, ack, err)
}

// keepStream turns an error into an acknowledgement, unless it ends the stream.
func (s *Server) keepStream(batch *tapiov1.EventBatch, ack *tapiov1.BatchAck, err error) (*tapiov1.BatchAck, error) {
	if err == nil || errors.Is(err, errShuttingDown) || errors.Is(err, errNoReceiver) {
		return ack, err
	}
	return wire.Ack(batch, 0, []*tapiov1.EventFailure{wire.BatchFailure(err)}, s.Now()), nil
}

// settle counts what became of a batch and acknowledges it. Of a batch that was
// refused before it was unpacked, the payload counts as one record.
func (s *Server) settle(batch *tapiov1.EventBatch, done outcome, err error) (*tapiov1.BatchAck, error) {
	if err != nil {
		s.ingest.rejected.add(rejectReason(err), uint64(max(len(batch.GetEvents()), 1)))
		return nil, err
	}
	ack := wire.Ack(batch, done.accepted, done.failures, s.Now())
	ack.RejectedCount = uint64(done.records - done.accepted)
	s.ingest.accepted.Add(ack.GetAcceptedCount())
	left := ack.GetRejectedCount()
	for _, failure := range done.failures {
		n := uint64(1)
		if failure.GetIndex() < 0 {
			n = left // it is the last, and speaks for all that are left
		}
		s.ingest.rejected.add(codeReason(codes.Code(failure.GetCode())), n)
		left -= n
	}
	return ack, nil
}

func (s *Server) passEvents(ctx context.Context, events []tapio.Event, failures []*tapiov1.EventFailure) (outcome, error) {
	in := &s.ingest
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.sink == nil {
		return outcome{}, in.notAttached()
	}
	done := outcome{records: len(events) + len(failures), accepted: len(events), failures: failures}
	if len(events) == 0 {
		return done, nil
	}
	return done.after(in.sink.WriteEvents(ctx, events))
}

func (s *Server) passPayload(ctx context.Context, batch *tapiov1.EventBatch, field string) (outcome, error) {
	payload, err := wire.Payload(batch, field, s.MaxReceiveMessageBytes)
	if err != nil {
		return outcome{}, err
	}
	in := &s.ingest
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.sink == nil {
		return outcome{}, in.notAttached()
	}
	n, err := in.sink.WritePayload(ctx, payload)
	if invalid, ok := errors.AsType[*tapio.FieldError](err); ok {
		return outcome{}, tapio.InvalidField(field+"."+invalid.Field, "%s", invalid.Problem)
	}
	return outcome{records: n, accepted: n}.after(err)
}

// after tells what the pipeline's answer makes of the outcome.
func (o outcome) after(err error) (outcome, error) {
	if err == nil {
		return o, nil
	}
	refused, ok := errors.AsType[*tapio.RefusedError](err)
	if !ok {
		return outcome{}, pipelineStatus(err)
	}
	o.accepted = max(o.accepted-refused.Count, 0)
	o.failures = append(o.failures, wire.BatchFailure(status.Error(codes.ResourceExhausted, refused.Error())))
	return o, nil
}

func (in *ingest) notAttached() error {
	if in.attached == "" {
		return errNoReceiver
	}
	return errShuttingDown
}

// pipelineStatus keeps a status that a component of the pipeline has chosen; any
// other refusal, such as the memory limiter's, is worth trying again.
func pipelineStatus(err error) error {
	if _, chosen := status.FromError(err); chosen {
		return err
	}
	return status.Errorf(codes.Unavailable, "the pipeline refused the batch, send it again: %v", err)
}

func rejectReason(err error) string { return codeReason(status.Code(wire.Status(err))) }

func codeReason(code codes.Code) string {
	switch code {
	case codes.InvalidArgument:
		return "invalid"
	case codes.ResourceExhausted:
		return "too_large"
	case codes.FailedPrecondition:
		return "not_ready"
	default:
		return "pipeline"
	}
}
