// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

var errShuttingDown = unavailable("the server is stopping or reloads its configuration: connect again", 100*time.Millisecond)

// unavailable is an error that passes, with the time after which to try again as
// google.rpc.RetryInfo.
func unavailable(why string, after time.Duration) error {
	plain := status.New(codes.Unavailable, why)
	detailed, err := plain.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
	if err != nil { // the detail did not marshal; the message has the same content
		return plain.Err()
	}
	return detailed.Err()
}

// calls is what happens to every call, whatever the method.
type calls struct {
	serving     atomic.Bool
	rejected    counter         // calls, by status code
	dropped     counter         // streams that the server ended, by reason
	connections atomic.Int64    // of gRPC clients
	live        context.Context // ends when streams must end
	end         context.CancelFunc

	mu       sync.Mutex
	open     int // streams
	byClient map[string]int
}

func (c *calls) init() {
	c.byClient = map[string]int{}
	c.live, c.end = context.WithCancel(context.Background())
}

// ServerOptions are the interceptors that every server of these services needs.
func (s *Server) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.ChainUnaryInterceptor(s.unary),
		grpc.ChainStreamInterceptor(s.stream),
		grpc.StatsHandler(&callCounter{calls: &s.calls}),
		grpc.RPCDecompressor(lz4Decompressor{maxBytes: s.MaxReceiveMessageBytes}), //nolint:staticcheck // see lz4Decompressor
	}
}

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	defer func() { err = s.finish(info.FullMethod, recover(), err) }()
	if ours(info.FullMethod) {
		if ctx, err = s.admit(ctx, info.FullMethod); err != nil {
			return nil, err
		}
	}
	switch info.FullMethod {
	case tapiov1.CollectorService_SendEventBatch_FullMethodName, tapiov1.ObservabilityService_UploadProfile_FullMethodName:
		// A write that a stuck pipeline holds would hold up the receiver's stop.
		var cancel context.CancelCauseFunc
		ctx, cancel = s.calls.untilStop(ctx)
		defer cancel(nil)
	}
	return s.inTurn(ctx, req, info, handle)
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
	if !ours(info.FullMethod) { // health watches and reflection end by themselves
		return handle(srv, ss)
	}
	ctx, err := s.admit(ss.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return s.liveStream(srv, &knownStream{ServerStream: ss, ctx: ctx}, info.FullMethod, handle)
}

// knownStream is a stream of which is known who calls.
type knownStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *knownStream) Context() context.Context { return s.ctx }

// admit works out who calls, and refuses what is not to be answered.
func (s *Server) admit(ctx context.Context, method string) (context.Context, error) {
	ctx = s.withParent(s.withCaller(ctx))
	if err := s.allow(ctx, method); err != nil {
		return nil, err
	}
	ctx, err := s.withVisited(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.admission.call(callerOf(ctx)); err != nil {
		return nil, err
	}
	return ctx, nil
}

// enterStream counts a stream in, if there may be one more.
func (c *calls) enterStream(by caller, limits Limits) (leave func(), err error) {
	if c.live.Err() != nil {
		return nil, errShuttingDown
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	host := by.String()
	switch {
	case c.open >= limits.Streams:
		return nil, &busyError{reason: "streams", after: time.Second, why: fmt.Sprintf(
			"%d streams are open, the most is max_streams: %d: close one or raise it", c.open, limits.Streams)}
	case limits.StreamsPerClient > 0 && c.byClient[host] >= limits.StreamsPerClient:
		return nil, &busyError{reason: "streams", after: time.Second, why: fmt.Sprintf(
			"%s has %d streams open, the most is limits::client_streams: close one or raise it", host, c.byClient[host])}
	}
	c.open++
	c.byClient[host]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open--
		if c.byClient[host]--; c.byClient[host] == 0 {
			delete(c.byClient, host)
		}
	}, nil
}

func (c *calls) openStreams() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// finish turns any error into a status. A panic in a handler is a
// bug, but must not end the collector.
func (s *Server) finish(method string, panicked any, err error) error {
	if panicked != nil {
		err = s.panicError(method, panics.Recovered(panicked))
	}
	if err == nil {
		return nil
	}
	return protoconv.Status(err)
}

// guard runs a part of a stream that has a goroutine of its own, where the
// interceptor cannot recover.
func (s *Server) guard(method string, part func() error) (err error) {
	if panicked := panics.Catch(func() { err = part() }); panicked != nil {
		return s.panicError(method, panicked)
	}
	return err
}

func (s *Server) panicError(method string, panicked error) error {
	if s.Panicked != nil {
		s.Panicked(fmt.Errorf("%s: %w", method, panicked))
	}
	return status.Error(codes.Internal, "the server failed on this call; its log has the details")
}

func ours(method string) bool { return strings.HasPrefix(method, "/tapio.v1.") }
