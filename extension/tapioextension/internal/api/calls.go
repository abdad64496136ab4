// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/wire"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

var errShuttingDown = status.Error(codes.Unavailable,
	"the server is stopping or reloads its configuration: connect again")

// calls is what happens to every call, whatever the method.
type calls struct {
	serving  atomic.Bool
	open     atomic.Int64
	max      int64
	rejected counter
	live     context.Context // ends when streams must end
	end      context.CancelFunc
	missing  map[string]string
}

func (c *calls) init(maxStreams int) {
	c.max = int64(maxStreams)
	c.live, c.end = context.WithCancel(context.Background())
	c.missing = missingEngines()
}

// ServerOptions are the interceptors that every server of these services needs.
func (s *Server) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.ChainUnaryInterceptor(s.unary),
		grpc.ChainStreamInterceptor(s.stream),
	}
}

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	defer func() { err = s.finish(info.FullMethod, recover(), err) }()
	if err := s.calls.planned(info.FullMethod); err != nil {
		return nil, err
	}
	if info.FullMethod == tapiov1.CollectorService_SendEventBatch_FullMethodName {
		// A write that a stuck pipeline holds would hold up the receiver's stop.
		var cancel context.CancelCauseFunc
		ctx, cancel = s.calls.untilStop(ctx)
		defer cancel(nil)
	}
	return handle(ctx, req)
}

// untilStop returns a context that also ends when live streams must end.
func (c *calls) untilStop(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.live, func() { cancel(errShuttingDown) })
	return ctx, func(cause error) {
		stop()
		cancel(cause)
	}
}

func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	defer func() { err = s.finish(info.FullMethod, recover(), err) }()
	if err := s.calls.planned(info.FullMethod); err != nil {
		return err
	}
	if !ours(info.FullMethod) { // health watches and reflection end by themselves
		return handle(srv, ss)
	}
	return s.liveStream(srv, ss, handle)
}

// liveStream bounds the number of streams and ends them when the server stops.
func (s *Server) liveStream(srv any, ss grpc.ServerStream, handle grpc.StreamHandler) error {
	if s.calls.live.Err() != nil {
		return errShuttingDown
	}
	defer s.calls.open.Add(-1)
	if s.calls.open.Add(1) > s.calls.max {
		return status.Errorf(codes.ResourceExhausted,
			"%d streams are open, the most is max_streams: %d: close one or raise it", s.calls.max, s.calls.max)
	}
	ctx, cancel := s.calls.untilStop(ss.Context())
	defer cancel(nil)
	err := handle(srv, &boundStream{ServerStream: ss, ctx: ctx})
	if err != nil && errors.Is(context.Cause(ctx), errShuttingDown) {
		return errShuttingDown
	}
	return err
}

// boundStream is a stream whose context also ends with the server.
type boundStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *boundStream) Context() context.Context { return s.ctx }

// finish turns any error into a status and counts it. A panic in a handler is a
// bug, but must not end the collector.
func (s *Server) finish(method string, panicked any, err error) error {
	if panicked != nil {
		err = s.panicError(method, panicked)
	}
	if err == nil {
		return nil
	}
	err = wire.Status(err)
	s.calls.rejected.add(status.Code(err).String(), 1)
	return err
}

// guard runs a part of a stream that has a goroutine of its own, where the
// interceptor cannot recover.
func (s *Server) guard(method string, part func() error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = s.panicError(method, panicked)
		}
	}()
	return part()
}

func (s *Server) panicError(method string, panicked any) error {
	s.Logger.Error("A call panicked; please report this", zap.String("method", method),
		zap.Any("panic", panicked), zap.ByteString("stack", debug.Stack()))
	return status.Error(codes.Internal, "the server failed on this call; its log says where")
}

func ours(method string) bool { return strings.HasPrefix(method, "/tapio.v1.") }

// planned answers methods whose engine this server does not have.
func (c *calls) planned(method string) error {
	if engine, missing := c.missing[method]; missing {
		return status.Errorf(codes.Unimplemented, "%s is not implemented: this server has no %s yet",
			strings.TrimPrefix(method, "/"), engine)
	}
	return nil
}
