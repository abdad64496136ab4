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

// write passes a batch into the pipeline and acknowledges it. Faults of single
// events are in the acknowledgement; an error means that nothing was accepted.
func (s *Server) write(ctx context.Context, batch *tapiov1.EventBatch, field string) (*tapiov1.BatchAck, error) {
	if len(batch.GetPayload()) > 0 {
		return s.settle(batch)(s.passPayload(ctx, batch, field))
	}
	events, failures, err := wire.EventsFromBatch(batch, field)
	if err != nil {
		return s.settle(batch)(0, nil, err)
	}
	return s.settle(batch)(s.passEvents(ctx, events, failures))
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
	if err != nil {
		ack, err := s.settle(batch)(0, nil, err)
		return s.keepStream(batch, ack, err)
	}
	ack, err := s.settle(batch)(s.passEvents(ctx, []tapio.Event{event}, nil))
	return s.keepStream(batch, ack, err)
}

// keepStream turns an error into an acknowledgement, unless it ends the stream.
func (s *Server) keepStream(batch *tapiov1.EventBatch, ack *tapiov1.BatchAck, err error) (*tapiov1.BatchAck, error) {
	if err == nil || errors.Is(err, errShuttingDown) || errors.Is(err, errNoReceiver) {
		return ack, err
	}
	return wire.Ack(batch, 0, []*tapiov1.EventFailure{wire.BatchFailure(err)}, s.Now()), nil
}

// settle counts what became of a batch and acknowledges it.
func (s *Server) settle(batch *tapiov1.EventBatch) func(int, []*tapiov1.EventFailure, error) (*tapiov1.BatchAck, error) {
	return func(accepted int, failures []*tapiov1.EventFailure, err error) (*tapiov1.BatchAck, error) {
		if err != nil {
			s.ingest.rejected.add(rejectReason(err), uint64(max(len(batch.GetEvents()), 1)))
			return nil, err
		}
		ack := wire.Ack(batch, accepted, failures, s.Now())
		s.ingest.accepted.Add(ack.GetAcceptedCount())
		for _, failure := range failures {
			s.ingest.rejected.add(codeReason(codes.Code(failure.GetCode())), 1)
		}
		return ack, nil
	}
}

func (s *Server) passEvents(
	ctx context.Context, events []tapio.Event, failures []*tapiov1.EventFailure,
) (int, []*tapiov1.EventFailure, error) {
	in := &s.ingest
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.sink == nil {
		return 0, nil, in.notAttached()
	}
	if len(events) == 0 {
		return 0, failures, nil
	}
	return outcome(len(events), failures, in.sink.WriteEvents(ctx, events))
}

func (s *Server) passPayload(
	ctx context.Context, batch *tapiov1.EventBatch, field string,
) (int, []*tapiov1.EventFailure, error) {
	payload, err := wire.Payload(batch, field, s.MaxReceiveMessageBytes)
	if err != nil {
		return 0, nil, err
	}
	in := &s.ingest
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.sink == nil {
		return 0, nil, in.notAttached()
	}
	n, err := in.sink.WritePayload(ctx, payload)
	if invalid, ok := errors.AsType[*tapio.FieldError](err); ok {
		return 0, nil, tapio.InvalidField(field+"."+invalid.Field, "%s", invalid.Problem)
	}
	return outcome(n, nil, err)
}

// outcome tells what the pipeline made of n records.
func outcome(n int, failures []*tapiov1.EventFailure, err error) (int, []*tapiov1.EventFailure, error) {
	if err == nil {
		return n, failures, nil
	}
	if refused, ok := errors.AsType[*tapio.RefusedError](err); ok {
		too := status.Error(codes.ResourceExhausted, refused.Error())
		return max(n-refused.Count, 0), append(failures, wire.BatchFailure(too)), nil
	}
	return 0, nil, pipelineStatus(err)
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
