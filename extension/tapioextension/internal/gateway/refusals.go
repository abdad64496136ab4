// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/felixge/httpsnoop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
)

// A request over HTTP that becomes a call is counted by the server that is
// called. One that is refused before, by the authenticator or for its form,
// reaches no server, and is counted here.

// calledKey is where a request keeps whether a call was made of it.
type calledKey struct{}

// CountRefusals counts the requests that are refused without a call; it goes
// round everything else.
func (g *Gateway) CountRefusals(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called, code := new(atomic.Bool), http.StatusOK
		watched := httpsnoop.Wrap(w, httpsnoop.Hooks{WriteHeader: func(write httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(status int) {
				code = status
				write(status)
			}
		}})
		next.ServeHTTP(watched, r.WithContext(context.WithValue(r.Context(), calledKey{}, called)))
		if code >= http.StatusBadRequest && !called.Load() {
			g.Calls.CountRefusal(refusalCode(code))
		}
	})
}

// InnerDialOptions are for the connection by which the gateway calls.
func InnerDialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(
			ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption,
		) error {
			noteCall(ctx)
			return call(ctx, method, req, reply, conn, options...)
		}),
		grpc.WithChainStreamInterceptor(func(
			ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			noteCall(ctx)
			if held, ok := ctx.Value(leaseKey{}).(*admission.Lease); ok {
				held.Release() // an answer without end needs no room for its question
			}
			stream, err := open(ctx, desc, conn, method, options...)
			if body, ok := ctx.Value(requestStreamKey{}).(*requestStream); ok && err == nil {
				return endedStream{ClientStream: stream, body: body}, nil
			}
			return stream, err
		}),
	}
}

func noteCall(ctx context.Context) {
	if called, ok := ctx.Value(calledKey{}).(*atomic.Bool); ok {
		called.Store(true)
	}
}

// refusalCode is the code that the refusal would have over gRPC.
func refusalCode(status int) codes.Code {
	switch status {
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusMethodNotAllowed:
		return codes.Unimplemented
	case http.StatusRequestEntityTooLarge:
		return codes.ResourceExhausted
	default:
		if status < http.StatusInternalServerError {
			return codes.InvalidArgument
		}
		return codes.Internal
	}
}
