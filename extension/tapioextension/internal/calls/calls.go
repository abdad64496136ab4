// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package calls is what happens to every call, whatever the method: who calls is found out, what
// is too much is refused, streams end with the server, panics and errors become a status.
package calls

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

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// ErrShuttingDown ends what a stopping server cannot wait for.
var ErrShuttingDown = unavailable("the server is stopping or reloads its configuration: connect again", 100*time.Millisecond)

// unavailable is an error that passes, with the time after which to try again as
// google.rpc.RetryInfo.
func unavailable(why string, after time.Duration) error {
	plain := status.New(codes.Unavailable, why)
	detailed, err := plain.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
	if err != nil { // the detail did not marshal; the message says it all the same
		return plain.Err()
	}
	return detailed.Err()
}

// Options is what calls need. All fields but ID and Panicked are required.
type Options struct {
	Guard     *auth.Guard
	Admission *admission.Writes
	Limits    admission.Limits
	// ID is of this run of the server, if it reads from others: a query that has passed
	// it is refused.
	ID                     string
	MaxReceiveMessageBytes int
	// Panicked is called for each panic that was recovered; nil: it is only logged.
	Panicked func(err error)
}

// Calls is what the calls of one server share.
type Calls struct {
	Options
	serving     atomic.Bool
	rejected    counter         // calls, by status code
	dropped     counter         // streams that the server ended, by reason
	connections atomic.Int64    // of gRPC clients
	turns       *query.Turns    // of queries; nil: without bound
	live        context.Context // ends when streams must end
	stop        context.CancelFunc

	mu       sync.Mutex
	open     int // streams
	byClient map[string]int
}

// New serves nothing before SetServing(true).
func New(options Options) *Calls {
	c := &Calls{Options: options, byClient: map[string]int{}}
	if options.Limits.Queries > 0 {
		c.turns = newTurns(options.Limits.Queries)
	}
	c.live, c.stop = context.WithCancel(context.Background())
	return c
}

// SetServing sets whether the pipelines run.
func (c *Calls) SetServing(serving bool) { c.serving.Store(serving) }

// Serving reports whether the pipelines run.
func (c *Calls) Serving() bool { return c.serving.Load() }

// End ends every live stream with UNAVAILABLE and refuses new ones.
func (c *Calls) End() { c.stop() }

// Ended reports whether End was called.
func (c *Calls) Ended() bool { return c.live.Err() != nil }

// ServerOptions are the interceptors that every server of these services needs.
func (c *Calls) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.ChainUnaryInterceptor(c.unary),
		grpc.ChainStreamInterceptor(c.stream),
		grpc.StatsHandler(&callCounter{calls: c}),
		grpc.RPCDecompressor(lz4Decompressor{maxBytes: c.MaxReceiveMessageBytes}), //nolint:staticcheck // see lz4Decompressor
	}
}

func (c *Calls) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	defer func() { err = c.finish(info.FullMethod, recover(), err) }()
	if ours(info.FullMethod) {
		if ctx, err = c.admit(ctx, info.FullMethod); err != nil {
			return nil, err
		}
	}
	switch info.FullMethod {
	case tapiov1.CollectorService_SendEventBatch_FullMethodName, tapiov1.ObservabilityService_UploadProfile_FullMethodName:
		// A write that a stuck pipeline holds would hold up the receiver's stop.
		var cancel context.CancelCauseFunc
		ctx, cancel = c.UntilStop(ctx)
		defer cancel(nil)
	}
	return c.inTurn(ctx, req, info, handle)
}

// UntilStop returns a context that also ends when live streams must end.
func (c *Calls) UntilStop(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(c.live, func() { cancel(ErrShuttingDown) })
	return ctx, func(cause error) {
		forget()
		cancel(cause)
	}
}

func (c *Calls) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	defer func() { err = c.finish(info.FullMethod, recover(), err) }()
	if !ours(info.FullMethod) { // health watches and reflection end by themselves
		return handle(srv, ss)
	}
	ctx, err := c.admit(ss.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return c.liveStream(srv, &knownStream{ServerStream: ss, ctx: ctx}, info.FullMethod, handle)
}

// knownStream is a stream of which is known who calls.
type knownStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *knownStream) Context() context.Context { return s.ctx }

// admit works out who calls, and refuses what is not to be answered.
func (c *Calls) admit(ctx context.Context, method string) (context.Context, error) {
	ctx = c.Guard.Identify(ctx)
	if err := c.Guard.Allow(ctx, method); err != nil {
		return nil, err
	}
	ctx, err := c.withVisited(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.Admission.Call(auth.CallerOf(ctx).String()); err != nil {
		return nil, err
	}
	return ctx, nil
}

// enterStream counts a stream in, if there may be one more.
func (c *Calls) enterStream(client string) (leave func(), err error) {
	if c.live.Err() != nil {
		return nil, ErrShuttingDown
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	limits := c.Limits
	switch {
	case c.open >= limits.Streams:
		return nil, &admission.Error{Reason: "streams", After: time.Second, Why: fmt.Sprintf(
			"%d streams are open, the most is max_streams: %d: close one or raise it", c.open, limits.Streams)}
	case limits.StreamsPerClient > 0 && c.byClient[client] >= limits.StreamsPerClient:
		return nil, &admission.Error{Reason: "streams", After: time.Second, Why: fmt.Sprintf(
			"%s has %d streams open, the most is limits::client_streams: close one or raise it", client, c.byClient[client])}
	}
	c.open++
	c.byClient[client]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open--
		if c.byClient[client]--; c.byClient[client] == 0 {
			delete(c.byClient, client)
		}
	}, nil
}

// OpenStreams is the number of streams open now.
func (c *Calls) OpenStreams() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint64(c.open)
}

// finish turns any error into a status. A panic in a handler is a
// bug, but must not end the collector.
func (c *Calls) finish(method string, panicked any, err error) error {
	if panicked != nil {
		err = c.PanicError(method, panics.Recovered(panicked))
	}
	if err == nil {
		return nil
	}
	return protoconv.Status(err)
}

// Run runs a part of a stream that has a goroutine of its own, where the
// interceptor cannot recover.
func (c *Calls) Run(method string, part func() error) (err error) {
	if panicked := panics.Catch(func() { err = part() }); panicked != nil {
		return c.PanicError(method, panicked)
	}
	return err
}

// PanicError stands for a panic; its own error names no cause.
func (c *Calls) PanicError(method string, panicked error) error {
	if c.Panicked != nil {
		c.Panicked(fmt.Errorf("%s: %w", method, panicked))
	}
	return status.Error(codes.Internal, "the server failed on this call; its log has the details")
}

func ours(method string) bool { return strings.HasPrefix(method, "/tapio.v1.") }
