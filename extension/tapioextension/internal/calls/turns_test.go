// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A client whose queries take all of its turns does not hold up another one, nor calls
// that are no queries. Its own further queries are refused after a while.
func TestQueriesOfOneClientDoNotStarveAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Calls{Options: Options{Limits: admission.Limits{Queries: 4}}, turns: newTurns(4)}
		release := make(chan struct{})
		stuck := func(context.Context, any) (any, error) { <-release; return &tapiov1.GetLogsResponse{}, nil }
		call := func(client, method string, handle grpc.UnaryHandler) error {
			ctx := auth.WithCaller(t.Context(), auth.Caller{Name: client})
			_, err := s.inTurn(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, handle)
			return err
		}
		const logs = tapiov1.ObservabilityService_GetLogs_FullMethodName
		errs := make(chan error, 4)
		for range 4 {
			go func() { errs <- call("greedy", logs, stuck) }()
		}
		synctest.Wait()
		answer := func(context.Context, any) (any, error) { return &tapiov1.GetLogsResponse{}, nil }
		require.NoError(t, call("modest", logs, answer))
		require.NoError(t, call("greedy", tapiov1.TapioService_HealthCheck_FullMethodName, answer))
		require.NoError(t, call("greedy", tapiov1.CollectorService_SendEventBatch_FullMethodName, answer))

		refused := protoconv.Status(<-errs) // the fourth one, after queryWait
		require.Equal(t, codes.ResourceExhausted, status.Code(refused))
		require.ErrorContains(t, refused, "the query of greedy had no turn: 4 queries are answered at once (limits::max_queries), of which one client has at most 3")
		require.Equal(t, uint64(1), s.Turns()[0].Waited())
		require.Equal(t, uint64(1), s.Turns()[0].Refused())
		close(release)
		for range 3 {
			require.NoError(t, <-errs)
		}
		require.NoError(t, call("greedy", logs, answer))
	})
}
