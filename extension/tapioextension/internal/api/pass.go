// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// pass gives a batch to the pipeline: as the payload it is, as the payload that
// its events make, or else event by event.
func (s *Server) pass(ctx context.Context, in *protoconv.Inbound, field string) (outcome, error) {
	if len(in.Batch.GetPayload()) > 0 {
		return s.passPayload(ctx, in.Batch, field)
	}
	leave, err := s.holdEvents(ctx, in)
	if err != nil {
		return outcome{}, err
	}
	defer leave()
	done, err := s.passEncoded(ctx, in)
	if !errors.Is(err, errNotPlain) {
		return done, err
	}
	events, failures, err := in.Decode(field)
	if err != nil {
		return outcome{}, err
	}
	return s.passEvents(ctx, events, failures)
}

// holdEvents holds the memory that decoding the events takes.
func (s *Server) holdEvents(ctx context.Context, in *protoconv.Inbound) (leave func(), err error) {
	if in.Single {
		return s.Intake.Event(ctx, in.Content())
	}
	return s.Intake.Events(ctx, in.Content())
}

// errNotPlain says that events must be decoded one by one.
var errNotPlain = errors.New("not plain")

// passEncoded passes events on without decoding them here.
func (s *Server) passEncoded(ctx context.Context, in *protoconv.Inbound) (outcome, error) {
	transcoder, _ := s.ingest.transcoders.Get().(*protoconv.Transcoder)
	if transcoder == nil {
		transcoder = new(protoconv.Transcoder)
	}
	defer s.ingest.transcoders.Put(transcoder) // the pipeline keeps nothing of it
	payload, ok := transcoder.Payload(in)
	if !ok {
		return outcome{}, errNotPlain
	}
	done, err := s.consume(ctx, payload)
	if _, invalid := errors.AsType[*model.FieldError](err); invalid {
		return outcome{}, errNotPlain // so that the fault gets the name of its event
	}
	return done, err
}

func (s *Server) passPayload(ctx context.Context, batch *tapiov1.EventBatch, field string) (outcome, error) {
	payload, err := protoconv.Payload(batch, field, s.MaxReceiveMessageBytes)
	if err != nil {
		return outcome{}, err
	}
	leave, err := s.Intake.Logs(ctx, payload)
	if err != nil {
		return outcome{}, err
	}
	defer leave()
	done, err := s.consume(ctx, payload)
	if invalid, ok := errors.AsType[*model.FieldError](err); ok {
		return outcome{}, model.InvalidField(field+"."+invalid.Field, "%s", invalid.Problem)
	}
	return done, err
}

func (s *Server) consume(ctx context.Context, payload []byte) (outcome, error) {
	in := &s.ingest
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.sink == nil {
		return outcome{}, s.notAttached()
	}
	n, err := in.sink.WritePayload(ctx, payload)
	if _, invalid := errors.AsType[*model.FieldError](err); invalid {
		return outcome{}, err
	}
	return outcome{records: n, accepted: n, bytes: len(payload)}.after(err)
}

func (s *Server) passEvents(ctx context.Context, events []model.Event, failures []*tapiov1.EventFailure) (outcome, error) {
	in := &s.ingest
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.sink == nil {
		return outcome{}, s.notAttached()
	}
	done := outcome{records: len(events) + len(failures), accepted: len(events), failures: failures}
	if len(events) == 0 {
		return done, nil
	}
	return done.after(in.sink.WriteEvents(ctx, events))
}

// after returns the outcome given the pipeline's answer.
func (o outcome) after(err error) (outcome, error) {
	if err == nil {
		return o, nil
	}
	refused, ok := errors.AsType[*model.RefusedError](err)
	if !ok {
		return outcome{}, pipelineStatus(err)
	}
	o.accepted = max(o.accepted-refused.Count, 0)
	o.failures = append(o.failures, protoconv.BatchFailure(status.Error(codes.ResourceExhausted, refused.Error())))
	return o, nil
}

// notAttached says why nothing can be written: no receiver is configured, or, which
// passes, the server starts or stops, as it does when the configuration is reloaded.
func (s *Server) notAttached() error {
	if s.ingest.attached == "" && s.calls.serving.Load() {
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
