// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
)

// errSlowReader has a time to wait, for the reader may come again.
var errSlowReader = &admission.Error{
	Why:    "the stream was read too slowly: continue from its last sequence or resume token, narrow the selection, or raise limits::slow_reader_timeout",
	Reason: "slow_reader", After: time.Second,
}

// liveStream bounds the streams, and ends them when the server stops or a reader
// is too slow. The handler has a goroutine of its own, for neither reading nor
// sending can be interrupted otherwise: both end once the stream has.
func (c *Calls) liveStream(srv any, ss grpc.ServerStream, method string, handle grpc.StreamHandler) error {
	leave, err := c.enterStream(auth.CallerOf(ss.Context()).String())
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := c.UntilStop(ss.Context())
	defer cancel(nil)
	stream := &boundStream{ServerStream: ss, cancel: cancel, patience: c.Limits.SlowReader, writing: make(chan struct{}, 1)}
	stream.ctx = context.WithValue(ctx, boundStreamKey{}, stream)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(method, func() error { return handle(srv, stream) }) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = c.cutShort(stream, ended)
	}
	return c.endOf(ctx, err)
}

// cutShort lets a write that is under way be acknowledged, for a short time, and
// keeps the next one from beginning.
func (c *Calls) cutShort(stream *boundStream, ended <-chan error) error {
	timer := time.NewTimer(lastWrite)
	defer timer.Stop()
	select {
	case stream.writing <- struct{}{}:
	case err := <-ended:
		return err
	case <-timer.C:
	}
	return context.Cause(stream.ctx)
}

// lastWrite is how long a stopping server waits for a write under way.
const lastWrite = time.Second

// endOf says and counts why a stream ended, where it was the server's doing.
func (c *Calls) endOf(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case err == nil:
	case errors.Is(cause, ErrShuttingDown):
		c.dropped.add("shutdown")
		return ErrShuttingDown
	case errors.Is(cause, errSlowReader):
		c.dropped.add(errSlowReader.Reason)
		return errSlowReader
	}
	return err
}

// boundStream is a stream whose context also ends with the server, or when its
// reader is too slow.
type boundStream struct {
	grpc.ServerStream
	ctx      context.Context
	cancel   context.CancelCauseFunc
	patience time.Duration
	writing  chan struct{} // full while a write is under way
}

type boundStreamKey struct{}

func (s *boundStream) Context() context.Context { return s.ctx }

// SendMsg blocks while the client reads nothing.
func (s *boundStream) SendMsg(m any) error {
	slow := time.AfterFunc(s.patience, func() { s.cancel(errSlowReader) })
	defer slow.Stop()
	return s.ServerStream.SendMsg(m)
}

// Whole runs a write and its acknowledgement so that the end of the server does
// not fall between the two.
func Whole(ctx context.Context, write func() error) error {
	stream, ok := ctx.Value(boundStreamKey{}).(*boundStream)
	if !ok {
		return write()
	}
	select {
	case stream.writing <- struct{}{}:
	default: // held by cutShort: the stream has ended
		return context.Cause(ctx)
	}
	err := write()
	<-stream.writing
	return err
}
