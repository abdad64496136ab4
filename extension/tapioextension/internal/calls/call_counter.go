// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// callCounter counts connections and the calls that fail, also those that an
// authenticator refuses before any of our code sees them.
type callCounter struct{ calls *Calls }

var _ stats.Handler = (*callCounter)(nil)

// TagRPC implements stats.Handler.
func (*callCounter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler. A client that hangs up, as one does that
// has followed enough, was not refused.
func (c *callCounter) HandleRPC(_ context.Context, event stats.RPCStats) {
	end, ok := event.(*stats.End)
	if !ok || end.Error == nil {
		return
	}
	if code := status.Code(end.Error); code != codes.Canceled {
		c.calls.rejected.add(code.String())
	}
}

// TagConn implements stats.Handler.
func (*callCounter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (c *callCounter) HandleConn(_ context.Context, event stats.ConnStats) {
	switch event.(type) {
	case *stats.ConnBegin:
		c.calls.connections.Add(1)
	case *stats.ConnEnd:
		c.calls.connections.Add(-1)
	}
}

// OpenConnections is the number of gRPC connections open now.
func (c *Calls) OpenConnections() uint64 { return uint64(max(c.connections.Load(), 0)) }

// CountRefusal counts a request that was refused before it became a call.
func (c *Calls) CountRefusal(code codes.Code) { c.rejected.add(code.String()) }

// RejectedCalls counts calls that ended with an error, by status code.
func (c *Calls) RejectedCalls() map[string]uint64 { return c.rejected.snapshot() }

// DroppedStreams counts streams that the server ended, by reason.
func (c *Calls) DroppedStreams() map[string]uint64 { return c.dropped.snapshot() }
