// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// pass gives a batch to the pipeline: as the payload it is, as the payload that
// its events make, or else event by event.
func (p *Events) pass(ctx context.Context, in *protoconv.Inbound, field string) (outcome, error) {
	if len(in.Batch.GetPayload()) > 0 {
		return p.passPayload(ctx, in.Batch, field)
	}
	leave, err := p.holdEvents(ctx, in)
	if err != nil {
		return outcome{}, err
	}
	defer leave()
	done, err := p.passEncoded(ctx, in)
	if !errors.Is(err, errNotPlain) {
		return done, err
	}
	events, failures, err := in.Decode(field)
	if err != nil {
		return outcome{}, err
	}
	return p.passEvents(ctx, events, failures)
}

// holdEvents holds the memory that decoding the events takes.
func (p *Events) holdEvents(ctx context.Context, in *protoconv.Inbound) (leave func(), err error) {
	if in.Single {
		return p.Intake.Event(ctx, in.Content())
	}
	return p.Intake.Events(ctx, in.Content())
}

// errNotPlain says that events must be decoded one by one.
var errNotPlain = errors.New("not plain")

// passEncoded passes events on without decoding them here.
func (p *Events) passEncoded(ctx context.Context, in *protoconv.Inbound) (outcome, error) {
	transcoder, _ := p.transcoders.Get().(*protoconv.Transcoder)
	if transcoder == nil {
		transcoder = new(protoconv.Transcoder)
	}
	defer p.transcoders.Put(transcoder) // the pipeline keeps nothing of it
	payload, ok := transcoder.Payload(in)
	if !ok {
		return outcome{}, errNotPlain
	}
	done, err := p.consume(ctx, payload)
	if _, invalid := errors.AsType[*model.FieldError](err); invalid {
		return outcome{}, errNotPlain // so that the fault gets the name of its event
	}
	return done, err
}

func (p *Events) passPayload(ctx context.Context, batch *tapiov1.EventBatch, field string) (outcome, error) {
	payload, err := protoconv.Payload(batch, field, p.MaxReceiveMessageBytes)
	if err != nil {
		return outcome{}, err
	}
	leave, err := p.Intake.Logs(ctx, payload)
	if err != nil {
		return outcome{}, err
	}
	defer leave()
	done, err := p.consume(ctx, payload)
	if invalid, ok := errors.AsType[*model.FieldError](err); ok {
		return outcome{}, model.InvalidField(field+"."+invalid.Field, "%s", invalid.Problem)
	}
	return done, err
}

func (p *Events) consume(ctx context.Context, payload []byte) (outcome, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.sink == nil {
		return outcome{}, p.notAttached()
	}
	n, err := p.sink.WritePayload(ctx, payload)
	if _, invalid := errors.AsType[*model.FieldError](err); invalid {
		return outcome{}, err
	}
	return outcome{records: n, accepted: n, bytes: len(payload)}.after(err)
}

func (p *Events) passEvents(ctx context.Context, events []model.Event, failures []*tapiov1.EventFailure) (outcome, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.sink == nil {
		return outcome{}, p.notAttached()
	}
	done := outcome{records: len(events) + len(failures), accepted: len(events), failures: failures}
	if len(events) == 0 {
		return done, nil
	}
	return done.after(p.sink.WriteEvents(ctx, events))
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
func (p *Events) notAttached() error {
	if p.attached == "" && p.Calls.Serving() {
		return errNoReceiver
	}
	return calls.ErrShuttingDown
}

// pipelineStatus keeps a status that a component of the pipeline has chosen; any
// other refusal, such as the memory limiter's, is worth trying again.
func pipelineStatus(err error) error {
	if _, chosen := status.FromError(err); chosen {
		return err
	}
	return status.Errorf(codes.Unavailable, "the pipeline refused the batch, send it again: %v", err)
}

// WriteOwn passes events of the extension itself into the pipeline, by way of the tapio
// receiver. An error means that some were not accepted.
func (p *Events) WriteOwn(ctx context.Context, events []model.Event) error {
	done, err := p.passEvents(ctx, events, nil)
	if err != nil {
		return err
	}
	if refused := done.records - done.accepted; refused > 0 {
		return fmt.Errorf("the pipeline refused %d of %d events", refused, done.records)
	}
	return nil
}
