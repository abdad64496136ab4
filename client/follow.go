// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Follow hands responses to handle until ctx ends, which is no error, or the
// server refuses, or handle returns an error. After a cut it goes on behind the
// last response that was handled: each event arrives at least once, unless the
// store evicted it meanwhile, which a response's loss reports. A stream that begins
// with the next record and is cut before its first response begins with the next
// record again.
func Follow(
	ctx context.Context, conn grpc.ClientConnInterface, req *tapiov1.SubscribeToEventsRequest, backoff Backoff,
	handle func(*tapiov1.SubscribeToEventsResponse) error,
) error {
	f := follower{client: tapiov1.NewTapioServiceClient(conn), req: proto.CloneOf(req), handle: handle}
	for failures := 0; ; failures++ {
		handled, err := f.stream(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case f.failed != nil:
			return f.failed
		case errors.Is(err, io.EOF) && req.GetHistoryOnly():
			return nil
		case !passes(err):
			return err
		}
		if handled {
			failures = 0
		}
		if !sleep(ctx, max(retryAfter(err), backoff.delay(failures))) {
			return nil
		}
	}
}

type follower struct {
	client tapiov1.TapioServiceClient
	req    *tapiov1.SubscribeToEventsRequest
	handle func(*tapiov1.SubscribeToEventsResponse) error
	failed error // of handle
}

// stream follows one stream to its end.
func (f *follower) stream(ctx context.Context) (handled bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := f.client.SubscribeToEvents(ctx, f.req)
	if err != nil {
		return false, err
	}
	for {
		resp, err := stream.Recv()
		if err != nil {
			return handled, err
		}
		if f.failed = f.handle(resp); f.failed != nil {
			return handled, f.failed
		}
		handled = true
		if token := resp.GetResumeToken(); token != "" {
			f.req.ResumeToken, f.req.Start = token, nil
		}
	}
}
