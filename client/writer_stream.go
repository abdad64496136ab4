// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// stream sends what is pending, from the first batch on, over one stream, until
// it is cut. The error reports why.
func (w *Writer) stream(ctx context.Context) error {
	w.rewind()
	first, err := w.next(ctx) // nothing to send is nothing to connect for
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := w.client.StreamEvents(ctx)
	if err != nil {
		return err
	}
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		cancel(caught(func() error { return w.sendAll(ctx, stream, first) }))
	}()
	err = w.receiveAll(stream)
	cancel(err)
	<-sending // before the batches are sent on another stream
	return err
}

func (w *Writer) sendAll(ctx context.Context, stream tapiov1.TapioService_StreamEventsClient, batch *pending) error {
	var packer packer
	for {
		if err := w.pace(ctx, len(batch.GetEvents())); err != nil {
			return err
		}
		message := packer.pack(batch.EventBatch, w.compression(batch))
		w.notePacked(batch, message != batch.EventBatch)
		err := stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: message}})
		if err != nil { // the reason comes by Recv, which ends the stream
			<-ctx.Done()
			return ctx.Err()
		}
		if batch, err = w.next(ctx); err != nil {
			return err
		}
	}
}

// receiveAll takes the acknowledgements, which come in the order of the batches.
func (w *Writer) receiveAll(stream tapiov1.TapioService_StreamEventsClient) error {
	for {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		ack := answer.GetAck()
		if ack == nil {
			continue // nothing else was asked for
		}
		batch := w.first()
		if batch == nil || ack.GetBatchId() != batch.GetBatchId() {
			return status.Errorf(codes.Aborted, "batch %q was acknowledged, which is not due", ack.GetBatchId())
		}
		if err := w.refusal(batch, ack); err != nil {
			return err
		}
		w.settle(ack)
	}
}

// errPlainer ends a stream of which a payload was refused: the events go as they
// are then, so that the server can name the one at fault, and takes the others.
var errPlainer = errors.New("the server did not take a payload")

// refusal is the error of a batch that the server wants again.
func (w *Writer) refusal(batch *pending, ack *tapiov1.BatchAck) error {
	if ack.GetAcceptedCount() > 0 || len(ack.GetFailures()) != 1 || ack.GetFailures()[0].GetIndex() >= 0 {
		return nil
	}
	failure := ack.GetFailures()[0]
	code := codes.Code(failure.GetCode())
	switch {
	case ack.GetRetryAfter() != nil:
		return withRetry(code, failure.GetMessage(), ack.GetRetryAfter().AsDuration())
	case code == codes.Unavailable, code == codes.DeadlineExceeded, code == codes.Canceled:
		return status.Error(codes.Unavailable, failure.GetMessage())
	case w.makePlain(batch):
		return errPlainer
	default:
		return nil // it would be refused again
	}
}

// compression is how the batch is to go over the network.
func (w *Writer) compression(batch *pending) tapiov1.Compression {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case batch.plain:
		return tapiov1.Compression_COMPRESSION_UNSPECIFIED
	case w.flow != nil:
		return w.flow.GetCompression()
	default:
		return w.options.Compression
	}
}

func (w *Writer) notePacked(batch *pending, packed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch.packed = packed
}

// makePlain keeps a batch that went as a payload from going so again.
func (w *Writer) makePlain(batch *pending) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch.plain = batch.packed
	return batch.plain
}

func withRetry(code codes.Code, message string, after time.Duration) error {
	plain := status.New(code, message)
	detailed, err := plain.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
	if err != nil {
		return fmt.Errorf("%w (again after %v)", plain.Err(), after)
	}
	return detailed.Err()
}
