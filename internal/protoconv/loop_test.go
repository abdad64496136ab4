// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/query"
)

func TestLoopErrorRoundTrip(t *testing.T) {
	for _, self := range []bool{false, true} {
		sent := Status(fmt.Errorf("within: %w", &query.LoopError{Server: "a", Self: self}))
		require.Equal(t, codes.FailedPrecondition, status.Code(sent))
		received, ok := errors.AsType[*query.LoopError](ErrorOf(sent))
		require.True(t, ok)
		require.Equal(t, &query.LoopError{Server: "a", Self: self}, received)
	}
	other := status.Error(codes.FailedPrecondition, "something else")
	_, ok := errors.AsType[*query.LoopError](ErrorOf(other))
	require.False(t, ok)
}
