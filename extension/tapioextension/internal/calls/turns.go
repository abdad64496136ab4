// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	// queryWait is how long a query waits for its turn.
	queryWait = 10 * time.Second
	// waitingPerTurn bounds the queries of one client that wait, by the turns there are.
	waitingPerTurn = 4
)

// newTurns makes the turns of queries: one client can hold three quarters of them.
func newTurns(queries int) *query.Turns {
	return query.NewTurns(queries, query.ShareOf(queries), waitingPerTurn*queries)
}

// isQuery reports whether a unary call reads telemetry.
func isQuery(method string) bool {
	switch method {
	case tapiov1.TapioService_HealthCheck_FullMethodName, tapiov1.TapioService_GetServiceInfo_FullMethodName:
		return false // answered from figures at once
	default:
		rights := auth.RightsFor(method)
		return len(rights) == 1 && rights[0] == auth.ToRead
	}
}

// inTurn answers a query when it is the turn of its client.
func (c *Calls) inTurn(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if c.turns == nil || !isQuery(info.FullMethod) {
		return noted(ctx, req, handle)
	}
	waiting, cancel := context.WithTimeout(ctx, queryWait)
	defer cancel()
	if err := c.turns.Enter(waiting); err != nil {
		if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, ctx.Err()
		}
		return nil, &admission.Error{Reason: "queries", After: time.Second, Why: fmt.Sprintf(
			"the query of %s had no turn: %d queries are answered at once (limits::max_queries), of which one client has at most %d: try again in a second, or raise it",
			auth.CallerOf(ctx), c.Limits.Queries, query.ShareOf(c.Limits.Queries))}
	}
	defer c.turns.Leave(ctx)
	return noted(ctx, req, handle)
}

// Turns are the turns of queries over gRPC and JSON, none without a limit.
func (c *Calls) Turns() []*query.Turns {
	if c.turns == nil {
		return nil
	}
	return []*query.Turns{c.turns}
}
