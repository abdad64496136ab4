// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// stream sends what is pending, from the first batch on, over one stream, until
// it is cut. The error says why.
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
		cancel(w.sendAll(ctx, stream, first))
	}()
	err = w.receiveAll(stream)
	cancel(err)
	<-sending // before the batches are sent on another stream
	return err
}

func (w *Writer) sendAll(ctx context.Context, stream tapiov1.TapioService_StreamEventsClient, batch *tapiov1.EventBatch) error {
	for {
		if err := w.pace(ctx, len(batch.GetEvents())); err != nil {
			return err
		}
		err := stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: batch}})
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
		if want := w.first().GetBatchId(); ack.GetBatchId() != want {
			return status.Errorf(codes.Aborted, "batch %q was acknowledged where %q is due", ack.GetBatchId(), want)
		}
		if err := refusal(ack); err != nil {
			return err
		}
		w.settle(ack)
	}
}

// refusal is the error of a batch that the server wants again.
func refusal(ack *tapiov1.BatchAck) error {
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
	default:
		return nil // it would be refused again
	}
}

func withRetry(code codes.Code, message string, after time.Duration) error {
	plain := status.New(code, message)
	detailed, err := plain.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
	if err != nil {
		return fmt.Errorf("%w (again after %v)", plain.Err(), after)
	}
	return detailed.Err()
}
