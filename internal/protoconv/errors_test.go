// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/model"
)

func TestStatusCodes(t *testing.T) {
	require.NoError(t, Status(nil))
	for name, tc := range map[string]struct {
		err  error
		want codes.Code
	}{
		"cancelled": {fmt.Errorf("read: %w", context.Canceled), codes.Canceled},
		"deadline":  {context.DeadlineExceeded, codes.DeadlineExceeded},
		"too large": {fmt.Errorf("batch: %w", ErrPayloadTooLarge), codes.ResourceExhausted},
		"status":    {status.Error(codes.NotFound, "no"), codes.NotFound},
		"wrapped":   {fmt.Errorf("x: %w", status.Error(codes.Unavailable, "no")), codes.Unavailable},
		"other":     {errors.New("broken"), codes.Internal},
		"field":     {fmt.Errorf("x: %w", model.InvalidField("f", "p")), codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.want, status.Code(Status(tc.err)))
		})
	}
}

func TestStatusNamesTheField(t *testing.T) {
	got := status.Convert(Status(model.InvalidField("filter.limit", "must be %d", 7)))
	assert.Equal(t, "filter.limit: must be 7", got.Message())
	require.Len(t, got.Details(), 1)
	requireSame(t, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "filter.limit", Description: "must be 7"},
	}}, got.Details()[0].(*errdetails.BadRequest))
}

func TestErrorsOfOtherServersNameWhatToDo(t *testing.T) {
	for message, test := range map[string]struct {
		code codes.Code
		want string
	}{
		"invalid token": {codes.Unauthenticated, "refused the credentials of this server: invalid token"},
		"admin only":    {codes.PermissionDenied, "refused the credentials of this server: admin only"},
		"unexpected HTTP status code received from server: 415 (Unsupported Media Type); transport: received unexpected content-type \"application/json\"\ndata: {}": {
			codes.Unknown, "is no gRPC server (unexpected HTTP status code received from server: 415 (Unsupported Media Type)): " +
				"name the gRPC address, whose port is 4417 by default",
		},
		"unknown method GetLogs": {codes.Unimplemented, "does not have this call, it may be an older release: unsupported operation: unknown method GetLogs"},
		"a bug":                  {codes.Internal, "a bug (Internal)"},
		"odd":                    {codes.Unknown, "odd (Unknown)"},
	} {
		assert.EqualError(t, ErrorOf(status.Error(test.code, message)), test.want)
	}
	assert.ErrorIs(t, ErrorOf(status.Error(codes.Unimplemented, "x")), errors.ErrUnsupported)
}
