// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/tapio/tapio/internal/query"
)

// visitedHeader lists the IDs of the servers that have passed a query on, in order.
const visitedHeader = "tapio-visited"

// withVisited refuses a query that this server has passed on itself, and returns a
// context whose calls list the servers before this one.
func (c *Calls) withVisited(ctx context.Context) (context.Context, error) {
	visited := metadata.ValueFromIncomingContext(ctx, visitedHeader)
	if c.ID == "" || len(visited) == 0 {
		return ctx, nil
	}
	if at := slices.Index(visited, c.ID); at >= 0 {
		return nil, &query.LoopError{Server: c.ID, Self: at == len(visited)-1}
	}
	return metadata.NewOutgoingContext(ctx, metadata.MD{visitedHeader: visited}), nil
}

// VisitedOptions make the calls of a connection to a member list this server, too.
func VisitedOptions(id string) []grpc.DialOption {
	mark := func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, visitedHeader, id)
	}
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(
			ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
		) error {
			return invoke(mark(ctx), method, req, reply, conn, opts...)
		}),
		grpc.WithChainStreamInterceptor(func(
			ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			return open(mark(ctx), desc, conn, method, opts...)
		}),
	}
}
